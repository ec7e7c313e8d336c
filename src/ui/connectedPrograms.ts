import { formatEndpoint, isSocketPath } from '../core/address.ts';
import { EventEmitter, type Event } from '../core/event.ts';
import type { Connection } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { listensOnServer } from '../core/forwardSpec.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { Soon } from '../core/soon.ts';
import { findConnectedPrograms, type AcceptedConnection } from '../system/connectedProgram.ts';
import type { ConnectedProgram } from './present.ts';

/** A look goes through all connections and, for new ones, through the system's tables. */
const LOOK_DELAY_MS = 500;

/** Which program opened each connection, looked up once per connection and only while somebody looks. */
export class ConnectedPrograms implements Disposable {
  readonly #model: ForwardModel;
  readonly #owned = new DisposableStore();
  readonly #soon: Soon;
  readonly #changes = new EventEmitter<void>();
  /** By the two addresses of the connection; undefined where the system does not tell. */
  readonly #programs = new Map<string, ConnectedProgram | undefined>();
  #isLooking = false;

  readonly onDidChange: Event<void> = this.#changes.event;

  constructor(model: ForwardModel, clock: Clock) {
    this.#model = model;
    // All forwards tell of their traffic at about the same time.
    this.#soon = this.#owned.add(new Soon(clock, LOOK_DELAY_MS, () => { void this.#look(); }));
    this.#owned.add(model.onDidChange((change) => { if (change.kind === 'traffic') this.#soon.ask(); }));
  }

  programOf(connection: Connection): ConnectedProgram | undefined {
    return this.#programs.get(keyOf(connection));
  }

  dispose(): void {
    this.#owned.dispose();
    this.#changes.dispose();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    // Who connected on a server is no program of this computer, even where the ports happen to be the same; the table of
    // connections has neither sockets nor datagrams.
    const shown = this.#model.forwards.flatMap(({ definition: { spec }, traffic }) => (listensOnServer(spec) || spec.kind === 'udp' ? [] : traffic.connections.filter(isOverTcp)));
    this.#forget(shown);
    const unknown = shown.filter((connection) => connection.phase !== 'closed' && !this.#programs.has(keyOf(connection)));
    if (unknown.length === 0) return;
    this.#isLooking = true;
    const programs = await findConnectedPrograms(unknown);
    this.#isLooking = false;
    unknown.forEach((connection, index) => {
      this.#programs.set(keyOf(connection), programs[index]);
    });
    this.#changes.fire();
    // Those that connected meanwhile: an idle one causes no further traffic to be told.
    this.#soon.ask();
  }

  #forget(shown: readonly Connection[]): void {
    const kept = new Set(shown.map(keyOf));
    for (const key of [...this.#programs.keys()]) if (!kept.has(key)) this.#programs.delete(key);
  }
}

type TcpConnection = Connection & AcceptedConnection;

function isOverTcp(connection: Connection): connection is TcpConnection {
  return !isSocketPath(connection.origin) && !isSocketPath(connection.accepted);
}

function keyOf({ origin, accepted, openedAt }: Connection): string {
  return `${formatEndpoint(origin)} ${formatEndpoint(accepted)} ${String(openedAt)}`;
}
