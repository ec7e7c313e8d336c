import * as vscode from 'vscode';
import type { ForwardModel } from '../core/forwardModel.ts';
import type { Forward } from '../core/forward.ts';
import { formatHostPort } from '../core/address.ts';
import { describeProgress, titleOf } from './present.ts';

/** Shows the steps of a start that takes a moment, with a button that stops it; goes when the start is over. */
export function showStartProgress(model: ForwardModel, forwardId: string): void {
  const forward = model.get(forwardId);
  if (forward?.state.phase !== 'starting') return;
  const options = { location: vscode.ProgressLocation.Notification, title: `Forward ${titleOf(forward)}`, cancellable: true };
  void vscode.window.withProgress(options, (progress, token) => new Promise<void>((resolve) => {
    const onCancel = token.onCancellationRequested(() => { model.stop(forwardId); });
    const onChange = model.onDidChange(() => {
      const now = model.get(forwardId);
      const state = now?.state;
      if (state?.phase === 'starting') {
        progress.report({ message: describeProgress(state.progress) });
        return;
      }
      onChange.dispose();
      onCancel.dispose();
      if (now?.state.phase === 'listening') announce(now, now.state.bound.addresses.map(formatHostPort));
      resolve();
    });
  }));
}

function announce(forward: Forward, addresses: readonly string[]): void {
  vscode.window.setStatusBarMessage(`$(plug) ${titleOf(forward)}: listening on ${addresses.join(' and ')}`, 8000);
}
