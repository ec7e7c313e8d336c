import { ForwardError, toFailure } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import { MAX_LOGIN_BYTES } from '../core/forwardEntry.ts';
import { isProxy } from '../core/forwardSpec.ts';
import { formatForward } from '../core/forwardText.ts';
import type { ProxyCredentials } from '../protocol/messages.ts';
import type { Log } from './log.ts';
import type { PromptQueue } from './promptQueue.ts';
import type { SecretOptions } from './quickInput.ts';
import type { AskSecret } from './secretQuestions.ts';
import type { SecretVault } from './secretVault.ts';

const KEY_PREFIX = 'proxy password for ';

/** The passwords that clients of the user's proxies must show: in the secret storage under the forward's id, or for this session alone. */
export class ProxyLogins {
  readonly #vault: Pick<SecretVault, 'get' | 'put' | 'forget'>;
  readonly #queue: PromptQueue;
  readonly #ask: AskSecret;
  readonly #log: Log;
  /** By the forward's id; those that were given and not kept, so that a proxy that comes back does not ask again. */
  readonly #session = new Map<string, string>();

  constructor(vault: Pick<SecretVault, 'get' | 'put' | 'forget'>, queue: PromptQueue, ask: AskSecret, log: Log) {
    this.#vault = vault;
    this.#queue = queue;
    this.#ask = ask;
    this.#log = log;
  }

  /** What the forward's clients must show, undefined where nobody needs to; asks where no password is known, and rejects with `auth-cancelled`. */
  async credentialsFor(definition: ForwardDefinition, signal: AbortSignal): Promise<ProxyCredentials | undefined> {
    const { id, login: user, spec } = definition;
    if (user === undefined || !isProxy(spec)) return undefined;
    const known = await this.#known(id);
    if (known !== undefined) return { user, password: known };
    const given = await this.#queue.run(() => this.#ask(boxFor(definition, user), signal), signal);
    if (given === undefined) throw new ForwardError('auth-cancelled', 'no password was given for the proxy', { context: { proxy: nameOf(definition) } });
    if (given.isRemembered) await this.keep(id, given.text);
    else this.#session.set(id, given.text);
    return { user, password: given.text };
  }

  /** Keeps a password in place of the one before; where there is no keyring, until the editor closes. Never rejects. */
  async keep(id: string, password: string): Promise<void> {
    this.#session.set(id, password);
    try {
      await this.#vault.put(proxyKey(id), password);
      this.#session.delete(id);
    } catch (error) {
      this.#log.write('warn', `The proxy's password could not be kept, and is asked for again in the next session: ${toFailure(error).detail}`);
    }
  }

  /** Never rejects. */
  async forget(id: string): Promise<void> {
    this.#session.delete(id);
    await this.#vault.forget(proxyKey(id)).catch((error: unknown) => {
      this.#log.write('warn', `The proxy's password could not be forgotten: ${toFailure(error).detail}`);
    });
  }

  async #known(id: string): Promise<string | undefined> {
    const kept = await this.#vault.get(proxyKey(id)).catch(() => undefined);
    return kept?.secret ?? this.#session.get(id);
  }
}

/** Why a text cannot be the user name of a proxy's login. */
export function problemOfUser(user: string): string | undefined {
  // RFC 7617 section 2: the first colon ends the name.
  return user.includes(':') ? 'A user name cannot have a colon.' : problemOf(user);
}

/** Why a text cannot be its password. */
export function problemOfPassword(password: string): string | undefined {
  return password === '' ? 'A login needs a password.' : problemOf(password);
}

/** The id of the forward whose proxy a secret is for; undefined for other secrets. */
export function forwardOfSecret(key: string): string | undefined {
  return key.startsWith(KEY_PREFIX) ? key.slice(KEY_PREFIX.length) : undefined;
}

function problemOf(text: string): string | undefined {
  if (Buffer.byteLength(text) > MAX_LOGIN_BYTES) return `It is longer than ${String(MAX_LOGIN_BYTES)} bytes, which SOCKS cannot carry.`;
  return /\p{Cc}/u.test(text) ? 'It has a control character.' : undefined;
}

function proxyKey(id: string): string {
  return KEY_PREFIX + id;
}

function nameOf({ name, spec }: ForwardDefinition): string {
  return name === '' ? formatForward(spec) : name;
}

function boxFor(definition: ForwardDefinition, user: string): SecretOptions {
  return {
    title: `Password of the Proxy ${nameOf(definition)}`,
    prompt: `Programs must log in to it as ${user} with this password.`,
    isHidden: true, canRemember: true, validate: problemOfPassword,
  };
}
