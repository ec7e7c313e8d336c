import * as vscode from 'vscode';
import { DisposableStore } from '../core/lifecycle.ts';
import type { HostKeyVerdict } from '../openssh/hostKeyCheck.ts';
import type { HostKeyQuestion } from '../protocol/messages.ts';
import { openFile } from './openFile.ts';
import { trustPlaceholder, trustRows, trustTitle, type TrustRow } from './trustRows.ts';

type Item = vscode.QuickPickItem & TrustRow;

/**
 * Asks about an unknown host key, as ssh does: no by default, yes by a deliberate choice, or by the fingerprint that the user
 * was given. A box rather than a modal dialog, since it can be taken back when nobody waits for the answer any more.
 */
export function askTrust(question: HostKeyQuestion, verdict: HostKeyVerdict, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  const pick = vscode.window.createQuickPick<Item>();
  const owned = new DisposableStore();
  owned.add(pick);
  pick.title = trustTitle(question);
  pick.placeholder = trustPlaceholder(question);
  pick.ignoreFocusOut = true;
  // Whatever is typed, the rows are those for it.
  const update = (typed: string): void => { pick.items = trustRows(typed, question, verdict).map((row) => ({ ...row, alwaysShow: true })); };
  update('');
  owned.add(pick.onDidChangeValue(update));
  return new Promise<boolean>((resolve) => {
    const onAbort = (): void => { resolve(false); };
    signal.addEventListener('abort', onAbort, { once: true });
    owned.add({ dispose: () => { signal.removeEventListener('abort', onAbort); } });
    owned.add(pick.onDidAccept(() => {
      // The rows come a moment after the typing: only what stands for the text as it is now counts.
      const label = pick.selectedItems[0]?.label;
      choose(trustRows(pick.value, question, verdict).find((row) => row.label === label), resolve);
    }));
    owned.add(pick.onDidHide(() => { resolve(false); }));
    pick.show();
  }).finally(() => { owned.dispose(); });
}

function choose(row: TrustRow | undefined, resolve: (isTrusted: boolean) => void): void {
  if (row?.isTrusted !== undefined) resolve(row.isTrusted);
  // A file that went meanwhile is not worth a word.
  else if (row?.place !== undefined) openFile(row.place.file, row.place.line).catch(() => undefined);
}
