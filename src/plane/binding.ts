import { formatHostPort, type HostPort } from '../core/address.ts';
import { ForwardError, fromFailure, toFailure, type FailureCode } from '../core/failure.ts';
import type { Bound } from '../core/forwardState.ts';
import { systemCode } from './tcpConnect.ts';

/** A port of this machine that is ours. */
export interface BoundPort {
  readonly port: number;
  /** Frees it at once; what came in through it stays. Idempotent. */
  release(): void;
}

export interface BindPole {
  readonly addresses: readonly HostPort[];
  /** Each address is the first of that many ports in a row. */
  readonly portCount?: number;
}

/** Binds one address; rejects with the system's error, or with a `ForwardError`. */
type Bind = (address: HostPort) => Promise<BoundPort>;

/**
 * Binds all addresses; with port 0 in the first, the others take the port that it got. The first may only be missing for
 * want of such an interface, the others for any reason, and one must be had; a range is had on an address with all of its
 * ports or not at all, and its first port is told. Rejects with a `ForwardError` of `address-in-use`, `permission-denied`,
 * `address-not-available`, `too-many-open-files` or `cancelled`, whose context is the address that could not be had; then nothing stays bound, but what a `cancelled` leaves to the canceller.
 */
export async function bindAll({ addresses, portCount = 1 }: BindPole, bind: Bind): Promise<Bound> {
  const bound: HostPort[] = [];
  let missing: Bound['missing'];
  for (const [index, asked] of addresses.entries()) {
    const first = { host: asked.host, port: asked.port === 0 ? bound[0]?.port ?? 0 : asked.port };
    try {
      bound.push({ host: asked.host, port: await bindRange(first, portCount, bind) });
    } catch (error) {
      if (!(error instanceof BindError) || (index === 0 && error.code !== 'address-not-available')) throw error;
      missing ??= { address: error.address, failure: toFailure(error) };
    }
  }
  if (bound.length === 0) throw missing === undefined ? new ForwardError('internal', 'no address to bind') : fromFailure(missing.failure);
  return missing === undefined ? { addresses: bound } : { addresses: bound, missing };
}

/** Every port, or none, and then the first that cannot be had is the reason. Gives the first. */
async function bindRange(first: HostPort, portCount: number, bind: Bind): Promise<number> {
  const addresses = Array.from({ length: portCount }, (_, index) => ({ host: first.host, port: first.port + index }));
  const outcomes = await Promise.allSettled(addresses.map(async (address) => {
    try {
      return await bind(address);
    } catch (error) {
      throw error instanceof ForwardError ? error : new BindError(error, address);
    }
  }));
  const ports = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return ports[0]?.port ?? 0;
  for (const port of ports) port.release();
  throw failed.reason;
}

/** An address that could not be had. */
class BindError extends ForwardError {
  readonly address: HostPort;

  constructor(cause: unknown, address: HostPort) {
    super(bindFailureCode(systemCode(cause)), `${formatHostPort(address)}: ${toFailure(cause).detail}`, { cause, context: { ...address } });
    this.address = address;
  }
}

/** Of the system's own code, for a port or a socket. */
export function bindFailureCode(code: string): FailureCode {
  switch (code) {
    case 'EMFILE':
    case 'ENFILE':
      return 'too-many-open-files';
    case 'EADDRINUSE':
      return 'address-in-use';
    case 'EACCES':
    case 'EPERM':
      return 'permission-denied';
    default:
      return 'address-not-available';
  }
}
