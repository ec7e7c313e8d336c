import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { WakeWatch } from '../core/wakeWatch.ts';

const LOOK_MS = 2_000;

export interface ComebackOptions {
  readonly model: ForwardModel;
  readonly clock: Clock;
  /** The addresses by which this machine is in a network. */
  readonly networkAddresses: () => readonly string[];
  /** Asks the servers of what is up whether they are still there. */
  readonly probe: () => void;
}

/**
 * Brings back what waits for a retry as soon as that makes sense: when the machine has woken up, unless its time was over by
 * then, and when it has got a new address. The network is looked at only while something waits.
 */
export class Comeback implements Disposable {
  readonly #options: ComebackOptions;
  readonly #owned = new DisposableStore();
  #look: Disposable | undefined;
  #known: ReadonlySet<string> = new Set();

  constructor(options: ComebackOptions) {
    this.#options = options;
    const { model, clock, probe } = options;
    this.#owned.add(new WakeWatch(clock, () => {
      probe();
      model.retryNow();
    }));
    this.#owned.add(model.onDidChange((change) => { if (change.kind === 'state' && isWaiting(model.get(change.id))) this.#watch(); }));
  }

  dispose(): void {
    this.#look?.dispose();
    this.#owned.dispose();
  }

  #watch(): void {
    if (this.#look !== undefined) return;
    this.#known = new Set(this.#options.networkAddresses());
    this.#lookLater();
  }

  #lookLater(): void {
    this.#look = this.#options.clock.after(LOOK_MS, () => {
      this.#look = undefined;
      if (!this.#isWaiting()) return;
      const before = this.#known;
      const now = this.#options.networkAddresses();
      this.#known = new Set(now);
      this.#lookLater();
      if (now.some((address) => !before.has(address))) this.#options.model.retryNow();
    });
  }

  #isWaiting(): boolean {
    return this.#options.model.forwards.some(isWaiting);
  }
}

function isWaiting(forward: Forward | undefined): boolean {
  return forward?.state.phase === 'retrying';
}
