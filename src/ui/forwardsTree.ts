import * as vscode from 'vscode';
import type { EntryProblem } from '../core/forwardEntry.ts';
import { isReadOnly, type Connection, type Forward } from '../core/forward.ts';
import type { ForwardChange, ForwardModel } from '../core/forwardModel.ts';
import { isActive, whereItRuns } from '../core/forwardState.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { COMMANDS, ROW_CONTEXTS } from './contributions.ts';
import { formatCount } from './format.ts';
import { presentAddresses } from './listenRows.ts';
import { connectionNoun, presentConfigGroup, presentConnection, presentForward, serverOf, type ConnectedProgram, type Row } from './present.ts';
import { contextOf } from './rowContext.ts';
import { tooltipOf } from './tooltip.ts';

/** A row's identity; what it shows is looked up when it is drawn. */
export type TreeNode =
  | { readonly kind: 'group'; readonly id: string; readonly server: string }
  | { readonly kind: 'config'; readonly id: 'config' }
  | { readonly kind: 'forward'; readonly id: string; readonly forwardId: string }
  | { readonly kind: 'address'; readonly id: string; readonly forwardId: string; readonly index: number }
  | { readonly kind: 'connection'; readonly id: string; readonly forwardId: string; readonly connectionId: number }
  | { readonly kind: 'more'; readonly id: string; readonly forwardId: string }
  | { readonly kind: 'problem'; readonly id: string; readonly problem: EntryProblem };

/** Who is at the other end of a connection, by the origin's port; looked up outside. */
export type ProgramLookup = (connection: Connection) => ConnectedProgram | undefined;

export interface TreeOptions {
  readonly model: ForwardModel;
  readonly clock: Clock;
  readonly problems: () => readonly EntryProblem[];
  readonly isGrouped: () => boolean;
  readonly programOf: ProgramLookup;
  /** Who else `localhost` leads to, where that is not the forward alone. */
  readonly warningOf: (forwardId: string) => string | undefined;
}

/** What a forward shows: its own row with which rows are under it, and each of these. */
interface Look {
  readonly row: string;
  readonly details: ReadonlyMap<string, string>;
}

/** How old a tooltip's numbers may get. */
const TOOLTIP_MS = 10_000;

const SWEEP_SLICE = 50;
const SWEEP_SLICE_MS = 10;

/** More connections than this are counted in one row. */
const MAX_CONNECTION_ROWS = 100;

const CONFIG_NODE: TreeNode = { kind: 'config', id: 'config' };

/** The rows of the view "Forwards": servers, forwards, and under each what netstat would show; at the end what ssh_config offers. */
export class ForwardsTree implements vscode.TreeDataProvider<TreeNode>, Disposable {
  readonly #options: TreeOptions;
  readonly #changes = new vscode.EventEmitter<TreeNode | undefined>();
  readonly #owned = new DisposableStore();
  /** One object per row id: the view knows its rows by reference. */
  readonly #nodes = new Map<string, TreeNode>();
  /** As `#nodes`, for the rows under each forward. */
  readonly #detailNodes = new Map<string, ReadonlyMap<string, TreeNode>>();
  /** What each forward looked like when last drawn. */
  readonly #drawn = new Map<string, Look>();
  #drawnConfigGroup = '';
  /** Set while rows wait for their turn to be looked at. */
  #sweeping: Disposable | undefined;
  #isToSweepAgain = false;
  /** Which rows there were at the top and under the headings when last drawn. */
  #drawnShape: string | undefined;
  /** The servers in the user's order, with how many forwards each has; counted anew once definitions change. */
  #serverCounts: ReadonlyMap<string, number> | undefined;

  readonly onDidChangeTreeData = this.#changes.event;

  constructor(options: TreeOptions) {
    this.#options = options;
    this.#owned.add(this.#changes);
    this.#owned.add(options.model.onDidChange((change) => { this.#onChange(change); }));
  }

  /** Redraws everything: the grouping or the problems changed. */
  refresh(): void {
    this.#changes.fire(undefined);
  }

  /** Redraws the forwards whose rows no longer look as drawn: ages and countdowns that went on. */
  refreshAges(): void {
    if (this.#sweeping !== undefined) this.#isToSweepAgain = true;
    else this.#sweep(this.#options.model.forwards.filter(({ state }) => isActive(whereItRuns(state))).map(({ definition }) => definition.id));
  }

  /** A few rows at a time: what looks at a thousand of them in a row holds up every other extension. */
  #sweep(forwardIds: readonly string[]): void {
    this.#sweeping = undefined;
    for (const id of forwardIds.slice(0, SWEEP_SLICE)) this.#refreshForward(id);
    const rest = forwardIds.slice(SWEEP_SLICE);
    if (rest.length > 0) {
      this.#sweeping = this.#options.clock.after(SWEEP_SLICE_MS, () => { this.#sweep(rest); });
    } else if (this.#isToSweepAgain) {
      this.#isToSweepAgain = false;
      this.refreshAges();
    }
  }

