import { isSocketPath } from '../core/address.ts';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { boundOf, isActive } from '../core/forwardState.ts';
import { formatForward } from '../core/forwardText.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import type { OtherWindows } from '../windows/otherWindows.ts';
import type { WindowRun } from '../windows/windowMessages.ts';
import type { WindowServer } from '../windows/windowServer.ts';

/** A window that has not begun to stop by then hangs. */
const ANSWER_MS = 3_000;

const NONE: ReadonlySet<string> = new Set();

export interface SharedForwardsOptions {
  readonly model: ForwardModel;
  readonly clock: Clock;
  readonly windows: Pick<OtherWindows, 'find' | 'askToStop' | 'onDidChange'>;
  readonly server: Pick<WindowServer, 'changed' | 'onRequest' | 'onDidChangeLooking'>;
  /** Has the numbers counted that the other windows show. */
  readonly setWatching: (isWatching: boolean) => void;
}

/** Keeps the model and the other windows informed of each other: what runs there, what runs here, and who is to stop it. */
export class SharedForwards implements Disposable {
  readonly #options: SharedForwardsOptions;
  readonly #owned = new DisposableStore();

  constructor(options: SharedForwardsOptions) {
    this.#options = options;
    const { model, windows, server, setWatching } = options;
    this.#owned.add(windows.onDidChange(({ orphans }) => { this.#takeIn(orphans); }));
    this.#owned.add(model.onDidChange(({ kind }) => {
      if (kind === 'definitions') this.#takeIn(NONE);
      server.changed();
    }));
    this.#owned.add(server.onRequest(({ id, isHandOver }) => {
      if (isHandOver) model.handOver(id);
      else model.stop(id);
    }));
    this.#owned.add(server.onDidChangeLooking(setWatching));
    this.#takeIn(NONE);
  }

  /** Has the window that runs a forward stop it; false when that does not answer. */
  async stop(id: string): Promise<boolean> {
    this.#options.model.stop(id);
    return this.#askToStop(id, false);
  }

  /** The same, for it to run here then. */
  async takeOver(id: string): Promise<boolean> {
    this.#options.model.takeOver(id);
    return this.#askToStop(id, true);
  }

  dispose(): void {
    this.#owned.dispose();
  }

  async #askToStop(id: string, isHandOver: boolean): Promise<boolean> {
    const { model, windows, clock } = this.#options;
    const isAnswered = (): boolean => {
      const state = model.get(id)?.state;
      return state?.phase !== 'elsewhere' || state.running.phase === 'stopping';
    };
    const forward = model.get(id);
    if (forward === undefined || isAnswered() || !windows.askToStop(formatForward(forward.definition.spec), isHandOver)) return true;
    return new Promise((resolve) => {
      const end = (): void => {
        timer.dispose();
        subscription.dispose();
        resolve(isAnswered());
      };
      const timer = clock.after(ANSWER_MS, end);
      const subscription = model.onDidChange(() => { if (isAnswered()) end(); });
    });
  }

  #takeIn(orphans: ReadonlySet<string>): void {
    const { model, windows } = this.#options;
    for (const { definition: { id, spec } } of model.forwards) {
      const text = formatForward(spec);
      const run = isShared(spec) ? windows.find(text) : undefined;
      model.setElsewhere(id, run === undefined ? undefined : { phase: run.phase, openConnections: run.openConnections }, orphans.has(text));
    }
  }
}

/** What a window tells the others: the forwards that run in it. */
export function runsOf(model: ForwardModel): readonly WindowRun[] {
  return model.forwards.flatMap(({ definition: { id, spec }, state, traffic }) => (isActive(state) && isShared(spec)
    ? [{ id, text: formatForward(spec), phase: state.phase, isBound: boundOf(state) !== undefined, openConnections: traffic.openConnections }]
    : []));
}

/** Of what listens on any free port, each window may have its own. */
function isShared({ listen }: ForwardSpec): boolean {
  return isSocketPath(listen) || listen.port !== 0;
}
