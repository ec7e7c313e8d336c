import { formatHostPort, type HostPort } from '../core/address.ts';
import { ForwardError, type FailureCode } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { Dialer } from './dialer.ts';
import type { End } from './end.ts';
import { connectTcp, systemCode } from './tcpConnect.ts';
import { TcpEnd } from './tcpEnd.ts';

const DIAL_TIMEOUT_MS = 20_000;

/** Dials from this machine: the far side of a relay, and of `ssh -R`. */
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

  async dial(_origin: HostPort, destination: HostPort, signal: AbortSignal): Promise<End> {
    const options = { address: destination, allowHalfOpen: true, timeoutMs: DIAL_TIMEOUT_MS, clock: this.#clock };
    try {
      return new TcpEnd(await connectTcp(options, signal), this.#clock);
    } catch (error) {
      throw error instanceof ForwardError ? error : dialFailure(error, destination);
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The failure to reach a destination from here. */
export function dialFailure(error: unknown, connect: HostPort): ForwardError {
  const code: FailureCode = systemCode(error) === 'ECONNREFUSED' ? 'destination-refused' : 'destination-unreachable';
  const detail = error instanceof Error ? error.message : String(error);
  return new ForwardError(code, `${formatHostPort(connect)}: ${detail}`, { cause: error, context: { ...connect, reason: systemCode(error) } });
}
