import type { Clock } from '../core/ports.ts';

/** How old a count may get: it looks at every connection, and connections may come by the thousand. */
const COUNTED_FOR_MS = 50;

/** Bytes that wait in memory because one side sends faster than the other takes, counted when somebody asks. */
export class Backlog {
  readonly #clock: Clock;
  readonly #count: () => number;
  #bytes = 0;
  #countedAt: number | undefined;

  constructor(clock: Clock, count: () => number) {
    this.#clock = clock;
    this.#count = count;
  }

  get bytes(): number {
    const now = this.#clock.now();
    if (this.#countedAt === undefined || Math.abs(now - this.#countedAt) >= COUNTED_FOR_MS) {
      this.#countedAt = now;
      this.#bytes = this.#count();
    }
    return this.#bytes;
  }
}
