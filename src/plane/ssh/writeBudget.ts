import type { Writable } from 'node:stream';

/** Above this a transport counts as congested. */
const QUEUED_MAX_BYTES = 4 * 1024 * 1024;

/**
 * Backpressure of an SSH connection: ssh2 writes to its transport without looking at the answer, so the channels ask
 * here. With jump hosts, every transport of the chain counts.
 */
export class WriteBudget {
  readonly #transports: Writable[] = [];
  readonly #waiting = new Set<() => void>();

  add(transport: Writable): void {
    this.#transports.push(transport);
    transport.on('drain', () => { this.#onDrain(); });
  }

  /** What the transports have not taken yet. */
  get queuedBytes(): number {
    return this.#transports.reduce((sum, { writableLength }) => sum + writableLength, 0);
  }

  get isCongested(): boolean {
    return this.#transports.some((transport) => transport.writableLength > QUEUED_MAX_BYTES);
  }

  /** Calls `action` once when there is room again. */
  onceDrained(action: () => void): void {
    this.#waiting.add(action);
  }

  #onDrain(): void {
    if (this.isCongested) return;
    const actions = [...this.#waiting];
    this.#waiting.clear();
    for (const action of actions) action();
  }
}
