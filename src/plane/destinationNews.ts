import { isTurningAway, type Failure } from '../core/failure.ts';
import type { CheckOutcome } from '../core/healthCheck.ts';
import type { PlaneServices } from './services.ts';

/** How often the same failure to reach the destination is told again. */
const COMPLAINT_INTERVAL_MS = 1_000;

/** How often it is told again that the destination was reached: thousands may reach it in a second. */
const PROOF_INTERVAL_MS = 10_000;

const NOTHING_KNOWN = { code: undefined, at: -Infinity };

/** Tells how dialling ends, when it ends otherwise than the one before, or when a while has passed. */
export class DestinationNews {
  readonly #services: PlaneServices;
  #last: { readonly code: Failure['code'] | undefined; readonly at: number } = NOTHING_KNOWN;

  constructor(services: PlaneServices) {
    this.#services = services;
  }

  /** From now on nothing is known. */
  reset(): void {
    this.#last = NOTHING_KNOWN;
  }

  /** `failure` is undefined for what reached its destination. */
  tell(run: { readonly id: string; readonly generation: number }, failure: Failure | undefined): void {
    const now = this.#services.clock.now();
    const { code, at } = this.#last;
    if (failure?.code === code && now - at < (failure === undefined ? PROOF_INTERVAL_MS : COMPLAINT_INTERVAL_MS)) return;
    this.#last = { code: failure?.code, at: now };
    this.#services.control.emit('destination', failure === undefined ? run : { ...run, failure });
  }

  /** A health check tells by itself what it found; what is known of the destination now is that. */
  checked(outcome: CheckOutcome): void {
    if (outcome.kind === 'failed') this.#last = { code: outcome.failure.code, at: -Infinity };
    // That a check got in does not take back that clients did not.
    if (outcome.kind === 'passed' && !isTurningAway(this.#last.code)) this.#last = { code: undefined, at: this.#services.clock.now() };
  }
}
