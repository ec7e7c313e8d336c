import type { Disposable } from './lifecycle.ts';
import type { Clock } from './ports.ts';

/** When a forward stops by itself, if it does. */
export class TimeLimit implements Disposable {
  readonly #clock: Clock;
  #stopsAt: number | undefined;
  #timer: Disposable | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** In milliseconds since the epoch; undefined without a limit. */
  get stopsAt(): number | undefined {
    return this.#stopsAt;
  }

  /** Whether that time has passed: a machine that slept has no timer that says so. */
  get isOver(): boolean {
    return this.#stopsAt !== undefined && this.#stopsAt <= this.#clock.now();
  }

  /** Calls `onOver` once at that time, or in the next turn where it has passed. */
  set(stopsAt: number, onOver: () => void): void {
    this.dispose();
    this.#stopsAt = stopsAt;
    this.#timer = this.#clock.after(Math.max(0, stopsAt - this.#clock.now()), onOver);
  }

  /** There is none any more. */
  dispose(): void {
    this.#timer?.dispose();
    this.#stopsAt = undefined;
  }
}