  /** The row of a forward, to be revealed or selected. */
  nodeOf(forwardId: string): TreeNode {
    return this.#node({ kind: 'forward', id: `forward:${forwardId}`, forwardId });
  }

  getTreeItem(node: TreeNode): vscode.TreeItem {
    switch (node.kind) {
      case 'group':
        return this.#groupItem(node);
      case 'config':
        return this.#configItem(node);
      case 'forward':
        return this.#forwardItem(node);
      case 'address':
        return this.#detailItem(node, this.#addressRow(node), ROW_CONTEXTS.address);
      case 'connection':
        return this.#detailItem(node, this.#connectionRow(node), ROW_CONTEXTS.connection);
      case 'more':
        return this.#detailItem(node, this.#moreRow(node), ROW_CONTEXTS.connection);
      case 'problem':
        return problemItem(node.id, node.problem);
    }
  }

  getChildren(node?: TreeNode): TreeNode[] {
    if (node === undefined) return this.#roots();
    if (node.kind === 'group') return this.#nodesOf(this.#own.filter(({ definition }) => serverOf(definition.spec) === node.server));
    if (node.kind === 'config') return this.#nodesOf(this.#offered);
    if (node.kind === 'forward') return this.#details(node.forwardId);
    return [];
  }

  getParent(node: TreeNode): TreeNode | undefined {
    if (node.kind === 'group' || node.kind === 'config' || node.kind === 'problem') return undefined;
    if (node.kind !== 'forward') return this.nodeOf(node.forwardId);
    const forward = this.#options.model.get(node.forwardId);
    if (forward !== undefined && isReadOnly(forward.definition)) return CONFIG_NODE;
    return forward !== undefined && this.#hasGroups() ? this.#groupNode(serverOf(forward.definition.spec)) : undefined;
  }

  dispose(): void {
    this.#sweeping?.dispose();
    this.#owned.dispose();
  }

  #onChange(change: ForwardChange): void {
    if (change.kind === 'definitions') {
      this.#serverCounts = undefined;
      this.#forgetRemoved();
      this.#onDefinitions();
      return;
    }
    this.#refreshForward(change.id);
    if (change.kind === 'state' && this.#isOffered(change.id)) this.#refreshConfigGroup();
  }

  /** While everything is drawn anew the editor knows no row, and a click on one is lost: where the rows stay, they are redrawn one by one. */
  #onDefinitions(): void {
    if (this.#drawnShape !== this.#shape()) {
      this.refresh();
      return;
    }
    for (const { definition } of this.#options.model.forwards) this.#refreshForward(definition.id);
  }

  #shape(): string {
    const own = this.#own.map(({ definition }) => [definition.id, serverOf(definition.spec)]);
    return JSON.stringify([own, this.#offered.map(({ definition }) => definition.id)]);
  }

  #isOffered(forwardId: string): boolean {
    const forward = this.#options.model.get(forwardId);
    return forward !== undefined && isReadOnly(forward.definition);
  }

  #refreshConfigGroup(): void {
    const offered = this.#offered;
    if (offered.length > 0 && this.#drawnConfigGroup !== JSON.stringify(presentConfigGroup(offered))) this.#changes.fire(CONFIG_NODE);
  }

