import { formatEndpoint, isSocketPath, type Endpoint } from '../core/address.ts';
import { ForwardError, type FailureCode } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { Dialer } from './dialer.ts';
import type { End } from './end.ts';
import { connectSocket } from './socketConnect.ts';
import { connectTcp, isOutOfDescriptors, systemCode } from './tcpConnect.ts';
import { TcpEnd } from './tcpEnd.ts';

const DIAL_TIMEOUT_MS = 20_000;

/** Dials from this machine, an address or a Unix socket: the far side of a relay, and of `ssh -R`. */
export class TcpDialer implements Dialer {
  readonly #clock: Clock;
  onLost: Dialer['onLost'];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There is nothing to open before the first connection. */
  open(): Promise<void> {
    return Promise.resolve();
  }

  async dial(_origin: Endpoint, destination: Endpoint, signal: AbortSignal): Promise<End> {
    const options = { allowHalfOpen: true, timeoutMs: DIAL_TIMEOUT_MS, clock: this.#clock };
    try {
      return isSocketPath(destination)
        ? new TcpEnd(await connectSocket({ ...destination, ...options }, signal), this.#clock, 'path')
        : new TcpEnd(await connectTcp({ address: destination, ...options }, signal), this.#clock);
    } catch (error) {
      throw error instanceof ForwardError ? error : dialFailure(error, destination);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Why a destination could not be reached, of an error of the system. */
export function dialFailure(error: unknown, connect: Endpoint): ForwardError {
  const code: FailureCode = isOutOfDescriptors(error) ? 'too-many-open-files' : systemCode(error) === 'ECONNREFUSED' ? 'destination-refused' : 'destination-unreachable';
  const detail = error instanceof Error ? error.message : String(error);
  const destination = isSocketPath(connect) ? { ...connect, destination: connect.path } : connect;
  return new ForwardError(code, `${formatEndpoint(connect)}: ${detail}`, { cause: error, context: { ...destination, reason: systemCode(error) } });
}
