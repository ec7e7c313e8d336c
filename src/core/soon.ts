import type { Disposable } from './lifecycle.ts';
import type { Clock } from './ports.ts';

/** Does something once for all who ask within a moment, however many they are. */
export class Soon implements Disposable {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  readonly #action: () => void;
  #timer: Disposable | undefined;
  #isDisposed = false;

  /** `delayMs` may be what tells it at the first asking. */
  constructor(clock: Clock, delayMs: number | (() => number), action: () => void) {
    this.#clock = clock;
    this.#delayMs = typeof delayMs === 'number' ? () => delayMs : delayMs;
    this.#action = action;
  }

  /** It is done that long after the first asking. */
  ask(): void {
    if (this.#isDisposed) return;
    this.#timer ??= this.#clock.after(this.#delayMs(), () => {
      this.#timer = undefined;
      this.#action();
    });
  }

  /** What was asked for and has not been done is not done any more, nor what is asked for later. */
  dispose(): void {
    this.#isDisposed = true;
    this.#timer?.dispose();
    this.#timer = undefined;
  }
}
