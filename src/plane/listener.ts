import type { Endpoint } from '../core/address.ts';
import type { ForwardError } from '../core/failure.ts';
import type { Bound, Progress } from '../core/forwardState.ts';
import type { StartForward } from '../protocol/messages.ts';
import type { End } from './end.ts';

/** A connection that has arrived at a listener. */
export interface Arrival {
  /** Who connected to the listener. */
  readonly origin: Endpoint;
  /** The address that it connected to. */
  readonly accepted: Endpoint;
  /** Our end of it, from now on the asker's to close. Not after `refuse()`, and called once. */
  open(): End;
  /** Tries whether the client is still there, though nobody reads from it, and answers whether it is known to have broken off by now. Not after `open()`. */
  probe?(): boolean;
  /** Turns it away as the transport can: by a reset, or by not opening it. Not after `open()`. */
  refuse(): void;
}

/** Where the connections of a forward arrive. */
export interface Listener {
  /** Whether it stays bound from one run to the next, while the far side is opened again. */
  readonly isLasting: boolean;
  /** What waits in memory on what all its connections share, where there is such a thing. */
  readonly queuedBytes?: number;
  /** Listens for a run, or goes on listening; rejects with a `ForwardError`. Told of runs one after the other. */
  open(request: StartForward, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Bound>;
  /** Called when a listener that is open breaks by itself. */
  onLost: ((error: ForwardError) => void) | undefined;
  /** Lets go of what belongs to the run alone; settles when nothing of it is left. Idempotent. */
  endRun(): Promise<void>;
  /** Accepts no more from now on, as far as it can; what is open stays. */
  stopAccepting(): void;
  /** Stops listening at once; settles when nothing is left, the open connections included, which their owner sees to. Idempotent. */
  close(): Promise<void>;
}

/** Equal for requests that one listener can serve. A target may be resolved anew; its server stays. */
export function polesOf({ listen, connect, target }: StartForward): string {
  return JSON.stringify([listen, connect.kind, listen.side === 'server' ? target?.hops.at(-1)?.name : undefined]);
}
