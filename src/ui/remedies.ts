import * as vscode from 'vscode';
import { isSocketPath } from '../core/address.ts';
import type { ForwardState } from '../core/forwardState.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { toFailure, type Failure, type FailureCode } from '../core/failure.ts';
import { formatPorts } from '../core/portRange.ts';
import { COMMANDS, SECTION } from './contributions.ts';
import { withoutLinks } from './format.ts';
import { explain, remediesFor, type Remedy } from './messages.ts';
import { openFile } from './openFile.ts';
import { titleOf } from './present.ts';

/** What a remedy needs of the machine, given by the composition root. */
export interface RemedyActions {
  /** Removes a socket that nobody listens on; rejects with a `ForwardError` when it is anything else. */
  removeStaleSocket(path: string): Promise<void>;
}

/** What is plain from its sentence, or passes by itself: walking the whole way would tell nothing more. */
const PLAIN: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'invalid-forward', 'config-invalid', 'config-unsupported', 'address-in-use', 'running-elsewhere', 'permission-denied', 'address-not-available', 'bind-not-allowed',
  'host-key-mismatch', 'host-key-revoked', 'host-key-rejected', 'known-hosts-unreadable', 'auth-cancelled', 'too-many-connections', 'too-much-queued', 'too-many-open-files', 'cancelled', 'plane-crashed', 'internal',
]);

/** Says why a forward failed and offers what can be done; settles when the user has chosen or closed it. Never rejects. */
export async function showFailure(model: ForwardModel, forwardId: string, failure: Failure, actions: RemedyActions): Promise<void> {
  const forward = model.get(forwardId);
  if (forward === undefined) return;
  const { sentence, remedies } = explain(failure);
  const { definition, state } = forward;
  const offered = [...remedies, ...(PLAIN.has(failure.code) ? [] : [{ kind: 'diagnose' } as const])].filter(({ kind }) => kind !== 'retry' || !isOnItsWay(state));
  const buttons = remediesFor(definition, offered).map((remedy) => ({ title: titleOfRemedy(remedy, state), remedy }));
  try {
    const chosen = await vscode.window.showErrorMessage(withoutLinks(`${titleOf(forward)}: ${sentence}`), ...buttons);
    if (chosen !== undefined) await applyRemedy(model, forwardId, chosen.remedy, actions);
  } catch (error) {
    void vscode.window.showErrorMessage(withoutLinks(`${titleOf(forward)}: that did not work: ${toFailure(error).detail}`));
  }
}

/** There is nothing to start: it is being tried, or is by the next client. */
function isOnItsWay({ phase }: ForwardState): boolean {
  return phase === 'starting' || phase === 'idle';
}

/** The title of its button, for a forward that stands so. */
export function titleOfRemedy(remedy: Remedy, { phase }: ForwardState): string {
  switch (remedy.kind) {
    case 'retry':
      return phase === 'retrying' ? 'Try Again Now' : 'Start Again';
    case 'edit':
      return 'Edit…';
    case 'listen-on':
      return remedy.portCount === undefined ? `Use Port ${String(remedy.port)}` : `Use Ports ${formatPorts(remedy.port, remedy.portCount)}`;
    case 'remove-socket':
      return 'Remove It and Start';
    case 'open-file':
    case 'copy':
      return remedy.title;
    case 'open-setting':
      return 'Open the Setting';
    case 'take-over':
      return 'Take Over';
    case 'health-check':
      return 'Change Health Check…';
    case 'diagnose':
      return 'Why Doesn\'t It Work?';
    case 'show-log':
      return 'Show Log';
  }
}

/** Does what its button says. */
export async function applyRemedy(model: ForwardModel, forwardId: string, remedy: Remedy, actions: RemedyActions): Promise<void> {
  switch (remedy.kind) {
    case 'retry':
      await vscode.commands.executeCommand(COMMANDS.start, forwardId);
      return;
    case 'edit':
      await vscode.commands.executeCommand(COMMANDS.edit, forwardId);
      return;
    case 'listen-on':
      await listenOn(model, forwardId, remedy.port);
      return;
    case 'remove-socket':
      await actions.removeStaleSocket(remedy.path);
      await vscode.commands.executeCommand(COMMANDS.start, forwardId);
      return;
    case 'open-file':
      await openFile(remedy.path, remedy.line);
      return;
    case 'copy':
      await vscode.env.clipboard.writeText(remedy.text);
      return;
    case 'open-setting':
      await vscode.commands.executeCommand('workbench.action.openSettings', `${SECTION}.${remedy.setting}`);
      return;
    case 'take-over':
      await vscode.commands.executeCommand(COMMANDS.takeOver, forwardId);
      return;
    case 'health-check':
      await vscode.commands.executeCommand(COMMANDS.setHealthCheck, forwardId);
      return;
    case 'diagnose':
      await vscode.commands.executeCommand(COMMANDS.diagnose, forwardId);
      return;
    case 'show-log':
      await vscode.commands.executeCommand(COMMANDS.showLog);
  }
}

async function listenOn(model: ForwardModel, forwardId: string, port: number): Promise<void> {
  const forward = model.get(forwardId);
  if (forward === undefined) return;
  const { definition } = forward;
  if (isSocketPath(definition.spec.listen)) return;
  model.put({ ...definition, spec: { ...definition.spec, listen: { ...definition.spec.listen, port } } });
  await vscode.commands.executeCommand(COMMANDS.start, forwardId);
}
