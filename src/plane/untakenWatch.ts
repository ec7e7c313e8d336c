import { formatEndpoint } from '../core/address.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { StartForward } from '../protocol/messages.ts';
import type { ConnectionRow } from './connectionTable.ts';
import { goneOf } from './goneOrigins.ts';
import type { Relay } from './relay.ts';
import { log, type PlaneServices } from './services.ts';

/*
 * Whoever writes to a destination that does not read is not read either, and so its death goes unnoticed: its end waits
 * behind what it has sent. So where nothing moves the connection is tried, and the system is asked who is still there.
 */

const LOOK_INTERVAL_MS = 5_000;

/** How long a destination may take nothing of what a client has left behind. */
const PATIENCE_MS = 40_000;

/** How soon that is worth another line in the log. */
const SAME_AGAIN_MS = 60_000;

/** One connection, relayed or on its way there. */
export interface Watched {
  readonly row: ConnectionRow;
  readonly relay?: Relay;
}

/** How far a connection was when it was last looked at, and since when its origin is gone. */
interface Standstill {
  readonly mark: string;
  readonly goneAt?: number;
}

/** Ends the connections whose client is gone and whose destination takes nothing more. */
export class UntakenWatch {
  readonly #services: PlaneServices;
  readonly #open: ReadonlySet<Watched>;
  readonly #id: string;
  readonly #isHere: boolean;
  #standstills = new Map<Watched, Standstill>();
  #looking: Disposable | undefined;
  #toldAt: number | undefined;

  /** `open` are a forward's connections, which come to this computer or to the server, and are looked at as they are then. */
  constructor(services: PlaneServices, open: ReadonlySet<Watched>, { id, listen }: Pick<StartForward, 'id' | 'listen'>) {
    this.#id = id;
    this.#isHere = listen.side === 'here';
    this.#services = services;
    this.#open = open;
  }

  /** Looks on for as long as a connection is open. */
  begin(): void {
    this.#looking ??= this.#services.clock.after(LOOK_INTERVAL_MS, () => { void this.#look(); });
  }

  async #look(): Promise<void> {
    const before = this.#standstills;
    this.#standstills = new Map();
    const still: Watched[] = [];
    for (const watched of this.#open) {
      const { row, relay } = watched;
      if (relay === undefined || relay.untakenBytes === 0) continue;
      const mark = `${String(row.bytesUp)} ${String(relay.untakenBytes)}`;
      const last = before.get(watched);
      this.#standstills.set(watched, last?.mark === mark ? last : { mark });
      if (last?.mark !== mark) continue;
      still.push(watched);
      relay.probeOrigin();
    }
    await this.#judge(still);
    this.#looking = undefined;
    if (this.#open.size > 0) this.begin();
  }

  async #judge(still: readonly Watched[]): Promise<void> {
    const gone = await this.#goneOf(still);
    const now = this.#services.clock.now();
    const given: Watched[] = [];
    for (const watched of still) {
      const standstill = this.#standstills.get(watched);
      if (standstill === undefined || !this.#open.has(watched)) continue;
      const goneAt = gone.has(watched) ? standstill.goneAt ?? now : undefined;
      this.#standstills.set(watched, { mark: standstill.mark, ...(goneAt === undefined ? {} : { goneAt }) });
      if (goneAt === undefined || now - goneAt < PATIENCE_MS) continue;
      this.#standstills.delete(watched);
      given.push(watched);
    }
    this.#tell(given.map(({ row }) => row), now);
    for (const { relay } of given) relay?.abort('not-taken');
  }

  /** Those that die together are one line, though they may be given up in several rounds. */
  #tell([first, ...more]: readonly ConnectionRow[], now: number): void {
    if (first === undefined) return;
    const isFirst = this.#toldAt === undefined || now - this.#toldAt >= SAME_AGAIN_MS;
    if (isFirst) this.#toldAt = now;
    const gone = more.length === 0 ? `${formatEndpoint(first.origin)} is gone and its` : `${formatEndpoint(first.origin)} and ${String(more.length)} more are gone and their`;
    log(this.#services, isFirst ? 'warn' : 'debug', `${formatEndpoint(first.accepted)}: ${gone} destination has taken nothing for ${String(PATIENCE_MS / 1_000)} s`, this.#id);
  }

  async #goneOf(still: readonly Watched[]): Promise<ReadonlySet<Watched>> {
    const gone = new Set(still.filter(({ relay }) => relay?.hasLostOrigin === true));
    if (!this.#isHere) return gone;
    for (const watched of await goneOf(still.filter((watched) => !gone.has(watched)), this.#services.control)) gone.add(watched);
    return gone;
  }
}
