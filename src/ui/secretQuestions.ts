import { untrustedText } from '../core/failure.ts';
import type { Login, PlaneEvents, SecretAnswer, SecretQuestion } from '../protocol/messages.ts';
import { AutomaticSecrets, type Doubt, type Recalled, type Vault } from './automaticSecrets.ts';
import { withoutLinks } from './format.ts';
import type { PromptQueue } from './promptQueue.ts';
import type { Secret, SecretOptions } from './quickInput.ts';

export type AskSecret = (options: SecretOptions, signal: AbortSignal) => Promise<Secret | undefined>;

const CANCELLED: SecretAnswer = { isCancelled: true };

/**
 * Answers the plane's questions for passwords, passphrases and the server's own prompts. A remembered secret is given
 * once, at the first asking, and never again once it was refused; what is to be remembered is kept only after the server
 * has let the user in.
 */
export class SecretQuestions {
  readonly #automatic: AutomaticSecrets;
  readonly #queue: PromptQueue;
  readonly #ask: AskSecret;
  /** Secrets to remember once the login succeeds: login → key → secret. */
  readonly #pending = new Map<string, Map<string, string>>();
  /** The keys whose last answer came from the vault. */
  readonly #answeredByVault = new Set<string>();

  constructor(vault: Vault, queue: PromptQueue, ask: AskSecret) {
    this.#automatic = new AutomaticSecrets(vault);
    this.#queue = queue;
    this.#ask = ask;
  }

  async answer(question: SecretQuestion, signal: AbortSignal): Promise<SecretAnswer> {
    const key = keyOf(question);
    const recalled = key === undefined ? undefined : await this.#recall(question, key, signal);
    if (recalled?.kind === 'given') return { isCancelled: false, answers: [recalled.secret] };
    const answer = await this.#queue.run(() => this.#askAll(question, { key, doubt: recalled?.doubt }, signal), signal);
    return answer ?? CANCELLED;
  }

  /** What came of a password that was asked for. */
  async onPasswordAnswered({ outcome, ...login }: PlaneEvents['passwordAnswered']): Promise<void> {
    await this.#automatic.settle(passwordKey(login), outcome);
  }

  /** The plane is gone, and with it every login. */
  onPlaneLost(): void {
    this.#automatic.loseTrack();
  }

  /** The server let the user in: what was to be remembered has proved right. */
  async onLoggedIn(login: Login): Promise<void> {
    const pending = this.#pending.get(loginOf(login));
    this.#pending.delete(loginOf(login));
    for (const [key, secret] of pending ?? []) await this.#automatic.keep(key, secret);
  }

  /** The remembered secret, at the first asking alone; and at a later one, whether it is what was refused. */
  async #recall(question: SecretQuestion, key: string, signal: AbortSignal): Promise<Recalled> {
    if (question.attempt > 1) {
      const wasGiven = this.#answeredByVault.delete(key);
      if (wasGiven) await this.#automatic.refuse(key);
      return { kind: 'ask', ...(wasGiven ? { doubt: 'refused' } : {}) };
    }
    const recalled = await this.#automatic.recall(key, signal);
    if (recalled.kind === 'given') this.#answeredByVault.add(key);
    else this.#answeredByVault.delete(key);
    // A passphrase goes to no server, so that no other login has to wait for what comes of it.
    if (question.kind === 'passphrase') await this.#automatic.settle(key, 'accepted');
    return recalled;
  }

  async #askAll(question: SecretQuestion, { key, doubt }: { readonly key: string | undefined; readonly doubt: Doubt | undefined }, signal: AbortSignal): Promise<SecretAnswer> {
    // Whatever was to be remembered of an earlier try was refused, or nobody would ask again.
    if (key !== undefined) this.#pending.get(loginOf(question))?.delete(key);
    const answers: string[] = [];
    for (const [index, prompt] of question.prompts.entries()) {
      const secret = await this.#ask(boxFor(question, index, { canRemember: key !== undefined, doubt }), signal);
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

function passwordKey(login: Login): string {
  return `password for ${loginOf(login)}`;
}

/** Under which name the secret is kept; the answers to a server's own prompts are codes that change, and are not. */
function keyOf(question: SecretQuestion): string | undefined {
  switch (question.kind) {
    case 'password':
      return passwordKey(question);
    case 'passphrase':
      return `passphrase for ${question.path ?? ''}`;
    case 'keyboard-interactive':
      return undefined;
  }
}

interface BoxContext {
  readonly canRemember: boolean;
  readonly doubt: Doubt | undefined;
}

function boxFor(question: SecretQuestion, index: number, { canRemember, doubt }: BoxContext): SecretOptions {
  const { prompt = '', isEchoed = false } = question.prompts[index] ?? {};
  const before = doubt === undefined ? (question.attempt > 1 ? 'That was not accepted. ' : occasionOf(question)) : doubtAbout(question, doubt);
  return { title: titleFor(question), prompt: before + promptFor(question, shown(prompt)), isHidden: !isEchoed, canRemember };
}

/** Why somebody is asked who has not just started anything. */
function occasionOf({ onDemandAt }: SecretQuestion): string {
  return onDemandAt === undefined ? '' : `A program has connected to ${onDemandAt}, which opens this tunnel on demand. `;
}

function doubtAbout({ kind }: SecretQuestion, doubt: Doubt): string {
  if (kind === 'passphrase') return 'The remembered passphrase did not fit. ';
  if (doubt === 'refused') return 'The remembered password was refused. ';
  return 'The connection ended before the server answered to the remembered password. ';
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
      return 'The password goes to this server only, through the encrypted connection.';
    case 'passphrase':
      return `The passphrase unlocks ${path ?? 'the key'} on this computer and is sent nowhere.`;
    case 'keyboard-interactive':
      return [shown(instructions ?? ''), prompt].filter((text) => text !== '').join(' ');
  }
}

/** The server's own words, as an input box may show them. */
function shown(text: string, maxLength?: number): string {
  return withoutLinks(untrustedText(text, maxLength));
}
