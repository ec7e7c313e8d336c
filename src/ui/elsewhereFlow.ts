import * as vscode from 'vscode';
import type { ForwardModel } from '../core/forwardModel.ts';
import { formatCount, withoutLinks } from './format.ts';
import { titleOf } from './present.ts';
import type { SharedForwards } from './sharedForwards.ts';

/** What the commands ask of the other windows. */
export type OtherWindowsActions = Pick<SharedForwards, 'stop' | 'takeOver'>;

/** Says which of the forwards that were to start run in another window, if any. */
export async function tellElsewhere(model: ForwardModel, windows: OtherWindowsActions, ids: readonly string[]): Promise<void> {
  const elsewhere = ids.flatMap((id) => model.get(id) ?? []).filter(({ state }) => state.phase === 'elsewhere');
  const [first] = elsewhere;
  if (first === undefined) return;
  const isOne = elsewhere.length === 1;
  const what = isOne ? `${titleOf(first)} runs` : `${formatCount(elsewhere.length, 'forward')} run`;
  const takeOver = 'Take Over';
  const message = withoutLinks(`${what} in another window of this editor, and ${isOne ? 'starts' : 'start'} here when that window closes.`);
  if (await vscode.window.showInformationMessage(message, takeOver) !== takeOver) return;
  for (const { definition: { id } } of elsewhere) await takeOverHere(model, windows, id);
}

/** Stops a forward where it runs. */
export async function stopElsewhere(model: ForwardModel, windows: OtherWindowsActions, id: string): Promise<void> {
  if (!(await windows.stop(id))) tellSilence(model, id, 'It goes on there.');
}

/** Has it run here in place of there. */
export async function takeOverHere(model: ForwardModel, windows: OtherWindowsActions, id: string): Promise<void> {
  if (!(await windows.takeOver(id))) tellSilence(model, id, 'It starts here when that window closes.');
}

function tellSilence(model: ForwardModel, id: string, outlook: string): void {
  const forward = model.get(id);
  if (forward !== undefined) void vscode.window.showWarningMessage(withoutLinks(`${titleOf(forward)}: the window that runs it does not answer. ${outlook}`));
}
