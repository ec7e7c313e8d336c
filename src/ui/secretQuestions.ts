import { untrustedText } from '../core/failure.ts';
import type { Login, SecretAnswer, SecretQuestion } from '../protocol/messages.ts';
import { withoutLinks } from './format.ts';
import type { PromptQueue } from './promptQueue.ts';
import type { Secret, SecretOptions } from './quickInput.ts';

/** What keeps secrets; the editor's SecretStorage behind it. */
export interface Vault {
  get(key: string): Promise<string | undefined>;
  put(key: string, secret: string): Promise<void>;
}

export type AskSecret = (options: SecretOptions, signal: AbortSignal) => Promise<Secret | undefined>;

const CANCELLED: SecretAnswer = { isCancelled: true };

/**
 * Answers the plane's questions for passwords, passphrases and the server's own prompts. A remembered secret is given
 * once, at the first asking; what is to be remembered is kept only after the server has let the user in.
 */
export class SecretQuestions {
  readonly #vault: Vault;
  readonly #queue: PromptQueue;
  readonly #ask: AskSecret;
  /** Secrets to remember once the login succeeds: login → key → secret. */
  readonly #pending = new Map<string, Map<string, string>>();

  constructor(vault: Vault, queue: PromptQueue, ask: AskSecret) {
    this.#vault = vault;
    this.#queue = queue;
    this.#ask = ask;
  }

  async answer(question: SecretQuestion, signal: AbortSignal): Promise<SecretAnswer> {
    const key = keyOf(question);
    // Without a keyring the storage rejects; then nothing is remembered.
    const remembered = key !== undefined && question.attempt === 1 ? await this.#vault.get(key).catch(() => undefined) : undefined;
    if (remembered !== undefined) return { isCancelled: false, answers: [remembered] };
    const answer = await this.#queue.run(() => this.#askAll(question, key, signal), signal);
    return answer ?? CANCELLED;
  }

  /** The server let the user in: what was to be remembered has proved right. */
  async onLoggedIn(login: Login): Promise<void> {
    const pending = this.#pending.get(loginOf(login));
    this.#pending.delete(loginOf(login));
    for (const [key, secret] of pending ?? []) await this.#vault.put(key, secret);
  }

  async #askAll(question: SecretQuestion, key: string | undefined, signal: AbortSignal): Promise<SecretAnswer> {
    // Whatever was to be remembered of an earlier try was refused, or nobody would ask again.
    if (key !== undefined) this.#pending.get(loginOf(question))?.delete(key);
    const answers: string[] = [];
    for (const [index, prompt] of question.prompts.entries()) {
      const secret = await this.#ask(boxFor(question, index, key !== undefined), signal);
      if (secret === undefined) return CANCELLED;
      answers.push(secret.text);
      if (key !== undefined && secret.isRemembered && !prompt.isEchoed) this.#rememberLater(question, key, secret.text);
    }
    return { isCancelled: false, answers };
  }

  #rememberLater(question: SecretQuestion, key: string, secret: string): void {
    const login = loginOf(question);
    const pending = this.#pending.get(login) ?? new Map<string, string>();
    pending.set(key, secret);
    this.#pending.set(login, pending);
  }
}

/** `me@example.org:22`, and the hop's name before it where that is another. */
function loginOf({ hop, user, host, port }: Login): string {
  return `${hop === host ? '' : `${hop}, `}${user}@${host}:${String(port)}`;
}

/** Under which name the secret is kept; the answers to a server's own prompts are codes that change, and are not. */
function keyOf(question: SecretQuestion): string | undefined {
  switch (question.kind) {
    case 'password':
      return `password for ${loginOf(question)}`;
    case 'passphrase':
      return `passphrase for ${question.path ?? ''}`;
    case 'keyboard-interactive':
      return undefined;
  }
}

function boxFor(question: SecretQuestion, index: number, canRemember: boolean): SecretOptions {
  const { prompt = '', isEchoed = false } = question.prompts[index] ?? {};
  const again = question.attempt > 1 ? 'That was not accepted. ' : '';
  return { title: titleFor(question), prompt: again + promptFor(question, shown(prompt)), isHidden: !isEchoed, canRemember };
}

function titleFor({ kind, hop, user, host, name }: SecretQuestion): string {
  const server = hop === host ? host : `${hop} (${host})`;
  switch (kind) {
    case 'password':
      return `Password of ${user} on ${server}`;
    case 'passphrase':
      return `Passphrase for a Key, to Log In to ${server}`;
    case 'keyboard-interactive': {
      const heading = shown(name ?? '', 60);
      return heading === '' ? `${server} Asks ${user}` : `${server} Asks ${user}: ${heading}`;
    }
  }
}

function promptFor({ kind, path, instructions }: SecretQuestion, prompt: string): string {
  switch (kind) {
    case 'password':
      return 'It goes to this server only, through the encrypted connection.';
    case 'passphrase':
      return `It unlocks ${path ?? 'the key'} on this computer and is sent nowhere.`;
    case 'keyboard-interactive':
      return [shown(instructions ?? ''), prompt].filter((text) => text !== '').join(' ');
  }
}

/** The server's own words, as an input box may show them. */
function shown(text: string, maxLength?: number): string {
  return withoutLinks(untrustedText(text, maxLength));
}
