import type { HostPort } from '../core/address.ts';
import type { FailureCode } from '../core/failure.ts';
import type { CloseReason } from '../core/forward.ts';
import type { Caller } from './caller.ts';
import type { ConnectionRow } from './connectionTable.ts';
import type { Relay } from './relay.ts';

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

/** Why a connection ends whose destination was not reached. */
export function dialReason(code: FailureCode): CloseReason {
  return code === 'destination-refused' || code === 'forwarding-prohibited' ? code : 'destination-unreachable';
}
