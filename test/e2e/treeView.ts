import type { Locator, Page } from '@playwright/test';
import { eventually } from '../support/eventually.ts';
import { matches, plain, type TextMatcher } from './text.ts';

/** A row that has moved is not waited for. */
const BRIEFLY = { timeout: 2_000 };

export interface TreeRow {
  readonly index: number;
  /** 1 for a row at the top. */
  readonly level: number;
  readonly label: string;
  readonly description: string;
  /** What a screen reader says. */
  readonly ariaLabel: string;
  /** The name of the codicon, without a modifier; empty when there is none. */
  readonly icon: string;
  readonly iconColor: string;
  /** `undefined` for a row without children. */
  readonly isExpanded: boolean | undefined;
  readonly isSelected: boolean;
}

/** A row by its label, its place, or anything else about it. */
export type RowMatcher = TextMatcher | ((row: TreeRow) => boolean);

/** A tree in the sidebar. Only the rows in sight exist: the editor draws no others. */
export class TreeView {
  private readonly list: Locator;

  constructor(
    private readonly page: Page,
    readonly name: string,
  ) {
    this.list = page.locator(`.pane-body .monaco-list[aria-label="${name}"]`);
  }

  /** The rows in sight, from top to bottom. */
  async rows(): Promise<TreeRow[]> {
    const found = await this.list.locator('.monaco-list-row').evaluateAll((elements) =>
      elements.map((element) => {
        const icon = element.querySelector('.custom-view-tree-node-item-icon');
        const codicon = [...(icon?.classList ?? [])].find((name) => /^codicon-(?!modifier)/.test(name));
        const expanded = element.getAttribute('aria-expanded');
        return {
          index: Number(element.getAttribute('data-index')),
          level: Number(element.getAttribute('aria-level')),
          label: element.querySelector('.label-name')?.textContent ?? '',
          description: element.querySelector('.label-description')?.textContent ?? '',
          ariaLabel: element.getAttribute('aria-label') ?? '',
          icon: codicon?.slice('codicon-'.length) ?? '',
          iconColor: icon === null ? '' : getComputedStyle(icon).color,
          isExpanded: expanded === null ? undefined : expanded === 'true',
          isSelected: element.getAttribute('aria-selected') === 'true',
        };
      }),
    );
    return found
      .map((row) => ({ ...row, label: plain(row.label), description: plain(row.description), ariaLabel: plain(row.ariaLabel) }))
      .sort((a, b) => a.index - b.index);
  }

  /** Waits until a row is as wanted, and gives it. A text matches the label, the description or the spoken sentence. */
  async waitForRow(matcher: RowMatcher, deadlineMs = 15_000): Promise<TreeRow> {
    return eventually(async () => (await this.rows()).find((row) => isMatch(row, matcher)), { deadlineMs, explain: () => this.explain() });
  }

  /** Waits until all rows together are as wanted: their number, their order. */
  async waitForRows(areWanted: (rows: readonly TreeRow[]) => boolean, deadlineMs = 15_000): Promise<TreeRow[]> {
    return eventually(
      async () => {
        const rows = await this.rows();
        return areWanted(rows) ? rows : undefined;
      },
      { deadlineMs, explain: () => this.explain() },
    );
  }

  /** Waits until the view shows its welcome text in place of rows. */
  async waitUntilEmpty(): Promise<void> {
    await eventually(async () => (await this.rows()).length === 0, { explain: () => this.explain() });
  }

  /** The rows as text, one a line, indented: for messages and for looking. */
  async text(): Promise<string> {
    const rows = await this.rows();
    return rows.map((row) => `${'  '.repeat(row.level - 1)}[${row.icon}] ${row.label}  ${row.description}`).join('\n');
  }

  async select(matcher: RowMatcher): Promise<void> {
    await this.act(matcher, (row) => row.click(BRIEFLY));
  }

  /** Adds a row to the selection (Ctrl+click). */
  async selectToo(matcher: RowMatcher): Promise<void> {
    await this.act(matcher, (row) => row.click({ modifiers: ['ControlOrMeta'], ...BRIEFLY }));
  }

  async expand(matcher: RowMatcher): Promise<void> {
    await this.unfold(matcher, true);
  }

  async collapse(matcher: RowMatcher): Promise<void> {
    await this.unfold(matcher, false);
  }

  /** Selects a row and presses a key on it: `F2`, `Delete`, `Control+C`. */
  async press(matcher: RowMatcher, key: string): Promise<void> {
    await this.select(matcher);
    await this.page.keyboard.press(key);
  }

  async clickInlineAction(matcher: RowMatcher, title: string): Promise<void> {
    await this.act(matcher, async (row) => {
      await row.hover(BRIEFLY);
      await row.locator('.actions').getByRole('button', { name: title }).click(BRIEFLY);
    });
  }

