import { EventEmitter } from '../../src/core/event.ts';

type Fire = (node: unknown) => void;

interface Provider {
  readonly onDidChangeTreeData: (listener: Fire) => unknown;
  getTreeItem(node: unknown): { readonly collapsibleState: number };
  getChildren(node?: unknown): readonly unknown[];
}

/** As the editor: changes of a tree are collected for so long before it asks what its rows look like. */
const TREE_DELAY_MS = 200;

const EXPANDED = 2;

/** The editor's tree: asks for every row that is unfolded, and for those that changed. The first forwards are unfolded. */
class Tree {
  readonly visibility = new EventEmitter<{ readonly visible: boolean }>();
  readonly #provider: Provider;
  readonly #unfolded = new Set<unknown>();
  readonly #known = new Set<unknown>();
  #changed = new Set<unknown>();
  #isPlanned = false;
  visible = false;

  constructor(provider: Provider) {
    this.#provider = provider;
    provider.onDidChangeTreeData((node) => {
      this.#changed.add(node);
      if (this.#isPlanned || !this.visible) return;
      this.#isPlanned = true;
      setTimeout(() => { this.#refresh(); }, TREE_DELAY_MS);
    });
  }

  show(isVisible: boolean): void {
    this.visible = isVisible;
    this.visibility.fire({ visible: isVisible });
  }

  /** Draws all rows, with `unfoldedCount` of them unfolded, and says how many they are. */
  draw(unfoldedCount = 0): number {
    this.#known.clear();
    this.#unfolded.clear();
    return this.#drawUnder(undefined, unfoldedCount);
  }

  #drawUnder(node: unknown, unfoldedCount: number): number {
    let count = 0;
    for (const child of this.#provider.getChildren(node)) {
      count += 1;
      this.#known.add(child);
      const { collapsibleState } = this.#provider.getTreeItem(child);
      if (collapsibleState === EXPANDED) count += this.#drawUnder(child, unfoldedCount);
      else if (this.#unfolded.size < unfoldedCount) {
        this.#unfolded.add(child);
        count += this.#drawUnder(child, 0);
      }
    }
    return count;
  }

  #refresh(): void {
    const changed = this.#changed;
    this.#changed = new Set();
    this.#isPlanned = false;
    if (changed.has(undefined)) {
      this.draw(this.#unfolded.size);
      return;
    }
    for (const node of changed) {
      if (!this.#known.has(node)) continue;
      this.#provider.getTreeItem(node);
      if (this.#unfolded.has(node)) for (const child of this.#provider.getChildren(node)) this.#provider.getTreeItem(child);
    }
  }
}

/** As much of the editor as the extension touches while nobody speaks to it: settings, a tree, and things that do nothing. */
export class EditorStub {
  readonly #settings: Readonly<Record<string, unknown>>;
  tree: Tree | undefined;

  constructor(settings: Readonly<Record<string, unknown>>) {
    this.#settings = settings;
  }

  /** What the bundle does not find here it looks for in its prototype. */
  readonly api: object = Object.setPrototypeOf({
    TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: EXPANDED },
    EventEmitter,
    TreeItem: class { constructor(readonly label: string, readonly collapsibleState: number) {} },
    ThemeIcon: class { constructor(readonly id: string, readonly color: unknown) {} },
    ThemeColor: class { constructor(readonly id: string) {} },
    MarkdownString: class {
      value = '';
      appendText(text: string): this { this.value += text.replace(/[\\`*_{}[\]()#+\-!~]/g, '\\$&'); return this; }
      appendMarkdown(text: string): this { this.value += text; return this; }
    },
    window: anything({
      createTreeView: (_: string, { treeDataProvider }: { readonly treeDataProvider: Provider }) => {
        this.tree = new Tree(treeDataProvider);
        return anything({ visible: false, onDidChangeVisibility: this.tree.visibility.event });
      },
    }),
    workspace: anything({
      getConfiguration: () => ({
        get: (name: string, otherwise: unknown) => this.#settings[name] ?? otherwise,
        inspect: (name: string) => ({ globalValue: structuredClone(this.#settings[name]) }),
        update: () => Promise.resolve(),
      }),
    }),
  }, anything({})) as object;
}

/** Has these members, and any other that may be called, made or asked for members in turn. */
function anything(members: object): object {
  return new Proxy(() => undefined, {
    get: (_, name) => (name in members ? members[name as keyof typeof members] : (name === 'then' || typeof name === 'symbol' ? undefined : NOTHING)),
    set: () => true,
    apply: () => NOTHING,
    construct: () => NOTHING,
  });
}

const NOTHING: object = new Proxy(() => undefined, {
  get: (_, name) => (name === 'then' || typeof name === 'symbol' ? undefined : NOTHING),
  set: () => true,
  apply: () => NOTHING,
  construct: () => NOTHING,
});
