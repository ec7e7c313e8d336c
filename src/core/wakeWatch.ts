import type { Disposable } from './lifecycle.ts';
import type { Clock } from './ports.ts';

const TICK_MS = 1_000;

/** A tick that is later than this was not only held up by a busy loop: the machine has slept. */
const LATE_MS = 10_000;

/** Notices that the machine has slept, by the gap that the clock then has: no timer runs meanwhile. */
export class WakeWatch implements Disposable {
  readonly #clock: Clock;
  readonly #onWake: () => void;
  #tick: Disposable | undefined;

  /** `onWake` is called within a second of waking, and once more for a clock that was set forward, which does no harm. */
  constructor(clock: Clock, onWake: () => void) {
    this.#clock = clock;
    this.#onWake = onWake;
    this.#wait();
  }

  dispose(): void {
    this.#tick?.dispose();
  }

  #wait(): void {
    const due = this.#clock.now() + TICK_MS;
    this.#tick = this.#clock.after(TICK_MS, () => {
      const isLate = this.#clock.now() - due > LATE_MS;
      this.#wait();
      if (isLate) this.#onWake();
    });
  }
}
