import type { Clock } from '../../core/ports.ts';
import type { UdpFlow } from './udpFlow.ts';

/** Each takes a socket towards the destination. */
const FLOWS_MAX = 1_024;

/**
 * How long a flow must have been quiet before it makes room for a new one: as long as a resolver waits for an answer
 * (resolv.conf(5)). New ones make way for those that are in use, and so a forward that leads to itself comes to rest.
 */
const QUIET_MS = 5_000;

interface Entry {
  readonly flow: UdpFlow;
  usedAt: number;
}

/** The flows of one forward by their origin, bounded in number. */
export class FlowTable {
  readonly #clock: Clock;
  /** The one that has been quiet for longest comes first. */
  readonly #entries = new Map<string, Entry>();
  #max = FLOWS_MAX;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** For what comes after: at most so many, and never more than 1,024. */
  limit(max: number): void {
    this.#max = Math.min(FLOWS_MAX, max);
  }

  /** The flow of this key, which is in use now. */
  use(key: string): UdpFlow | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    entry.usedAt = this.#clock.now();
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.flow;
  }

  /** Makes room for one more; false when every flow is in use. */
  makeRoom(): boolean {
    if (this.#entries.size < this.#max) return true;
    const [quietest] = this.#entries.values();
    if (quietest === undefined || this.#clock.now() - quietest.usedAt < QUIET_MS) return false;
    quietest.flow.displace();
    return true;
  }

  add(key: string, flow: UdpFlow): void {
    this.#entries.set(key, { flow, usedAt: this.#clock.now() });
  }

  delete(key: string): void {
    this.#entries.delete(key);
  }

  /** Closes all of them. */
  close(): void {
    for (const { flow } of [...this.#entries.values()]) flow.reset();
  }
}
