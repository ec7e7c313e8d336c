import type { Disposable } from './lifecycle.ts';
import type { Clock } from './ports.ts';

/** When a forward that runs in another window is to start here: when that window has gone, or as soon as it is free. */
export type ClaimKind = 'if-owner-goes' | 'when-free';

/** A forward that is handed from window to window runs nowhere for a moment, and whoever waits for it goes on waiting. */
const LAPSE_MS = 5_000;

/** The system may take a moment to free what a window held that was killed. */
const HEIR_MS = 5_000;

/** The wish to run what another window runs. */
export class Claim implements Disposable {
  readonly #clock: Clock;
  #kind: ClaimKind | undefined;
  #lapse: Disposable | undefined;
  #heirUntil = 0;
  #isOrphaned = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isMade(): boolean {
    return this.#kind !== undefined;
  }

  /** The forward has just come from another window. */
  get isHeir(): boolean {
    return this.#clock.now() < this.#heirUntil;
  }

  make(kind: ClaimKind): void {
    this.keep();
    this.#kind = kind;
  }

  giveUp(): void {
    this.keep();
    this.#kind = undefined;
  }

  /** Another window runs it, or, unless `isOwner`, is about to: that is what is waited for. */
  keep(isOwner = true): void {
    this.#lapse?.dispose();
    this.#lapse = undefined;
    if (isOwner) this.#isOrphaned = false;
  }

  /** The window that ran it has gone. Whoever was about to follow it may not come to it. */
  orphan(): void {
    this.#isOrphaned = true;
  }

  /** No window runs it, and it is not this one's turn: what is not run by another soon was stopped for good. */
  lapseSoon(): void {
    this.keep(false);
    this.#lapse = this.#clock.after(LAPSE_MS, () => { this.giveUp(); });
  }

  /** Whether it is this window's turn, now that no window runs the forward; answers yes once. */
  takeTurn(): boolean {
    if (this.#kind === undefined || (this.#kind === 'if-owner-goes' && !this.#isOrphaned)) return false;
    this.giveUp();
    this.#heirUntil = this.#clock.now() + HEIR_MS;
    return true;
  }

  dispose(): void {
    this.giveUp();
  }
}
