import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';

const PARKED_MAX = 64;
const PARKED_MS = 30_000;

/** Holds what waits for the tunnel, bounded in number and time, in the order of arrival. */
export class Parking<T> {
  readonly #clock: Clock;
  readonly #onExpired: (item: T) => void;
  readonly #items = new Map<T, Disposable>();

  constructor(clock: Clock, onExpired: (item: T) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  /** False when there is no room. */
  park(item: T): boolean {
    if (this.#items.size >= PARKED_MAX) return false;
    this.#items.set(item, this.#clock.after(PARKED_MS, () => {
      this.#items.delete(item);
      this.#onExpired(item);
    }));
    return true;
  }

  /** Gives up everything that is parked, the oldest first. */
  takeAll(): readonly T[] {
    const items = [...this.#items.keys()];
    for (const timer of this.#items.values()) timer.dispose();
    this.#items.clear();
    return items;
  }
}
