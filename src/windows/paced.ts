import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { Soon } from '../core/soon.ts';

/** Does something soon after it is asked to, once for all that asked meanwhile, and with a pause after each time that it did. */
export class Paced implements Disposable {
  readonly #soon: Soon;
  #nextAt = 0;

  /** `action` answers whether it had anything to do. */
  constructor(clock: Clock, pauseMs: number, action: () => boolean) {
    // A clock that was set back must not make it wait for longer than the pause.
    const delayMs = (): number => Math.min(Math.max(0, this.#nextAt - clock.now()), pauseMs);
    this.#soon = new Soon(clock, delayMs, () => {
      if (action()) this.#nextAt = clock.now() + pauseMs;
    });
  }

  ask(): void {
    this.#soon.ask();
  }

  dispose(): void {
    this.#soon.dispose();
  }
}
