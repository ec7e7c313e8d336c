import type { ForwardError } from '../../core/failure.ts';
import type { Disposable } from '../../core/lifecycle.ts';
import type { Clock } from '../../core/ports.ts';

/** What the control side knows it answers at once; after this a person is being asked. */
const PERSON_MS = 3_000;

/** Bounds the waiting for a server, phase by phase, and stands still while a person is asked. */
export class PhaseTimer {
  readonly #clock: Clock;
  readonly #onExpired: (error: ForwardError) => void;
  #phase: { readonly timeoutMs: number; readonly error: () => ForwardError } | undefined;
  #running: Disposable | undefined;
  #questions = 0;
  /** When the oldest of the open questions was asked. */
  #askedAt = 0;

  constructor(clock: Clock, onExpired: (error: ForwardError) => void) {
    this.#clock = clock;
    this.#onExpired = onExpired;
  }

  /** True while a question is open that nobody but a person can be thinking about. */
  get isAskingPerson(): boolean {
    return this.#questions > 0 && this.#clock.now() - this.#askedAt >= PERSON_MS;
  }

  /** Begins the next phase, with its whole time. */
  begin(timeoutMs: number, error: () => ForwardError): void {
    this.#phase = { timeoutMs, error };
    this.#restart();
  }

  /** Ends the waiting for good. */
  stop(): void {
    this.#phase = undefined;
    this.#running?.dispose();
  }

  /** Stands still until the answer is there; then the phase has its whole time again. */
  async whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    if (this.#questions === 0) this.#askedAt = this.#clock.now();
    this.#questions += 1;
    this.#running?.dispose();
    try {
      return await ask();
    } finally {
      this.#questions -= 1;
      this.#restart();
    }
  }

  #restart(): void {
    this.#running?.dispose();
    const phase = this.#phase;
    if (phase === undefined || this.#questions > 0) return;
    this.#running = this.#clock.after(phase.timeoutMs, () => { this.#onExpired(phase.error()); });
  }
}
