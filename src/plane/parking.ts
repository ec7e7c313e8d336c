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
    return this.#count === 0;
  }

  /** True when as many are parked as may be, and any may be. */
  get isFull(): boolean {
    return !this.isEmpty && this.#count >= this.#limits.maxCount;
  }

  /** The oldest first. */
  get items(): readonly T[] {
    return [...this.#items?.keys() ?? []];
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

  /** Gives up one, if it is parked. */
  take(item: T): void {
    this.#items?.get(item)?.dispose();
    this.#items?.delete(item);
  }

  /** Gives up everything that is parked, the oldest first. */
  takeAll(): readonly T[] {
    const items = this.#items ?? new Map<T, Disposable>();
    this.#items = undefined;
    for (const timer of items.values()) timer.dispose();
    return [...items.keys()];
  }

  get #count(): number {
    return this.#items?.size ?? 0;
  }
}
