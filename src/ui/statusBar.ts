import * as vscode from 'vscode';
import type { ForwardModel } from '../core/forwardModel.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import { VIEWS } from './contributions.ts';
import { presentStatus } from './present.ts';

/** The status bar item: how many forwards listen and whether something is wrong; hidden while there are none. */
export class StatusBar implements Disposable {
  readonly #item: vscode.StatusBarItem;
  readonly #owned = new DisposableStore();
  readonly #model: ForwardModel;

  constructor(model: ForwardModel) {
    this.#model = model;
    this.#item = this.#owned.add(vscode.window.createStatusBarItem('culvert.status', vscode.StatusBarAlignment.Left));
    this.#item.name = 'Culvert: Port Forwarding';
    this.#item.command = `${VIEWS.forwards}.focus`;
    this.#owned.add(model.onDidChange((change) => { if (change.kind !== 'traffic') this.#render(); }));
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
    for (const line of status.lines) {
      tooltip.appendText(line);
      tooltip.appendMarkdown('  \n');
    }
    this.#item.tooltip = tooltip;
    this.#item.accessibilityInformation = { label: status.spoken, role: 'button' };
    this.#item.backgroundColor = status.isWarning ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
    this.#item.show();
  }
}
