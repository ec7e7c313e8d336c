import { backoffMs } from './backoff.ts';

/** So many tries within the window; what would be one too many waits until there is room for it. */
const MAX_TRIES = 20;
const WINDOW_MS = 10 * 60_000;

/** When one forward is tried again: further and further apart until it is up, and never too often, however often it is lost. */
export class RetrySchedule {
  /** For when the last tries were put down, the oldest first. */
  #tries: number[] = [];
  /** Those of `nextIn`, which ask no server anything. */
  #closeTries: number[] = [];
  /** Failures since it was up. */
  #failures = 0;

  /** As if it had never been tried. */
  reset(): void {
    this.#tries = [];
    this.#closeTries = [];
    this.#failures = 0;
  }

  /** It is up. */
  succeeded(): void {
    this.#failures = 0;
  }

  /** The try that is waited for is made now. Something has changed, so if it fails the next one comes soon. */
  hurry(now: number): void {
    this.#tries = [...this.#tries.slice(0, -1), now];
    this.#failures = 0;
  }

  /** Whether the try that is waited for may be made now without a person's asking. */
  canHurry(now: number): boolean {
    const oldest = this.#tries.at(-MAX_TRIES - 1);
    return oldest === undefined || oldest + WINDOW_MS <= now;
  }

  /** How long to wait for the try after the failure that has just come, in milliseconds; `chance` is 0 to 1. */
  next(now: number, chance: number): number {
    const last = this.#tries.at(-1);
    if (last !== undefined && now - last > WINDOW_MS) this.#failures = 0;
    this.#failures += 1;
    return this.#putDown(now, Math.max(backoffMs(this.#failures, chance), this.#roomInMs(now)));
  }

  /** As `next`, for what another window is about to let go, so long and no longer; undefined when that is one try too many. */
  nextIn(now: number, delayMs: number): number | undefined {
    this.#closeTries = this.#closeTries.filter((at) => now - at < WINDOW_MS);
    if (this.#closeTries.length >= MAX_TRIES) return undefined;
    this.#closeTries.push(now + delayMs);
    return delayMs;
  }

  /** Makes the try that is waited for come at an earlier time; false where half of them are used up, and later ones need the rest. */
  bringForward(at: number): boolean {
    if (this.#tries.filter((time) => at - time < WINDOW_MS).length > MAX_TRIES / 2) return false;
    this.#tries = [...this.#tries.slice(0, -1), at];
    return true;
  }

  /** Never longer than the window, also where the time of day was set back. */
  #roomInMs(now: number): number {
    const oldest = this.#tries.at(-MAX_TRIES);
    return oldest === undefined ? 0 : Math.min(WINDOW_MS, oldest + WINDOW_MS - now);
  }

  #putDown(now: number, delayMs: number): number {
    this.#tries = [...this.#tries, now + delayMs].slice(-MAX_TRIES - 1);
    return delayMs;
  }
}
