import { EventEmitter, type Event } from '../core/event.ts';
import type { Connection } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import type { Disposable } from '../core/lifecycle.ts';
import { findConnectedPrograms } from '../system/connectedProgram.ts';

/** Which program opened each connection, looked up once per connection and only while somebody looks. */
export class ConnectedPrograms implements Disposable {
  readonly #model: ForwardModel;
  readonly #subscription: Disposable;
  readonly #changes = new EventEmitter<void>();
  /** By the two addresses of the connection; undefined where the system does not tell. */
  readonly #names = new Map<string, string | undefined>();
  #isLooking = false;

  readonly onDidChange: Event<void> = this.#changes.event;

  constructor(model: ForwardModel) {
    this.#model = model;
    this.#subscription = model.onDidChange((change) => { if (change.kind === 'traffic') void this.#look(); });
  }

  /** `psql (4211)`, or undefined. */
  nameOf(connection: Connection): string | undefined {
    return this.#names.get(keyOf(connection));
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changes.dispose();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    const shown = this.#model.forwards.flatMap(({ traffic }) => traffic.connections);
    this.#forget(shown);
    const unknown = shown.filter((connection) => connection.phase !== 'closed' && !this.#names.has(keyOf(connection)));
    if (unknown.length === 0) return;
    this.#isLooking = true;
    const programs = await findConnectedPrograms(unknown);
    this.#isLooking = false;
    unknown.forEach((connection, index) => {
      const program = programs[index];
      this.#names.set(keyOf(connection), program === undefined ? undefined : `${program.program} (${String(program.pid)})`);
    });
    this.#changes.fire();
  }

  #forget(shown: readonly Connection[]): void {
    const kept = new Set(shown.map(keyOf));
    for (const key of [...this.#names.keys()]) if (!kept.has(key)) this.#names.delete(key);
  }
}

function keyOf({ origin, accepted, openedAt }: Connection): string {
  return `${origin.host} ${String(origin.port)} ${String(accepted.port)} ${String(openedAt)}`;
}
