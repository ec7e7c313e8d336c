import * as vscode from 'vscode';
import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { boundOf, isListening, STOPPED } from '../core/forwardState.ts';
import type { Clock } from '../core/ports.ts';
import { describeBound } from './describeSpec.ts';
import { withoutLinks } from './format.ts';
import { describeProgress, titleOf } from './present.ts';

/** A start that is over sooner shows nothing: a message that only flashes says less than none. */
const PATIENCE_MS = 400;

/** Shows the steps of a start that takes a moment, with a button that stops it; goes when the start is over. */
export function showStartProgress(model: ForwardModel, forwardId: string, clock: Clock): void {
  const isStarting = (): boolean => model.get(forwardId)?.state.phase === 'starting';
  if (!isStarting()) return;
  const delay = clock.after(PATIENCE_MS, () => { showSteps(model, forwardId); });
  const onChange = model.onDidChange((change) => {
    if (change.kind === 'traffic' || isStarting()) return;
    delay.dispose();
    onChange.dispose();
    const forward = model.get(forwardId);
    const bound = forward === undefined ? undefined : boundOf(forward.state);
    if (forward !== undefined && bound !== undefined && isListening(forward.state)) announce(model, forward, describeBound(forward.definition.spec, bound.addresses));
  });
}

function showSteps(model: ForwardModel, forwardId: string): void {
  const forward = model.get(forwardId);
  if (forward?.state.phase !== 'starting') return;
  const options = { location: vscode.ProgressLocation.Notification, title: withoutLinks(`Forward ${titleOf(forward)}`), cancellable: true };
  void vscode.window.withProgress(options, (progress, token) => new Promise<void>((resolve) => {
    const onCancel = token.onCancellationRequested(() => { model.stop(forwardId); });
    const report = (): void => {
      const state = model.get(forwardId)?.state;
      if (state?.phase === 'starting') {
        progress.report({ message: describeProgress(state.progress) });
        return;
      }
      onChange.dispose();
      onCancel.dispose();
      resolve();
    };
    const onChange = model.onDidChange((change) => { if (change.kind !== 'traffic') report(); });
    report();
  }));
}

/** Says where it listens for a moment, and no longer than it does. */
function announce(model: ForwardModel, forward: Forward, addresses: string): void {
  const message = vscode.window.setStatusBarMessage(`$(plug) ${titleOf(forward)}: listening on ${addresses}`, 8000);
  const onChange = model.onDidChange((change) => {
    if (change.kind === 'traffic' || isListening(model.get(forward.definition.id)?.state ?? STOPPED)) return;
    message.dispose();
    onChange.dispose();
  });
}
