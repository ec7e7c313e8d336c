import type { StartForward } from '../protocol/messages.ts';
import type { Caller } from './caller.ts';
import type { Dialer } from './dialer.ts';
import type { Arrival, Listener } from './listener.ts';

/** What a forward is made of: Listener × Route × Dialer. One maker for all forwards. */
export interface ForwarderParts {
  createListener(request: StartForward, onArrival: (arrival: Arrival) => void): Listener;
  /** Who says where a connection wants to go. `onGone` is called when the caller no longer needs to be aborted. */
  createCaller(request: StartForward, arrival: Arrival, onGone: () => void): Caller;
  /** One for each run. */
  createDialer(request: StartForward): Dialer;
  /** What waits in memory in the whole plane. */
  totalQueuedBytes(): number;
}
