import { formatEndpoint, type Endpoint } from '../core/address.ts';
import { ForwardError } from '../core/failure.ts';
import type { StartForward } from '../protocol/messages.ts';
import { log, type PlaneServices } from './services.ts';

const DEFAULT_MAX = 1_000;

/** How often a full forward is told of in the log. */
const LOG_INTERVAL_MS = 60_000;

/** How many connections of one forward may be open: each takes memory and descriptors, of which the editor has so many. */
export class ConnectionLimit {
  readonly #services: PlaneServices;
  #max = DEFAULT_MAX;
  #loggedAt: number | undefined;

  constructor(services: PlaneServices) {
    this.#services = services;
  }

  /** For what comes after. Flows of datagrams have a bound of their own, at which the quietest makes room. */
  limit({ maxConnections = DEFAULT_MAX, listen }: StartForward): void {
    this.#max = listen.side === 'here-udp' ? Infinity : maxConnections;
  }

  isReached(openCount: number): boolean {
    return openCount >= this.#max;
  }

  /** Why one more is turned away; writes it to the log when that was not done for a while. */
  refuse(accepted: Endpoint): ForwardError {
    const detail = `${formatEndpoint(accepted)}: ${String(this.#max)} connections are open, and no more are accepted`;
    const now = this.#services.clock.now();
    if (this.#loggedAt === undefined || now - this.#loggedAt >= LOG_INTERVAL_MS) {
      this.#loggedAt = now;
      log(this.#services, 'warn', detail);
    }
    return new ForwardError('too-many-connections', detail, { context: { limit: this.#max } });
  }
}
