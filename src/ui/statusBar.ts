import * as vscode from 'vscode';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { Soon } from '../core/soon.ts';
import { VIEWS } from './contributions.ts';
import { presentStatus } from './present.ts';

/** Many forwards may change at once, as when all start, and each would draw them all. */
const RENDER_DELAY_MS = 50;

/** Forwards that the tooltip names. */
const MAX_LINES = 50;

/** The status bar item: how many forwards listen and whether something is wrong; hidden while there are none. */
export class StatusBar implements Disposable {
  readonly #item: vscode.StatusBarItem;
  readonly #owned = new DisposableStore();
  readonly #model: ForwardModel;

  constructor(model: ForwardModel, clock: Clock) {
    this.#model = model;
    this.#item = this.#owned.add(vscode.window.createStatusBarItem('culvert.status', vscode.StatusBarAlignment.Left));
    this.#item.name = 'Culvert: Port Forwarding';
    this.#item.command = `${VIEWS.forwards}.focus`;
    const soon = this.#owned.add(new Soon(clock, RENDER_DELAY_MS, () => { this.#render(); }));
    this.#owned.add(model.onDidChange((change) => { if (change.kind !== 'traffic') soon.ask(); }));
    this.#render();
  }

  dispose(): void {
    this.#owned.dispose();
  }

  #render(): void {
    const status = presentStatus(this.#model.forwards);
    if (status === undefined) {
      this.#item.hide();
      return;
    }
    this.#item.text = status.text;
    const tooltip = new vscode.MarkdownString();
    const more = status.lines.length - MAX_LINES;
    for (const line of [...status.lines.slice(0, MAX_LINES), ...(more > 0 ? [`${String(more)} more`] : [])]) {
      tooltip.appendText(line);
      tooltip.appendMarkdown('  \n');
    }
    this.#item.tooltip = tooltip;
    this.#item.accessibilityInformation = { label: status.spoken, role: 'button' };
    this.#item.backgroundColor = status.isWarning ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.#item.show();
  }
}
