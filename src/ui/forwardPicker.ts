import * as vscode from 'vscode';
import { isReadOnly, type Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import type { Clock } from '../core/ports.ts';
import type { TreeNode } from './forwardsTree.ts';
import { describeState, formatPoles, serverOf, titleOf } from './present.ts';

/** Finds out which forwards a command is about: its argument, the selection in the view, or the user's choice. */
export class ForwardPicker {
  readonly #model: ForwardModel;
  readonly #view: vscode.TreeView<TreeNode>;
  readonly #clock: Clock;

  constructor(model: ForwardModel, view: vscode.TreeView<TreeNode>, clock: Clock) {
    this.#model = model;
    this.#view = view;
    this.#clock = clock;
  }

  /** The forwards meant by a command's arguments as the editor passes them; empty when the user chose none. */
  async resolve(args: readonly unknown[], isWanted: (forward: Forward) => boolean, title: string): Promise<readonly Forward[]> {
    const [first] = args;
    if (typeof first === 'string') return this.#existing([first]);
    const ids = this.rowsOf(args).flatMap((node) => this.#idsOf(node));
    if (ids.length > 0) return this.#existing([...new Set(ids)]);
    return this.#ask(isWanted, title, true);
  }

  /** As `resolve`, for what is done to one at a time: the row that was clicked, however many are selected. */
  async resolveOne(args: readonly unknown[], isWanted: (forward: Forward) => boolean, title: string): Promise<readonly Forward[]> {
    const [first] = args;
    if (typeof first === 'string') return this.#existing([first]);
    const [id] = this.rowsOf([first]).flatMap((node) => this.#idsOf(node));
    return id === undefined ? this.#ask(isWanted, title, false) : this.#existing([id]);
  }

  /** The rows meant by a command's arguments; none for a forward's id. */
  rowsOf([first, all]: readonly unknown[]): readonly TreeNode[] {
    if (typeof first === 'string') return [];
    return Array.isArray(all) ? (all as TreeNode[]) : first === undefined ? this.#seen : [first as TreeNode];
  }

  /** What is selected in a view that is hidden, nobody sees. */
  get #seen(): readonly TreeNode[] {
    return this.#view.visible ? this.#view.selection : [];
  }

  #existing(ids: readonly string[]): Forward[] {
    return ids.map((id) => this.#model.get(id)).filter((forward) => forward !== undefined);
  }

  #idsOf(node: TreeNode): string[] {
    switch (node.kind) {
      case 'group':
        return this.#model.forwards
          .filter(({ definition }) => !isReadOnly(definition) && serverOf(definition.spec) === node.server)
          .map(({ definition }) => definition.id);
      // Not all of ssh_config at once: that would log in to every server that it names.
      case 'config':
      case 'problem':
        return [];
      case 'forward':
      case 'address':
      case 'connection':
      case 'more':
        return [node.forwardId];
    }
  }

  async #ask(isWanted: (forward: Forward) => boolean, title: string, canPickMany: boolean): Promise<readonly Forward[]> {
    const candidates = this.#model.forwards.filter(isWanted);
    if (candidates.length === 0) {
      void vscode.window.showInformationMessage(this.#model.forwards.length === 0 ? 'There is no forward yet. "Forward Port…" makes one.' : `${title}: there is no forward that this fits now.`);
      return [];
    }
    const now = this.#clock.now();
    const items = candidates.map((forward) => ({
      label: titleOf(forward),
      description: `${formatPoles(forward)}  ·  ${serverOf(forward.definition.spec)}  ·  ${describeState(forward, now)}`,
      forward,
    }));
    const options = { title, matchOnDescription: true };
    if (canPickMany) return (await vscode.window.showQuickPick(items, { ...options, canPickMany }))?.map(({ forward }) => forward) ?? [];
    const chosen = await vscode.window.showQuickPick(items, options);
    return chosen === undefined ? [] : [chosen.forward];
  }
}
