import type { CloseReason } from '../core/forward.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { Accepted } from './accepted.ts';
import { goneOf } from './goneOrigins.ts';
import type { PlaneServices } from './services.ts';

const LOOK_INTERVAL_MS = 5_000;

const NONE: ReadonlySet<unknown> = new Set();

type Parked = Pick<Accepted, 'caller' | 'row'>;

/**
 * Finds the clients that gave up while they waited for the tunnel: nobody reads from them, so nothing tells of it. One that
 * has ended its direction alone waits on for its answer; one that left in good order may have sent all that it wanted to say,
 * which goes to the destination yet, unless its place is needed.
 */
export class ParkedWatch<T extends Parked> {
  readonly #services: PlaneServices;
  readonly #parked: () => readonly T[];
  readonly #isCrowded: () => boolean;
  readonly #onGone: (parked: T, reason: CloseReason) => void;
  #looking: Disposable | undefined;

  /** `parked` gives those that wait now; `isCrowded` tells whether there is no room for another. */
  constructor(services: PlaneServices, parked: () => readonly T[], isCrowded: () => boolean, onGone: (parked: T, reason: CloseReason) => void) {
    this.#services = services;
    this.#parked = parked;
    this.#isCrowded = isCrowded;
    this.#onGone = onGone;
  }

  /** Looks on for as long as anybody waits. */
  begin(): void {
    this.#looking ??= this.#services.clock.after(LOOK_INTERVAL_MS, () => { void this.#look(); });
  }

  /** Tries all for a reset, and calls back once what that brought to light is known. */
  probe(done: () => void): void {
    for (const { caller } of this.#parked()) caller.probe();
    this.#services.clock.after(0, () => {
      for (const parked of this.#parked()) if (parked.caller.probe()) this.#onGone(parked, 'client-reset');
      done();
    });
  }

  async #look(): Promise<void> {
    const before = this.#parked();
    for (const { caller } of before) caller.probe();
    const gone = this.#isCrowded() ? await goneOf(before, this.#services.control) : NONE;
    this.#looking = undefined;
    const now = new Set(this.#parked());
    for (const parked of before) {
      if (!now.has(parked)) continue;
      if (parked.caller.probe()) this.#onGone(parked, 'client-reset');
      else if (gone.has(parked)) this.#onGone(parked, 'client-ended');
    }
    if (this.#parked().length > 0) this.begin();
  }
}
