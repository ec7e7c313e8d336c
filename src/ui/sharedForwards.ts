import { isSocketPath } from '../core/address.ts';
import { listensOnServer, type ForwardSpec } from '../core/forwardSpec.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { isActive, isDraining, type ActiveState, type ForwardState, type ToldState } from '../core/forwardState.ts';
import { formatForward } from '../core/forwardText.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import type { OtherWindows } from '../windows/otherWindows.ts';
import type { WindowOrder, WindowRun } from '../windows/windowMessages.ts';
import type { WindowServer } from '../windows/windowServer.ts';
import { spellOutHome } from './homePath.ts';

/** A window that has not begun to obey by then hangs. */
const ANSWER_MS = 3_000;

const NONE: ReadonlySet<string> = new Set();

export interface SharedForwardsOptions {
  readonly model: ForwardModel;
  readonly clock: Clock;
  readonly windows: Pick<OtherWindows, 'find' | 'order' | 'onDidChange'>;
  readonly server: Pick<WindowServer, 'changed' | 'onRequest' | 'onDidChangeLooking'>;
  /** Has the numbers counted that the other windows show. */
  readonly setWatching: (isWatching: boolean) => void;
  /** Removes a socket that nobody listens on; rejects when it is anything else. */
  readonly removeStaleSocket: (path: string) => Promise<void>;
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
    this.#owned.add(server.onRequest(({ order, id }) => { obey(model, order, id); }));
    this.#owned.add(server.onDidChangeLooking(setWatching));
    this.#takeIn(NONE);
  }

  /** Has the window that runs a forward stop it; false when that does not answer. */
  async stop(id: string): Promise<boolean> {
    this.#options.model.stop(id);
    return this.#order(id, 'stop');
  }

  /** The same, for it to run here then. */
  async takeOver(id: string): Promise<boolean> {
    this.#options.model.takeOver(id);
    return this.#order(id, 'hand-over');
  }

  /** Has the window that runs a forward start it anew; false when that does not answer. */
  restart(id: string): Promise<boolean> {
    return this.#order(id, 'restart');
  }

  dispose(): void {
    this.#owned.dispose();
  }

  async #order(id: string, order: WindowOrder): Promise<boolean> {
    const { model, windows, clock } = this.#options;
    const forward = model.get(id);
    if (forward?.state.phase !== 'elsewhere' || forward.state.running.phase === 'failed') return true;
    const before = forward.state.running;
    const isAnswered = (): boolean => isObeyed(model.get(id)?.state, before);
    if (isAnswered() || !windows.order(formatForward(forward.definition.spec), order)) return true;
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
    for (const { definition: { id, spec }, isClaimed } of model.forwards) {
      const text = formatForward(spec);
      const run = isShared(spec) ? windows.find(text) : undefined;
      const isOrphaned = orphans.has(text);
      if (isOrphaned && isClaimed === true) this.#clear(spec);
      model.setElsewhere(id, run, isOrphaned);
    }
  }

  /** A window that was killed leaves the socket that it listened on, and an heir tries more than once. */
  #clear(spec: ForwardSpec): void {
    const listen = spellOutHome(spec.listen);
    if (isSocketPath(listen) && !listensOnServer(spec)) this.#options.removeStaleSocket(listen.path).catch(() => undefined);
  }
}

function obey(model: ForwardModel, order: WindowOrder, id: string): void {
  switch (order) {
    case 'stop':
      model.stop(id);
      return;
    case 'hand-over':
      model.handOver(id);
      return;
    case 'restart':
      model.restart(id);
  }
}

/** Whether it is on its way to the end there, at once, or another run than before, or runs there no more. */
function isObeyed(state: ForwardState | undefined, before: ActiveState): boolean {
  if (state?.phase !== 'elsewhere') return true;
  const { running } = state;
  return running.phase === 'failed' || (running.phase === 'stopping' && !isDraining(running)) || running.generation !== before.generation;
}

/** What a window tells the others: the forwards that run in it, and those that failed. */
export function runsOf(model: ForwardModel): readonly WindowRun[] {
  return model.forwards.flatMap(({ definition: { id, spec }, state, traffic, stopsAt }) => (isTold(state) && isShared(spec)
    ? [{ id, text: formatForward(spec), running: state, traffic, ...(stopsAt === undefined ? {} : { stopsAt }) }]
    : []));
}

/** That another window has it says nothing new to a third. */
function isTold(state: ForwardState): state is ToldState {
  return isActive(state) || (state.phase === 'failed' && state.failure.code !== 'running-elsewhere');
}

/** Of what listens on any free port, each window may have its own. */
export function isShared({ listen }: ForwardSpec): boolean {
  return isSocketPath(listen) || listen.port !== 0;
}