  /** The entries of a row's context menu; it is closed again. */
  async contextMenu(matcher: RowMatcher): Promise<string[]> {
    await this.openContextMenu(matcher, 'Show Log');
    const entries = await this.menu().locator('.action-menu-item .action-label:not(.separator)').allTextContents();
    await this.page.keyboard.press('Escape');
    await this.menu().waitFor({ state: 'hidden' });
    return entries.map(plain);
  }

  /** Opens a row's menu and leaves it open, for a picture; Escape closes it. */
  async showContextMenu(matcher: RowMatcher): Promise<void> {
    await this.openContextMenu(matcher, 'Show Log');
  }

  async clickContextMenu(matcher: RowMatcher, title: string): Promise<void> {
    await this.openContextMenu(matcher, title);
    const entry = this.entry(title);
    let isClicked = false;
    // A menu that has just opened takes no clicks for a tenth of a second, and one may be gone before it was clicked.
    await eventually(async () => {
      if (!isClicked && !(await entry.isVisible())) await this.openContextMenu(matcher, title);
      if (await entry.isVisible()) {
        await entry.click(BRIEFLY);
        isClicked = true;
      }
      await this.menu().waitFor({ state: 'hidden', timeout: 1_000 });
      return isClicked;
    }, { deadlineMs: 30_000, explain: () => this.explain() });
  }

  /** Opens the menu of a row until it has this entry; a list that is drawn anew may close it, or what it is about may change. */
  private async openContextMenu(matcher: RowMatcher, title: string): Promise<void> {
    await this.act(matcher, async (row) => {
      if (await this.menu().isVisible()) await this.page.keyboard.press('Escape');
      await row.click({ button: 'right', ...BRIEFLY });
      await this.entry(title).waitFor(BRIEFLY);
    });
  }

  private entry(title: string): Locator {
    return this.menu().getByRole('menuitem', { name: title, exact: true });
  }

  /** Presses an icon in the view's title bar: `Forward Port…`. */
  async clickTitleAction(title: string): Promise<void> {
    // The icons of a view appear with the pointer; those of a container's only view are in the container's title.
    await eventually(async () => {
      await this.page.locator('.part.sidebar').hover({ position: { x: 60, y: 60 }, ...BRIEFLY });
      await this.page.locator('.part.sidebar .title').getByRole('button', { name: title }).first().click(BRIEFLY);
      return true;
    }, { deadlineMs: 20_000 });
  }

  /** The whole story of a row: its hover. */
  async tooltip(matcher: RowMatcher): Promise<string> {
    const hover = this.page.locator('.workbench-hover');
    // A list that is drawn anew within the hover's delay forgets the pointer until it comes again, and takes a hover away.
    return eventually(async () => {
      await this.page.mouse.move(700, 400);
      await hover.waitFor({ state: 'hidden', ...BRIEFLY });
      await (await this.locate(matcher)).locator('.label-name').hover({ position: { x: 8, y: 8 }, ...BRIEFLY });
      await hover.waitFor({ timeout: 2_500 });
      return plain(await hover.innerText(BRIEFLY));
    }, { deadlineMs: 30_000, explain: () => this.explain() });
  }

  private menu(): Locator {
    return this.page.locator('.monaco-menu');
  }

  /** Does something to a row; rows move when others come and go, so it is found anew until it could be done. */
  private async act(matcher: RowMatcher, action: (row: Locator) => Promise<void>): Promise<void> {
    await eventually(async () => {
      await action(await this.locate(matcher));
      return true;
    }, { deadlineMs: 20_000, explain: () => this.explain() });
  }

  /** Unfolds or folds a row that has children; by what it is, since its place changes when others come. */
  private async unfold(matcher: RowMatcher, isWanted: boolean): Promise<void> {
    const isDone = async (): Promise<boolean> => (await this.rows()).find((row) => isMatch(row, matcher))?.isExpanded === isWanted;
    await eventually(async () => {
      if (await isDone()) return true;
      await (await this.locate(matcher)).locator('.monaco-tl-twistie').click(BRIEFLY);
      return eventually(isDone, { deadlineMs: 2_000 });
    }, { deadlineMs: 20_000, explain: () => this.explain() });
  }

  private async locate(matcher: RowMatcher): Promise<Locator> {
    return this.rowLocator(await this.waitForRow(matcher));
  }

  /** At its place and with its label: a row that has moved is not mistaken for the one that took its place. */
  private rowLocator(row: TreeRow): Locator {
    return this.list.locator(`.monaco-list-row[data-index="${row.index}"]`).filter({ hasText: row.label });
  }

  private async explain(): Promise<string> {
    return `The view "${this.name}" shows:\n${await this.text()}`;
  }
}

function isMatch(row: TreeRow, matcher: RowMatcher): boolean {
  if (typeof matcher === 'function') return matcher(row);
  return [row.label, `${row.label} ${row.description}`, row.ariaLabel].some((text) => matches(text, matcher));
}
