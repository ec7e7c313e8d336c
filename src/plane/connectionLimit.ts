import { formatEndpoint, type Endpoint } from '../core/address.ts';
import { ForwardError } from '../core/failure.ts';
import type { StartForward } from '../protocol/messages.ts';
import { log, type PlaneServices } from './services.ts';

const DEFAULT_MAX = 1_000;

const DEFAULT_QUEUED = { perServerMaxBytes: 128_000_000, totalMaxBytes: 512_000_000 };

/** How often a full forward is told of in the log. */
const LOG_INTERVAL_MS = 60_000;

/** What there is when a connection arrives. */
export interface Load {
  /** Connections of the forward. */
  readonly openCount: number;
  /** What waits in memory on the forward's SSH connection, and in the whole plane. */
  readonly serverQueuedBytes: number;
  readonly totalQueuedBytes: number;
}

/** What is used up, as a failure and as a connection's end, and how much of it there may be. */
interface Excess {
  readonly reason: 'too-many-connections' | 'too-much-queued';
  readonly limit: number;
  readonly isOfServer?: boolean;
}

export interface Refusal {
  readonly reason: Excess['reason'];
  readonly error: ForwardError;
}

/**
 * What one forward may take of the editor's memory and descriptors. What is open stays, and may still fill the windows that
 * its server was granted: a window cannot be taken back (RFC 4254 section 5.2), so it is those that come that are turned away.
 */
export class ConnectionLimit {
  readonly #services: PlaneServices;
  #max = DEFAULT_MAX;
  #queued = DEFAULT_QUEUED;
  #loggedAt: number | undefined;

  constructor(services: PlaneServices) {
    this.#services = services;
  }

  /** For what comes after. Flows of datagrams have a bound of their own, at which the quietest makes room, and queue nothing. */
  limit({ maxConnections = DEFAULT_MAX, queued = DEFAULT_QUEUED, listen }: StartForward): void {
    const isUdp = listen.side === 'here-udp';
    this.#max = isUdp ? Infinity : maxConnections;
    this.#queued = isUdp ? { perServerMaxBytes: Infinity, totalMaxBytes: Infinity } : queued;
  }

  isReached(load: Load): boolean {
    return this.#excessOf(load) !== undefined;
  }

  /** Why one more is turned away, undefined where it is not; writes it to the log when that was not done for a while. */
  refusalOf(accepted: Endpoint, load: Load): Refusal | undefined {
    const excess = this.#excessOf(load);
    if (excess === undefined) return undefined;
    const { reason, limit, isOfServer } = excess;
    const detail = `${formatEndpoint(accepted)}: ${describe(excess)}, and no more are accepted`;
    const now = this.#services.clock.now();
    if (this.#loggedAt === undefined || now - this.#loggedAt >= LOG_INTERVAL_MS) {
      this.#loggedAt = now;
      log(this.#services, 'debug', detail);
    }
    return { reason, error: new ForwardError(reason, detail, { context: { limit, ...(isOfServer === undefined ? {} : { isOfServer }) } }) };
  }

  /** The cheapest question first. */
  #excessOf(load: Load): Excess | undefined {
    const { perServerMaxBytes, totalMaxBytes } = this.#queued;
    if (load.openCount >= this.#max) return { reason: 'too-many-connections', limit: this.#max };
    if (load.serverQueuedBytes >= perServerMaxBytes) return { reason: 'too-much-queued', limit: perServerMaxBytes, isOfServer: true };
    if (load.totalQueuedBytes >= totalMaxBytes) return { reason: 'too-much-queued', limit: totalMaxBytes, isOfServer: false };
    return undefined;
  }
}

function describe({ reason, limit, isOfServer = false }: Excess): string {
  if (reason === 'too-many-connections') return `${String(limit)} connections are open`;
  return `${String(limit)} bytes wait ${isOfServer ? 'on the SSH connection' : 'in all connections'} to be read`;
}
