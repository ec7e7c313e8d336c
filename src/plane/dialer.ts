import type { Endpoint } from '../core/address.ts';
import type { ForwardError } from '../core/failure.ts';
import type { Progress } from '../core/forwardState.ts';
import type { End } from './end.ts';

/** Opens the far side of connections. */
export interface Dialer {
  /** Opens what all connections share; rejects with a `ForwardError`. Called once. */
  open(onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<void>;
  /** What somebody connected to, where that is why it is opened; set before `open`. */
  onDemandAt?: string;
  /** Opens one connection to `destination` on behalf of `origin`; rejects with a `ForwardError`, `connection-lost` when the shared part is gone. */
  dial(origin: Endpoint, destination: Endpoint, signal: AbortSignal): Promise<End>;
  /** True where dialling proves nothing (datagrams): `onDestination` tells. */
  readonly isProvedByAnswers?: boolean;
  /** What waits in memory on the shared part, where there is one. */
  readonly queuedBytes?: number;
  /** Set by the owner; called with each answer of a destination, and with each failure after dialling, which ends nothing. */
  onDestination?: ((failure: ForwardError | undefined) => void) | undefined;
  /** Called at most once, after `open`, when what all connections share is gone. */
  onLost: ((error: ForwardError) => void) | undefined;
  /** Lets go of the shared part; settles when nothing of it is left. Connections that were dialled may break. Idempotent. */
  close(): Promise<void>;
}
