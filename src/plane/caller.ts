import type { HostPort } from '../core/address.ts';
import type { Failure, FailureCode } from '../core/failure.ts';
import type { CloseReason } from '../core/forward.ts';
import type { End } from './end.ts';
import type { Arrival } from './listener.ts';

/**
 * Where a caller wants to go: where its forward leads, to a destination of its own choice, or nowhere; `failure` is there
 * when that concerns its destination.
 */
export type Wish =
  | { readonly kind: 'none' }
  | { readonly kind: 'destination'; readonly destination: HostPort }
  | { readonly kind: 'nowhere'; readonly closeReason: CloseReason; readonly detail: string; readonly failure?: Failure };

/** A connection on its way from the listener to the relay. */
export interface Caller {
  /** Learns where it wants to go; one that goes nowhere has been told so, or is gone. Called once. */
  ask(): Promise<Wish>;
  /** Tries whether it is still there while it waits, and answers whether it is known to have broken off by now. Not after `join()`. */
  probe(): boolean;
  /** Its end, for the relay, now that the destination is reached. Called once. */
  join(): End;
  /** Turns it away, in the words of its protocol where that has any for this failure. Not after `join()`. */
  refuse(code: FailureCode): void;
  /** Resets it, whatever was still to be said. Idempotent. */
  abort(): void;
}

/** A caller that has no choice where to go. It is not spoken to, and only opened when its destination is reached. */
export class SilentCaller implements Caller {
  readonly #arrival: Arrival;
  readonly #onGone: () => void;
  #isOver = false;

  /** `onGone` is called once it has been joined or turned away. */
  constructor(arrival: Arrival, onGone: () => void) {
    this.#arrival = arrival;
    this.#onGone = onGone;
  }

  ask(): Promise<Wish> {
    return Promise.resolve({ kind: 'none' });
  }

  probe(): boolean {
    return this.#arrival.probe?.() ?? false;
  }

  join(): End {
    this.#end();
    return this.#arrival.open();
  }

  refuse(): void {
    this.abort();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#end();
    this.#arrival.refuse();
  }

  #end(): void {
    this.#isOver = true;
    this.#onGone();
  }
}
