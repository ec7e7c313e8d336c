import { formatHostPort, isSocketPath, type Endpoint, type HostPort } from '../core/address.ts';
import { EventEmitter, type Event } from '../core/event.ts';
import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { listensOnServer } from '../core/forwardSpec.ts';
import { boundOf, isListening } from '../core/forwardState.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { findLoopbackShadow, uncovered, type LoopbackShadow } from '../system/loopbackShadow.ts';
import { titleOf } from './present.ts';

/** Others may begin to listen later, and asking is a program on some systems. */
const LOOK_INTERVAL_MS = 60_000;

/** Says of forwards that have one loopback of their port who answers at the other, so that `localhost` leads there. */
export class LoopbackShadows implements Disposable {
  readonly #model: ForwardModel;
  readonly #clock: Clock;
  readonly #subscription: Disposable;
  readonly #changes = new EventEmitter<void>();
  /** What is wrong, by the forward's id. */
  readonly #warnings = new Map<string, string>();
  #lastLookAt = 0;
  #looking: Promise<void> = Promise.resolve();
  /** A look that has not begun sees what changes until then. */
  #isQueued = false;

  readonly onDidChange: Event<void> = this.#changes.event;

  constructor(model: ForwardModel, clock: Clock) {
    this.#model = model;
    this.#clock = clock;
    this.#subscription = model.onDidChange((change) => {
      if (change.kind === 'state' && model.get(change.id)?.state.phase !== change.before.phase) this.#queueLook();
    });
  }

  /** In a sentence without its dot, who else `localhost` leads to; undefined where all is well. */
  warningOf(forwardId: string): string | undefined {
    return this.#warnings.get(forwardId);
  }

  /** Looks again if that was a while ago. */
  refresh(): void {
    if (this.#clock.now() - this.#lastLookAt >= LOOK_INTERVAL_MS) this.#queueLook();
  }

  dispose(): void {
    this.#subscription.dispose();
    this.#changes.dispose();
  }

  #queueLook(): void {
    this.#lastLookAt = this.#clock.now();
    if (this.#isQueued) return;
    this.#isQueued = true;
    this.#looking = this.#looking.then(() => {
      this.#isQueued = false;
      return this.#look();
    });
  }

  async #look(): Promise<void> {
    const before = JSON.stringify([...this.#warnings]);
    const candidates = this.#model.forwards.filter((forward) => uncovered(listeningHere(forward)).length > 0);
    const ids = new Set(candidates.map(({ definition }) => definition.id));
    for (const id of [...this.#warnings.keys()]) if (!ids.has(id)) this.#warnings.delete(id);
    for (const forward of candidates) {
      const shadow = await findLoopbackShadow(listeningHere(forward));
      if (shadow === undefined) this.#warnings.delete(forward.definition.id);
      else this.#warnings.set(forward.definition.id, this.#describe(shadow));
    }
    if (JSON.stringify([...this.#warnings]) !== before) this.#changes.fire();
  }

  #describe({ address, holder }: LoopbackShadow): string {
    const own = this.#model.forwards.find((forward) => listeningHere(forward).some(({ host, port }) => host === address.host && port === address.port));
    const who = own === undefined ? (holder === undefined ? 'another program' : `${holder.program} (pid ${String(holder.pid)})`) : `your forward ${titleOf(own)}`;
    return `localhost may lead to ${who}, which has ${formatHostPort(address)}`;
  }
}

/** The TCP addresses of this computer that the forward has. */
function listeningHere({ definition: { spec }, state }: Forward): readonly HostPort[] {
  if (spec.kind === 'udp' || listensOnServer(spec) || !isListening(state)) return [];
  return (boundOf(state)?.addresses ?? []).filter((address: Endpoint): address is HostPort => !isSocketPath(address));
}
