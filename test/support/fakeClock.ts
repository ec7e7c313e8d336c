import { onDispose, type Disposable } from '../../src/core/lifecycle.ts';
import type { Clock } from '../../src/core/ports.ts';
import { systemClock } from '../../src/system/clock.ts';

interface Timer {
  readonly at: number;
  readonly action: () => void;
}

/** A clock that stands still until the test moves it. */
export class FakeClock implements Clock {
  readonly #timers = new Set<Timer>();
  #now: number;
  #sleptMs = 0;

  /** `now` is in milliseconds since the epoch. */
  constructor(now = 1_000_000) {
    this.#now = now;
  }

  now(): number {
    return this.#now + this.#sleptMs;
  }

  after(delayMs: number, action: () => void): Disposable {
    const timer: Timer = { at: this.#now + delayMs, action };
    this.#timers.add(timer);
    return onDispose(() => this.#timers.delete(timer));
  }

  /** How many timers are armed. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer; undefined without one. */
  get nextInMs(): number | undefined {
    const next = this.#next();
    return next === undefined ? undefined : next.at - this.#now;
  }

  /** Moves the time on and runs what falls due, in order, timers that were armed on the way included. */
  advance(durationMs: number): void {
    const end = this.#now + durationMs;
    for (let timer = this.#next(); timer !== undefined && timer.at <= end; timer = this.#next()) {
      this.#timers.delete(timer);
      this.#now = Math.max(this.#now, timer.at);
      timer.action();
    }
    this.#now = end;
  }

  /** The machine sleeps: timers stand still, the time of day does not. */
  sleep(durationMs: number): void {
    this.#sleptMs += durationMs;
  }

  #next(): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next;
  }
}

/** One whose time stands still while the turns of the loop go on, for real sockets: what is due after no time at all is due in the next. */
export class FakeClockOfRealTurns extends FakeClock {
  override after(delayMs: number, action: () => void): Disposable {
    return delayMs <= 0 ? systemClock.after(0, action) : super.after(delayMs, action);
  }
}
