import * as vscode from 'vscode';
import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { runsElsewhere } from '../core/forwardState.ts';
import { formatCount, withoutLinks } from './format.ts';
import { titleOf } from './present.ts';
import type { SharedForwards } from './sharedForwards.ts';

/** What the commands ask of the other windows. */
export type OtherWindowsActions = Pick<SharedForwards, 'stop' | 'takeOver' | 'restart'>;

/** Says which of the forwards that were to start run in another window, if any. */
export async function tellElsewhere(model: ForwardModel, windows: OtherWindowsActions, ids: readonly string[]): Promise<void> {
  const elsewhere = forwardsOf(model, ids).filter(({ state }) => runsElsewhere(state));
  if (elsewhere.length === 0) return;
  const isOne = elsewhere.length === 1;
  const takeOver = 'Take Over';
  const message = withoutLinks(`${nameOf(elsewhere)} ${isOne ? 'runs' : 'run'} in another window of this editor, and ${isOne ? 'starts' : 'start'} here when that window closes.`);
  if (await vscode.window.showInformationMessage(message, takeOver) === takeOver) await takeOverHere(model, windows, elsewhere.map(({ definition }) => definition.id));
}

/** Stops forwards where they run. */
export async function stopElsewhere(model: ForwardModel, windows: OtherWindowsActions, ids: readonly string[]): Promise<void> {
  tellSilence(model, await silentOf(ids, (id) => windows.stop(id)), ['It goes on there.', 'They go on there.']);
}

/** Has them run here in place of there. */
export async function takeOverHere(model: ForwardModel, windows: OtherWindowsActions, ids: readonly string[]): Promise<void> {
  tellSilence(model, await silentOf(ids, (id) => windows.takeOver(id)), ['It starts here when that window closes.', 'They start here when that window closes.']);
}

/** Restarts them where they run. */
export async function restartElsewhere(model: ForwardModel, windows: OtherWindowsActions, ids: readonly string[]): Promise<void> {
  tellSilence(model, await silentOf(ids, (id) => windows.restart(id)), ['It goes on there as it is.', 'They go on there as they are.']);
}

/** All are asked at once: a window that hangs is waited for once. */
async function silentOf(ids: readonly string[], ask: (id: string) => Promise<boolean>): Promise<readonly string[]> {
  const answers = await Promise.all(ids.map(ask));
  return ids.filter((_, index) => answers[index] === false);
}

/** `outlook` has both numbers: of one, and of several. */
function tellSilence(model: ForwardModel, ids: readonly string[], outlook: readonly [string, string]): void {
  const silent = forwardsOf(model, ids);
  if (silent.length === 0) return;
  const [object, end] = silent.length === 1 ? ['it', outlook[0]] : ['them', outlook[1]];
  void vscode.window.showWarningMessage(withoutLinks(`${nameOf(silent)}: the window that runs ${object} does not answer. ${end}`));
}

function forwardsOf(model: ForwardModel, ids: readonly string[]): readonly Forward[] {
  return ids.flatMap((id) => model.get(id) ?? []);
}

function nameOf(forwards: readonly Forward[]): string {
  const [first] = forwards;
  return forwards.length === 1 && first !== undefined ? titleOf(first) : formatCount(forwards.length, 'forward');
}
