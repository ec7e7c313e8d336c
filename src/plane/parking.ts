import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import type { ParkingLimits } from '../protocol/messages.ts';

const DEFAULT_LIMITS: ParkingLimits = { maxCount: 64, maxMs: 30_000 };

/** Holds what waits for the tunnel, bounded in number and time, in the order of arrival. */
export class Parking<T> {
  readonly #clock: Clock;
  readonly #onExpired: (item: T) => void;
  /** Absent while nothing is parked, as with most forwards at all times. */
  #items: Map<T, Disposable> | undefined;
  #limits = DEFAULT_LIMITS;

  constructor(clock: Clock, onExpired: (item: T) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  /** For what comes after. */
  limit(limits = DEFAULT_LIMITS): void {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#items === undefined || this.#items.size === 0;
  }

  /** False when there is no room. */
  park(item: T): boolean {
    const { maxCount, maxMs } = this.#limits;
    const items = this.#items ??= new Map<T, Disposable>();
    if (items.size >= maxCount || maxMs <= 0) return false;
    items.set(item, this.#clock.after(maxMs, () => {
      items.delete(item);
      this.#onExpired(item);
    }));
    return true;
  }

  /** Gives up everything that is parked, the oldest first. */
  takeAll(): readonly T[] {
    const items = this.#items ?? new Map<T, Disposable>();
    this.#items = undefined;
    for (const timer of items.values()) timer.dispose();
    return [...items.keys()];
  }
}
