import type { FailureCode } from '../core/failure.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import { showFailure, type RemedyActions } from './remedies.ts';

/** What the user did themselves a moment ago needs no message, nor does what works in another window. */
const QUIET: ReadonlySet<FailureCode> = new Set<FailureCode>(['auth-cancelled', 'cancelled', 'host-key-rejected', 'bind-not-allowed', 'running-elsewhere']);

/** Shows one message for each forward that enters `failed`, and none for anything else. */
export class FailureNotifier implements Disposable {
  readonly #owned = new DisposableStore();

  constructor(model: ForwardModel, actions: RemedyActions) {
    this.#owned.add(model.onDidChange((change) => {
      if (change.kind !== 'state') return;
      const state = model.get(change.id)?.state;
      if (state?.phase !== 'failed' || change.before.phase === 'failed' || QUIET.has(state.failure.code)) return;
      void showFailure(model, change.id, state.failure, actions);
    }));
  }

  dispose(): void {
    this.#owned.dispose();
  }
}