  /** The forwards of the user and of other extensions, in the user's order. */
  get #own(): readonly Forward[] {
    return this.#options.model.forwards.filter(({ definition }) => !isReadOnly(definition));
  }

  get #offered(): readonly Forward[] {
    return this.#options.model.forwards.filter(({ definition }) => isReadOnly(definition));
  }

  #forgetRemoved(): void {
    for (const id of [...this.#drawn.keys()]) {
      if (this.#options.model.get(id) !== undefined) continue;
      this.#drawn.delete(id);
      this.#detailNodes.delete(id);
      this.#nodes.delete(`forward:${id}`);
    }
  }

  /** Redraws only the rows that changed: drawing a row anew takes its tooltip away from under the pointer. */
  #refreshForward(forwardId: string): void {
    const node = this.#nodes.get(`forward:${forwardId}`);
    if (node === undefined) return;
    const before = this.#drawn.get(forwardId);
    const now = this.#look(forwardId);
    if (before?.row !== now.row) {
      this.#changes.fire(node);
      return;
    }
    this.#drawn.set(forwardId, now);
    for (const [id, text] of now.details) {
      const detail = before.details.get(id) === text ? undefined : this.#detailNodes.get(forwardId)?.get(id);
      if (detail !== undefined) this.#changes.fire(detail);
    }
  }

  #look(forwardId: string): Look {
    const forward = this.#options.model.get(forwardId);
    if (forward === undefined) return { row: '', details: new Map() };
    const now = this.#options.clock.now();
    const { connections } = forward.traffic;
    const details = new Map(this.#addresses(forward).map((row, index) => [addressId(forwardId, index), JSON.stringify(row)]));
    for (const connection of connections.slice(0, MAX_CONNECTION_ROWS)) {
      details.set(connectionId(forwardId, connection.id), JSON.stringify(presentConnection(connection, now, this.#options.programOf(connection), forward.definition.spec)));
    }
    const tooltipAge = isActive(whereItRuns(forward.state)) ? Math.floor(now / TOOLTIP_MS) : 0;
    const row = JSON.stringify([forward.definition, contextOf(forward), presentForward(forward, now, this.#isUnderServer(forward)), [...details.keys()], connections.length, tooltipAge, forward.provedAt === undefined, this.#options.warningOf(forwardId)]);
    return { row, details };
  }

  #roots(): TreeNode[] {
    this.#drawnShape = this.#shape();
    const problems = this.#options.problems().map((problem): TreeNode => ({ kind: 'problem', id: `problem:${String(problem.index)}:${problem.message}`, problem }));
    const offered = this.#offered.length === 0 ? [] : [CONFIG_NODE];
    if (!this.#hasGroups()) return [...this.#nodesOf(this.#own), ...problems, ...offered];
    return [...[...this.#servers.keys()].map((server) => this.#groupNode(server)), ...problems, ...offered];
  }

  /** A single server needs no heading. */
  #hasGroups(): boolean {
    return this.#servers.size > 1 && this.#options.isGrouped();
  }

  get #servers(): ReadonlyMap<string, number> {
    if (this.#serverCounts !== undefined) return this.#serverCounts;
    const counts = new Map<string, number>();
    for (const { definition } of this.#own) {
      const server = serverOf(definition.spec);
      counts.set(server, (counts.get(server) ?? 0) + 1);
    }
    return this.#serverCounts = counts;
  }

  #isUnderServer({ definition }: Forward): boolean {
    return !isReadOnly(definition) && this.#hasGroups();
  }

  #groupNode(server: string): TreeNode {
    return this.#node({ kind: 'group', id: `group:${server}`, server });
  }

  #nodesOf(forwards: readonly Forward[]): TreeNode[] {
    return forwards.map(({ definition }) => this.nodeOf(definition.id));
  }

  #details(forwardId: string): TreeNode[] {
    const forward = this.#options.model.get(forwardId);
    if (forward === undefined) return [];
    this.#drawn.set(forwardId, this.#look(forwardId));
    const { connections } = forward.traffic;
    const rows: TreeNode[] = this.#addresses(forward).map((_, index) => ({ kind: 'address', id: addressId(forwardId, index), forwardId, index }));
    for (const { id } of connections.slice(0, MAX_CONNECTION_ROWS)) rows.push({ kind: 'connection', id: connectionId(forwardId, id), forwardId, connectionId: id });
    if (connections.length > MAX_CONNECTION_ROWS) rows.push({ kind: 'more', id: `more:${forwardId}`, forwardId });
    return this.#keepDetails(forwardId, rows);
  }

  /** The same objects for the rows that were there before; those that went are forgotten, as a busy forward has thousands in a day. */
  #keepDetails(forwardId: string, rows: readonly TreeNode[]): TreeNode[] {
    const before = this.#detailNodes.get(forwardId);
    const nodes = rows.map((row) => before?.get(row.id) ?? row);
    this.#detailNodes.set(forwardId, new Map(nodes.map((node) => [node.id, node])));
    return nodes;
  }

  #groupItem(node: Extract<TreeNode, { kind: 'group' }>): vscode.TreeItem {
    const count = this.#servers.get(node.server) ?? 0;
    const item = new vscode.TreeItem(node.server, vscode.TreeItemCollapsibleState.Expanded);
    item.id = node.id;
    item.description = formatCount(count, 'forward');
    item.contextValue = ROW_CONTEXTS.group;
    item.accessibilityInformation = { label: `${node.server}, ${formatCount(count, 'forward')}` };
    return item;
  }

  /** Folded at first: a person may have many hosts, and few of their forwards are wanted at a time. */
  #configItem(node: Extract<TreeNode, { kind: 'config' }>): vscode.TreeItem {
    const row = presentConfigGroup(this.#offered);
    this.#drawnConfigGroup = JSON.stringify(row);
    const item = itemOf(node.id, row, vscode.TreeItemCollapsibleState.Collapsed);
    item.contextValue = ROW_CONTEXTS.configGroup;
    item.tooltip = 'The LocalForward, RemoteForward and DynamicForward lines of your ssh_config. Each runs when you start it, and is changed only in the file.';
    return item;
  }

  #forwardItem(node: Extract<TreeNode, { kind: 'forward' }>): vscode.TreeItem {
    const forward = this.#options.model.get(node.forwardId);
    if (forward === undefined) return new vscode.TreeItem('');
    const now = this.#options.clock.now();
    this.#drawn.set(node.forwardId, this.#look(node.forwardId));
    const hasDetails = this.#addresses(forward).length > 0 || forward.traffic.connections.length > 0;
    const row = presentForward(forward, now, this.#isUnderServer(forward));
    const item = itemOf(node.id, row, hasDetails ? vscode.TreeItemCollapsibleState.Collapsed : vscode.TreeItemCollapsibleState.None);
    item.contextValue = contextOf(forward);
    item.tooltip = tooltipOf(forward, now, this.#options.warningOf(forward.definition.id));
    return item;
  }

  #detailItem(node: TreeNode, row: Row | undefined, context: string): vscode.TreeItem {
    if (row === undefined) return new vscode.TreeItem('');
    const item = itemOf(node.id, row, vscode.TreeItemCollapsibleState.None);
    item.contextValue = context;
    item.tooltip = row.spoken;
    return item;
  }

  #addresses(forward: Forward): Row[] {
    return presentAddresses(forward, this.#options.warningOf(forward.definition.id));
  }

  #addressRow(node: Extract<TreeNode, { kind: 'address' }>): Row | undefined {
    const forward = this.#options.model.get(node.forwardId);
    return forward === undefined ? undefined : this.#addresses(forward)[node.index];
  }

  #connectionRow(node: Extract<TreeNode, { kind: 'connection' }>): Row | undefined {
    const forward = this.#options.model.get(node.forwardId);
    const connection = forward?.traffic.connections.find(({ id }) => id === node.connectionId);
    return connection === undefined ? undefined : presentConnection(connection, this.#options.clock.now(), this.#options.programOf(connection), forward?.definition.spec);
  }

  #moreRow(node: Extract<TreeNode, { kind: 'more' }>): Row | undefined {
    const forward = this.#options.model.get(node.forwardId);
    const label = `${String((forward?.traffic.connections.length ?? 0) - MAX_CONNECTION_ROWS)} more`;
    const noun = forward === undefined ? 'connection' : connectionNoun(forward.definition.spec);
    return { label, description: '', icon: { id: 'ellipsis' }, spoken: `${label} ${noun}s` };
  }

  #node(node: TreeNode): TreeNode {
    const known = this.#nodes.get(node.id);
    if (known !== undefined) return known;
    this.#nodes.set(node.id, node);
    return node;
  }
}

function addressId(forwardId: string, index: number): string {
  return `address:${forwardId}:${String(index)}`;
}

function connectionId(forwardId: string, id: number): string {
  return `connection:${forwardId}:${String(id)}`;
}

function itemOf(id: string, row: Row, collapsible: vscode.TreeItemCollapsibleState): vscode.TreeItem {
  const item = new vscode.TreeItem(row.label, collapsible);
  item.id = id;
  item.description = row.description;
  item.iconPath = new vscode.ThemeIcon(row.icon.id, row.icon.color === undefined ? undefined : new vscode.ThemeColor(row.icon.color));
  item.accessibilityInformation = { label: row.spoken };
  return item;
}

function problemItem(id: string, { label, message }: EntryProblem): vscode.TreeItem {
  const item = new vscode.TreeItem(label, vscode.TreeItemCollapsibleState.None);
  item.id = id;
  item.description = message;
  item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('charts.red'));
  item.tooltip = `${label}: ${message}\nClick to open the settings.`;
  item.contextValue = ROW_CONTEXTS.problem;
  item.accessibilityInformation = { label: `Not a valid forward in the settings: ${label}. ${message}` };
  item.command = { command: COMMANDS.openSettings, title: 'Open Settings' };
  return item;
}
