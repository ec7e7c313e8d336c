import type { HostPort } from '../core/address.ts';
import type { StartForward } from '../protocol/messages.ts';
import type { Caller } from './caller.ts';
import type { ConnectionRow } from './connectionTable.ts';
import type { Dialer } from './dialer.ts';
import type { Arrival, Listener } from './listener.ts';
import type { Relay } from './relay.ts';
import type { Route } from './route.ts';

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

/** One generation of a forward. */
export interface Run {
  readonly generation: number;
  readonly request: StartForward;
  readonly route: Route;
  /** While it is being opened: aborts when the run ends before that. */
  opening: AbortController | undefined;
  /** A new one each time the far side is opened. */
  dialer: Dialer;
  /** True between `up` and `lost` or `idle`. */
  isOpen: boolean;
  /** Set while the far side waits for somebody to connect. */
  isIdle: boolean;
}

/** One accepted connection, from its accepting to its end. */
export interface Accepted {
  readonly caller: Caller;
  readonly row: ConnectionRow;
  /** Where it goes, when it has chosen itself. */
  destination?: HostPort;
  /** While the far side is being dialled. */
  dialing?: AbortController;
  relay?: Relay;
}
