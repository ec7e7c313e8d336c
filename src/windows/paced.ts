import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';

/** Does something soon after it is asked to, once for all that asked meanwhile, and with a pause after each time that it did. */
export class Paced implements Disposable {
  readonly #clock: Clock;
  readonly #pauseMs: number;
  readonly #action: () => boolean;
  #timer: Disposable | undefined;
  #nextAt = 0;
  #isDisposed = false;

  /** `action` answers whether it had anything to do. */
  constructor(clock: Clock, pauseMs: number, action: () => boolean) {
    this.#clock = clock;
    this.#pauseMs = pauseMs;
    this.#action = action;
  }

  ask(): void {
    if (this.#isDisposed) return;
    // A clock that was set back must not make it wait for longer than the pause.
    const delayMs = Math.min(Math.max(0, this.#nextAt - this.#clock.now()), this.#pauseMs);
    this.#timer ??= this.#clock.after(delayMs, () => {
      this.#timer = undefined;
      if (this.#action()) this.#nextAt = this.#clock.now() + this.#pauseMs;
    });
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#timer?.dispose();
  }
}
