import type { Endpoint } from '../core/address.ts';
import type { CloseReason, Connection, Traffic } from '../core/forward.ts';
import type { Clock } from '../core/ports.ts';
import type { ByteCounters } from './relay.ts';

const CLOSED_KEPT_MS = 60_000;
const CLOSED_KEPT_MAX = 10;

/** An open connection's row; its owner counts the bytes and moves the phase on. */
export interface ConnectionRow extends ByteCounters {
  readonly id: number;
  readonly origin: Endpoint;
  readonly accepted: Endpoint;
  readonly openedAt: number;
  phase: 'parked' | 'dialing' | 'established';
  /** Where it goes, once that is known, where the forward leaves a choice. */
  destination?: string;
}

/** The connections of one forward, open and just closed, with their counters. */
export class ConnectionTable {
  readonly #clock: Clock;
  readonly #open = new Set<ConnectionRow>();
  /** In the order of closing. */
  #closed: (Connection & { readonly closedAt: number })[] = [];
  readonly #closedBytes: ByteCounters = { bytesUp: 0, bytesDown: 0 };
  #total = 0;
  #told: Traffic | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(origin: Endpoint, accepted: Endpoint): ConnectionRow {
    this.#total += 1;
    const row: ConnectionRow = {
      id: this.#total, origin, accepted, openedAt: this.#clock.now(), phase: 'parked', bytesUp: 0, bytesDown: 0,
    };
    this.#open.add(row);
    return row;
  }

  /** Moves a row to those that just closed. */
  close(row: ConnectionRow, closeReason: CloseReason): void {
    if (!this.#open.delete(row)) return;
    this.#closedBytes.bytesUp += row.bytesUp;
    this.#closedBytes.bytesDown += row.bytesDown;
    this.#closed.push({ ...row, phase: 'closed', closedAt: this.#clock.now(), closeReason });
    if (this.#closed.length > CLOSED_KEPT_MAX) this.#closed.shift();
  }

  connections(): readonly Connection[] {
    const oldest = this.#clock.now() - CLOSED_KEPT_MS;
    this.#closed = this.#closed.filter(({ closedAt }) => closedAt >= oldest);
    return [...[...this.#open].map((row) => ({ ...row })), ...this.#closed];
  }

  /** What it has come to, undefined when nothing has changed since the last time and it is not forced. */
  news(isForced: boolean): Traffic | undefined {
    const traffic = this.traffic();
    if (!isForced && this.#told !== undefined && isSameTraffic(traffic, this.#told)) return undefined;
    this.#told = traffic;
    return traffic;
  }

  traffic(): Traffic {
    let { bytesUp, bytesDown } = this.#closedBytes;
    for (const row of this.#open) {
      bytesUp += row.bytesUp;
      bytesDown += row.bytesDown;
    }
    return { openConnections: this.#open.size, totalConnections: this.#total, bytesUp, bytesDown, connections: this.connections() };
  }
}

/** Whether two snapshots of one table differ in anything that is shown. */
export function isSameTraffic(one: Traffic, other: Traffic): boolean {
  return one.bytesUp === other.bytesUp && one.bytesDown === other.bytesDown
    && one.connections.length === other.connections.length
    && one.connections.every((connection, index) => isSameConnection(connection, other.connections[index]));
}

function isSameConnection(one: Connection, other: Connection | undefined): boolean {
  return one.id === other?.id && one.phase === other.phase && one.destination === other.destination;
}
