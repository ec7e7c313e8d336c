import * as vscode from 'vscode';
import type { ForwardChange, ForwardModel } from '../core/forwardModel.ts';
import { isListening, isUsable, STOPPED } from '../core/forwardState.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { Soon } from '../core/soon.ts';
import { ConnectedPrograms } from './connectedPrograms.ts';
import { SECTION, SETTINGS, VIEWS } from './contributions.ts';
import { formatCount } from './format.ts';
import type { ForwardStore } from './forwardStore.ts';
import { ForwardsTree, type TreeNode } from './forwardsTree.ts';
import { LoopbackShadows } from './loopbackShadows.ts';

export interface ViewOptions {
  readonly model: ForwardModel;
  readonly store: ForwardStore;
  /** Asks for live numbers while the view can be seen. */
  readonly setWatching: (isWatching: boolean) => void;
  readonly clock: Clock;
}

const REFRESH_MS = 1000;
const BADGE_DELAY_MS = 50;

/** The view "Forwards" as a whole: asks for live numbers and redraws ages only while somebody sees it. */
export class ForwardsView implements Disposable {
  readonly treeView: vscode.TreeView<TreeNode>;
  readonly #options: ViewOptions;
  readonly #tree: ForwardsTree;
  readonly #shadows: LoopbackShadows;
  readonly #owned = new DisposableStore();
  readonly #badge: Soon;
  #tick: Disposable | undefined;
  /** The forward to unfold once it listens and has something under it. */
  #toUnfold: string | undefined;

  constructor(options: ViewOptions) {
    this.#options = options;
    const { model, store, clock } = options;
    const programs = this.#owned.add(new ConnectedPrograms(model, clock));
    this.#shadows = this.#owned.add(new LoopbackShadows(model, clock));
    this.#tree = this.#owned.add(new ForwardsTree({
      model, clock, problems: () => store.problems, isGrouped,
      programOf: (connection) => programs.programOf(connection), warningOf: (forwardId) => this.#shadows.warningOf(forwardId),
    }));
    this.#owned.add(this.#shadows.onDidChange(() => { this.#tree.refreshAges(); }));
    this.#owned.add(programs.onDidChange(() => { this.#tree.refreshAges(); }));
    this.treeView = this.#owned.add(vscode.window.createTreeView(VIEWS.forwards, { treeDataProvider: this.#tree, canSelectMany: true, showCollapseAll: false }));
    this.#owned.add(this.treeView.onDidChangeVisibility(({ visible }) => { this.#setVisible(visible); }));
    this.#owned.add(store.onDidChangeProblems(() => { this.#tree.refresh(); }));
    this.#owned.add(model.onDidChange((change) => { this.#onChange(change); }));
    this.#owned.add(vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration(`${SECTION}.${SETTINGS.groupByServer}`)) this.#tree.refresh();
    }));
    this.#badge = this.#owned.add(new Soon(clock, BADGE_DELAY_MS, () => { this.#updateBadge(); }));
    this.#setVisible(this.treeView.visible);
    this.#updateBadge();
  }

  /** Selects and unfolds a forward, opening the view if needed. */
  async reveal(forwardId: string): Promise<void> {
    this.#toUnfold = forwardId;
    await this.#show(forwardId);
    if (this.#isListening(forwardId)) this.#toUnfold = undefined;
  }

  dispose(): void {
    this.#tick?.dispose();
    this.#owned.dispose();
  }

  async #show(forwardId: string): Promise<void> {
    if (this.#options.model.get(forwardId) === undefined) return;
    try {
      await this.treeView.reveal(this.#tree.nodeOf(forwardId), { select: true, focus: false, expand: true });
    } catch {
      // The row went while the view was on its way to it.
    }
  }

  #onChange(change: ForwardChange): void {
    if (change.kind === 'traffic') return;
    this.#badge.ask();
    if (change.kind !== 'state' || change.id !== this.#toUnfold || !this.#isListening(change.id)) return;
    this.#toUnfold = undefined;
    void this.#show(change.id);
  }

  #isListening(forwardId: string): boolean {
    return isListening(this.#options.model.get(forwardId)?.state ?? STOPPED);
  }

  #setVisible(isVisible: boolean): void {
    this.#options.setWatching(isVisible);
    this.#tick?.dispose();
    this.#tick = undefined;
    if (isVisible) this.#scheduleTick();
  }

  #scheduleTick(): void {
    this.#tick = this.#options.clock.after(REFRESH_MS, () => {
      this.#tree.refreshAges();
      this.#shadows.refresh();
      this.#scheduleTick();
    });
  }

  #updateBadge(): void {
    const listening = this.#options.model.forwards.filter(({ state }) => isUsable(state)).length;
    this.treeView.badge = listening === 0 ? undefined : { value: listening, tooltip: `${formatCount(listening, 'forward')} listening` };
  }
}

function isGrouped(): boolean {
  return vscode.workspace.getConfiguration(SECTION).get(SETTINGS.groupByServer, true);
}
