import { formatHostPort, type HostPort } from '../../core/address.ts';
import { untrustedText, type FailureCode } from '../../core/failure.ts';
import type { Disposable } from '../../core/lifecycle.ts';
import type { Clock } from '../../core/ports.ts';
import type { ProxyCredentials } from '../../protocol/messages.ts';
import type { Caller, Wish } from '../caller.ts';
import type { End, EndClose, EndListener } from '../end.ts';
import { Handshake, type HandshakeStep } from './handshake.ts';
import { isPermitted } from './permitted.ts';
import { NOTHING, type ProxyRequest } from './reading.ts';

/** How long a client may take to say where it wants to go. */
export const HANDSHAKE_MS = 10_000;

const GONE: Wish = { kind: 'nowhere', closeReason: 'client-reset', detail: 'the client is gone' };

export interface AskingOptions {
  /** The patterns of PermitRemoteOpen; undefined permits everything. */
  readonly permitted: readonly string[] | undefined;
  /** What the client must log in with; undefined lets everybody in. */
  readonly credentials: ProxyCredentials | undefined;
  readonly clock: Clock;
  /** Called once the client's end is closed. */
  readonly onGone: () => void;
}

/**
 * A caller that says itself where it wants to go, by SOCKS or HTTP. Its end is read until it has said so and no further,
 * and is then the end of the relay: what came behind the request is the first that the relay sees.
 */
export class AskingCaller implements Caller, End, EndListener {
  readonly #end: End;
  readonly #options: AskingOptions;
  readonly #handshake: Handshake;
  #settle: ((wish: Wish) => void) | undefined;
  #timer: Disposable | undefined;
  #request: ProxyRequest | undefined;
  #early: Buffer = NOTHING;
  #listener: EndListener | undefined;
  #isTurnedAway = false;
  #hasEnded = false;
  /** The client wants more than it asked for, and has been cut off. */
  #isCutOff = false;
  #closedBy: EndClose | undefined;

  constructor(end: End, options: AskingOptions) {
    this.#end = end;
    this.#options = options;
    this.#handshake = new Handshake(options.credentials);
  }

  get queuedBytes(): number {
    return this.#end.queuedBytes + this.#early.length;
  }

  probe(): boolean {
    if (this.#closedBy === undefined) this.#end.probe?.();
    return this.#closedBy !== undefined;
  }

  ask(): Promise<Wish> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#timer = this.#options.clock.after(HANDSHAKE_MS, () => { this.#giveUp(`no request within ${String(HANDSHAKE_MS)} ms`); });
      this.#end.attach(this);
    });
  }

  join(): End {
    if (this.#request !== undefined && this.#request.granted.length > 0) this.#end.write(this.#request.granted);
    return this;
  }

  refuse(code: FailureCode): void {
    this.#turnAway(this.#request?.refusal(code) ?? NOTHING);
  }

  abort(): void {
    this.#answer(GONE);
    this.#turnAway(NOTHING);
  }

  attach(listener: EndListener): void {
    this.#listener = listener;
    // The end delivers later; what it held back comes first, and may be answered with a pause.
    if (this.#closedBy === undefined) this.#end.resume();
    if (this.#early.length > 0) this.#pass(listener, this.#early);
    this.#early = NOTHING;
    if (this.#hasEnded && !this.#isCutOff) listener.onEnd();
    if (this.#closedBy !== undefined) listener.onClose(this.#closedBy);
  }

  pause(): void {
    this.#end.pause();
  }

  resume(): void {
    this.#end.resume();
  }

  write(chunk: Buffer, isBorrowed?: boolean): boolean {
    return this.#end.write(chunk, isBorrowed);
  }

  end(): void {
    this.#end.end();
  }

  linger(): void {
    this.#end.linger();
  }

  reset(): void {
    this.#end.reset();
  }

  onData(chunk: Buffer, isBorrowed?: boolean): void {
    if (this.#listener !== undefined) this.#pass(this.#listener, chunk, isBorrowed);
    else if (this.#isTurnedAway) return;
    else if (this.#request !== undefined) this.#early = Buffer.concat([this.#early, chunk]);
    // Parts of a request are kept until it is whole, so they must be our own.
    else this.#take(this.#handshake.push(Buffer.from(chunk)));
  }

  onDrain(): void {
    this.#listener?.onDrain();
  }

  onEnd(): void {
    this.#hasEnded = true;
    if (this.#isCutOff) return;
    if (this.#listener !== undefined) this.#listener.onEnd();
    else if (this.#request === undefined && !this.#isTurnedAway) this.#giveUp('the client ended before its request did');
  }

  onClose(how: EndClose): void {
    this.#closedBy = how;
    this.#answer(GONE);
    this.#listener?.onClose(how);
    this.#options.onGone();
  }

  /**
   * What comes behind a request for a page is another one, perhaps for another server, and may hold the login: who sends it is
   * cut off, and repeats it through a new connection.
   */
  #pass(listener: EndListener, chunk: Buffer, isBorrowed?: boolean): void {
    if (this.#isCutOff) return;
    const length = this.#request?.end?.take(chunk) ?? chunk.length;
    if (length === chunk.length) {
      listener.onData(chunk, isBorrowed);
      return;
    }
    if (length > 0) listener.onData(chunk.subarray(0, length), isBorrowed);
    // RFC 9112 section 2.2: some clients send an empty line behind a body.
    if (chunk.subarray(length).every((byte) => byte === 0x0d || byte === 0x0a)) return;
    this.#isCutOff = true;
    listener.onEnd();
    this.#end.reset();
  }

  #take({ answer, outcome }: HandshakeStep): void {
    if (answer.length > 0) this.#end.write(answer);
    if (outcome === undefined) return;
    if (outcome.kind === 'refused') {
      this.#answer({ kind: 'nowhere', closeReason: outcome.closeReason, detail: outcome.detail });
      this.#turnAway(outcome.answer);
      return;
    }
    this.#request = outcome.request;
    this.#early = outcome.request.early;
    this.#end.pause();
    this.#admit(outcome.request.destination);
  }

  #admit(destination: HostPort): void {
    if (isPermitted(destination, this.#options.permitted)) {
      this.#answer({ kind: 'destination', destination });
      return;
    }
    const text = untrustedText(formatHostPort(destination));
    const failure = { code: 'forwarding-prohibited', detail: `${text}: PermitRemoteOpen does not allow it`, context: { destination: text } } as const;
    this.#answer({ kind: 'nowhere', closeReason: failure.code, detail: failure.detail, failure });
    this.refuse(failure.code);
  }

  #giveUp(detail: string): void {
    this.#answer({ kind: 'nowhere', closeReason: 'not-understood', detail });
    this.#turnAway(this.#handshake.unfinished);
  }

  /** The first answer counts. */
  #answer(wish: Wish): void {
    this.#timer?.dispose();
    this.#settle?.(wish);
  }

  /** Says the last word, and stays until the client has had the time to read it. */
  #turnAway(answer: Buffer): void {
    this.#isTurnedAway = true;
    if (answer.length === 0) {
      this.#end.reset();
      return;
    }
    this.#end.write(answer);
    this.#end.end();
    this.#end.linger();
  }
}
