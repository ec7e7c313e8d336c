import type { CloseReason } from '../core/forward.ts';
import type { End, EndClose, EndListener } from './end.ts';

/** Bytes that passed, counted up by the relay as they pass. */
export interface ByteCounters {
  /** From the origin to the destination. */
  bytesUp: number;
  /** From the destination to the origin. */
  bytesDown: number;
}

/** A running relay. */
export interface Relay {
  /** What waits at both ends. */
  readonly queuedBytes: number;
  /** What the origin has sent and the destination has not taken yet. */
  readonly untakenBytes: number;
  /** True once the origin is known to be gone. */
  readonly hasLostOrigin: boolean;
  /** Brings a break of the origin to light that it has not told of, since nobody reads from it. */
  probeOrigin(): void;
  /** Resets both ends; `onDone` follows with the reason. */
  abort(reason?: CloseReason): void;
}

/**
 * Joins two ends until both are gone, then calls `onDone` once: the only code that moves bytes. Each direction ends on
 * its own (half-close); what an orderly peer sent is delivered to the last byte; a peer that breaks off makes the other
 * side see a reset; the slow side stops the fast side.
 */
export function relay(origin: End, destination: End, counters: ByteCounters, onDone: (reason: CloseReason) => void): Relay {
  const pair = new Pair(onDone);
  const up = new Side(pair, origin, 'client-ended', 'client-reset', (length) => { counters.bytesUp += length; });
  const down = new Side(pair, destination, 'destination-ended', 'destination-reset', (length) => { counters.bytesDown += length; });
  up.join(down);
  return {
    get queuedBytes(): number {
      return origin.queuedBytes + destination.queuedBytes;
    },
    get untakenBytes(): number {
      return destination.queuedBytes;
    },
    get hasLostOrigin(): boolean {
      return up.isClosed;
    },
    probeOrigin(): void {
      if (!up.isClosed) origin.probe?.();
    },
    abort(reason = 'stopped'): void {
      pair.blame(reason);
      origin.reset();
      destination.reset();
    },
  };
}

/** What both sides share: why the connection is over. */
class Pair {
  readonly #onDone: (reason: CloseReason) => void;
  #reason: CloseReason | undefined;
  #isBroken = false;
  #isDone = false;

  constructor(onDone: (reason: CloseReason) => void) {
    this.#onDone = onDone;
  }

  /** An orderly end counts when nothing came before it. */
  note(reason: CloseReason): void {
    this.#reason ??= reason;
  }

  /** A break counts more than an orderly end of the other direction; the first one is the cause of those that follow. */
  blame(reason: CloseReason): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#reason = reason;
  }

  done(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#onDone(this.#reason ?? 'stopped');
  }
}

class Side implements EndListener {
  readonly #pair: Pair;
  readonly #end: End;
  readonly #endReason: CloseReason;
  readonly #resetReason: CloseReason;
  readonly #count: (length: number) => void;
  #other: Side | undefined;
  #hasEnded = false;
  #isClosed = false;

  constructor(pair: Pair, end: End, endReason: CloseReason, resetReason: CloseReason, count: (length: number) => void) {
    this.#pair = pair;
    this.#end = end;
    this.#endReason = endReason;
    this.#resetReason = resetReason;
    this.#count = count;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  join(other: Side): void {
    this.#other = other;
    other.#other = this;
    this.#end.attach(this);
    other.#end.attach(other);
  }

  onData(chunk: Buffer, isBorrowed = false): void {
    const other = this.#other;
    // Nobody is left to read it: thrown away, so that the peer gets to the end of what it sends.
    if (other === undefined || other.#isClosed) return;
    this.#count(chunk.length);
    if (!other.#end.write(chunk, isBorrowed)) this.#end.pause();
  }

  onDrain(): void {
    if (this.#other !== undefined && !this.#other.#isClosed) this.#other.#end.resume();
  }

  onEnd(): void {
    this.#hasEnded = true;
    this.#pair.note(this.#endReason);
    if (this.#other !== undefined && !this.#other.#isClosed) this.#other.#end.end();
  }

  onClose(how: EndClose): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (how === 'idle') this.#pair.note('idle');
    else if (!this.#hasEnded && how !== 'ended') this.#pair.blame(how === 'lost' ? 'tunnel-lost' : this.#resetReason);
    if (this.#other === undefined) return;
    if (this.#other.#isClosed) this.#pair.done();
    else if (this.#hasEnded) this.#other.#end.linger();
    else this.#other.#end.reset();
  }
}
