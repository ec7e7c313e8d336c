import { BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from 'ssh2';
import { ForwardError, toFailure } from '../../core/failure.ts';
import type { LoginSession } from './loginSession.ts';
import { hopFailure } from './sshFailure.ts';

/** Signs what a server wants signed; `hash` chooses the algorithm of an RSA key. */
export type SignWith = (data: Buffer, hash: string | undefined) => Promise<Buffer>;

/** Signs for ssh2 with one key, at its own pace: a person may be asked for a passphrase or by the agent. */
export class SingleKeyAgent extends BaseAgent<ParsedKey> {
  readonly #session: LoginSession;
  readonly #publicKey: ParsedKey;
  readonly #signWith: SignWith;
  readonly #onUnusable: (reason: string) => void;
  #hasSigned = false;

  /** `onUnusable` is told when the server accepted the key and it cannot sign all the same. */
  constructor(session: LoginSession, publicKey: ParsedKey, signWith: SignWith, onUnusable: (reason: string) => void) {
    super();
    this.#session = session;
    this.#publicKey = publicKey;
    this.#signWith = signWith;
    this.#onUnusable = onUnusable;
  }

  /** True once a signature went to the server: what ssh2 knows of the methods left is then out of date. */
  get hasSigned(): boolean {
    return this.#hasSigned;
  }

  override getIdentities(callback: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    callback(undefined, [this.#publicKey]);
  }

  override sign(_publicKey: ParsedKey, data: Buffer, options: SigningRequestOptions | SignCallback, callback?: SignCallback): void {
    const [hash, answer] = typeof options === 'function' ? [undefined, options] : [options.hash, callback];
    this.#sign(data, hash, answer).catch((error: unknown) => {
      this.#session.fail(hopFailure(this.#session.hop, 'internal', toFailure(error).detail, { cause: error }));
    });
  }

  async #sign(data: Buffer, hash: string | undefined, answer: SignCallback | undefined): Promise<void> {
    let signature: Buffer;
    try {
      signature = await this.#signWith(data, hash);
    } catch (error) {
      if (isRefusal(error)) this.#session.fail(error);
      if (this.#session.signal.aborted) return;
      this.#onUnusable(toFailure(error).detail);
      answer?.(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#session.signal.aborted) return;
    this.#hasSigned = true;
    answer?.(undefined, signature);
  }
}

/** A person's no, or the end of whatever asked: it ends the login, where any other error ends only the use of one key. */
export function isRefusal(error: unknown): error is ForwardError {
  return error instanceof ForwardError && (error.code === 'auth-cancelled' || error.code === 'cancelled');
}
