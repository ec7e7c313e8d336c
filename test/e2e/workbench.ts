import type { ConsoleMessage, Locator, Page } from '@playwright/test';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { Dialog } from './dialog.ts';
import { Notifications } from './notifications.ts';
import { QuickInput } from './quickInput.ts';
import { StatusBar } from './statusBar.ts';
import { TreeView } from './treeView.ts';
import type { VsCode } from './vsCode.ts';

const SCREENSHOTS = join(import.meta.dirname, '../../test-results/screenshots');
/** What of a stack tells where to look; the rest is the editor's own. */
const STACK_LINES = 4;
const ACTIVATION_DEADLINE_MS = 60_000;
/** How long the palette is waited for before it is opened anew. */
const PALETTE_MS = 5_000;

/** Themes that every VS Code since 1.100 has, as its picker names them, and the class that the workbench wears with each. */
const THEMES = {
  light: { label: 'Light Modern', className: 'vs' },
  dark: { label: 'Dark Modern', className: 'vs-dark' },
  'high-contrast': { label: 'Dark High Contrast', className: 'hc-black' },
  'high-contrast-light': { label: 'Light High Contrast', className: 'hc-light' },
} as const;

export type ThemeName = keyof typeof THEMES;

export interface WorkbenchOptions {
  readonly page: Page;
  readonly vsCode: VsCode;
  readonly folder: string;
  readonly projectName: string;
}

/** One open VS Code window, and what a person does and sees in it. */
export class Workbench {
  readonly quickInput: QuickInput;
  readonly dialog: Dialog;
  readonly notifications: Notifications;
  readonly statusBar: StatusBar;
  /** The view "Forwards". */
  readonly forwards: TreeView;
  private readonly messages: string[] = [];
  private readonly pageErrors: string[] = [];

  private constructor(private readonly options: WorkbenchOptions) {
    const { page } = options;
    this.quickInput = new QuickInput(page);
    this.dialog = new Dialog(page);
    this.notifications = new Notifications(page);
    this.statusBar = new StatusBar(page);
    this.forwards = new TreeView(page, 'Forwards');
    page.on('console', (message) => this.record(message));
    page.on('pageerror', (error) => this.pageErrors.push(`page: ${error.stack ?? error.message}`));
  }

  /** Opens a window on a folder and waits until it can be used. */
  static async open(options: WorkbenchOptions): Promise<Workbench> {
    const workbench = new Workbench(options);
    // Half of the key that this build of the workbench encrypts secrets with; code-server's own server, which is not used here, gives it.
    const key = randomBytes(32);
    await options.page.route('**/mint-key', (route) => route.fulfill({ body: key, contentType: 'application/octet-stream' }));
    await workbench.load();
    return workbench;
  }

  get page(): Page {
    return this.options.page;
  }

  get vsCode(): VsCode {
    return this.options.vsCode;
  }

  get folder(): string {
    return this.options.folder;
  }

  /** As "Developer: Reload Window": a new extension host on the same profile. */
  async reload(): Promise<void> {
    await this.leave();
    await this.load();
  }

  /** Closes the window; its extension host has ended when this resolves. */
  async close(): Promise<void> {
    await this.leave();
  }

  /** Runs a command by its title in the palette: `Culvert: Forward Port…`. */
  async runCommand(title: string): Promise<void> {
    await this.askPalette(title, async () => {
      await this.quickInput.click(await this.quickInput.waitForRow((row) => row.label === title, PALETTE_MS));
    });
  }

  /** The titles that the palette offers for a text. */
  async findCommands(text: string): Promise<string[]> {
    const titles = await this.askPalette(text, async () => {
      await this.quickInput.waitForRow((row) => row.label.includes(text) || row.label.startsWith('No matching'), PALETTE_MS);
      return (await this.quickInput.rows()).map((row) => row.label);
    });
    await this.quickInput.cancel();
    return titles;
  }

  /** Opens the palette, types and does something there; anew when something else that opened took the focus, and the palette with it. */
  private async askPalette<T>(text: string, act: () => Promise<T>): Promise<T> {
    const { answer } = await eventually(async () => {
      await this.page.keyboard.press('F1');
      await this.quickInput.waitUntilOpen(undefined, PALETTE_MS);
      await this.quickInput.type(`>${text}`);
      return { answer: await act() };
    }, { deadlineMs: 45_000 });
    return answer;
  }

  /** Opens a view container by its title in the activity bar; one that is open already stays so. */
  async openViewContainer(title: string): Promise<void> {
    const tab = this.activityBarTab(title);
    await tab.waitFor();
    if ((await tab.getAttribute('aria-selected')) !== 'true') await tab.click();
    await this.page.locator('.part.sidebar .title-label', { hasText: new RegExp(title, 'i') }).waitFor();
  }

  /** Opens Culvert's sidebar and waits for its tree or its welcome text. */
  async openCulvert(): Promise<void> {
    await this.openViewContainer('Culvert');
  }

  /** Chooses a theme in the editor's own picker. */
  async setTheme(theme: ThemeName): Promise<void> {
    const { label, className } = THEMES[theme];
    await this.runCommand('Preferences: Color Theme');
    await this.quickInput.waitForQuestion('Theme');
    await this.quickInput.type(label);
    await this.quickInput.pick(label);
    await this.quickInput.waitUntilClosed();
    await this.page.locator(`.monaco-workbench.${className}`).first().waitFor();
  }

  /**
   * Edits the user's settings.json by hand: opened, replaced, saved, closed. Written past the editor, the file would go
   * unnoticed by this kind of VS Code until the next reload.
   */
  async editSettings(change: (settings: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
    await this.editSettingsText(JSON.stringify(change(await this.vsCode.readSettings()), undefined, 2));
  }

  /** The same with any text, nonsense too. */
  async editSettingsText(text: string): Promise<void> {
    await this.runCommand('Preferences: Open User Settings (JSON)');
    await this.page.getByRole('tab', { name: /^settings\.json/ }).waitFor();
    const isSaved = async (): Promise<boolean> => (await this.vsCode.readSettingsText()) === text;
    // An editor that is still being filled keeps nothing of what is pasted: then once more.
    await eventually(async () => {
      await this.page.locator('.editor-instance .view-lines').first().click({ timeout: 5_000 });
      await this.page.keyboard.press('ControlOrMeta+A');
      await this.page.evaluate((value) => navigator.clipboard.writeText(value), text);
      await this.page.keyboard.press('ControlOrMeta+V');
      await this.page.keyboard.press('ControlOrMeta+S');
      return eventually(isSaved, { deadlineMs: 5_000 });
    }, { deadlineMs: 30_000, explain: () => this.vsCode.readSettingsText() });
    await this.runCommand('View: Close Editor');
  }

  /** Runs Forward Port with this text; the editor is asked, not told: the first row must be what Enter does. */
  async forward(text: string): Promise<void> {
    await this.runCommand('Culvert: Forward Port…');
    await this.quickInput.waitUntilOpen('Forward Port');
    await this.quickInput.type(text);
    await this.quickInput.waitForFirstRow((row) => /Listen on|listens on|proxy on|Relay datagrams/.test(row.label));
    await this.quickInput.accept();
  }

  /** Drags the sidebar's edge until it is this wide. */
  async setSidebarWidth(widthPixels: number): Promise<void> {
    const sidebar = await this.page.locator('.part.sidebar').boundingBox();
    if (sidebar === null) throw new Error('The sidebar is closed.');
    const y = sidebar.y + sidebar.height / 2;
    await this.page.mouse.move(sidebar.x + sidebar.width, y);
    await this.page.mouse.down();
    await this.page.mouse.move(sidebar.x + widthPixels, y, { steps: 5 });
    await this.page.mouse.up();
  }

  /** Keeps a picture as `test-results/screenshots/<project>/<name>.png`. */
  async screenshot(name: string): Promise<void> {
    // Without animations: what is still fading in tells little.
    await this.page.screenshot({ animations: 'disabled', path: join(SCREENSHOTS, this.options.projectName, `${name}.png`) });
  }

  async readClipboard(): Promise<string> {
    return this.page.evaluate(() => navigator.clipboard.readText());
  }

  /** Faults that nobody handled: of the extension, as the editor reports them, and of the page itself. */
  problems(): string[] {
    return [...this.messages.filter(isFaultOfExtension), ...this.pageErrors].map(shorten);
  }

  /** The browser's console: the extension host's errors and console lines are in it, too. */
  consoleText(): string {
    return [...this.messages, ...this.pageErrors].join('\n');
  }

  private async load(): Promise<void> {
    await this.page.goto(this.vsCode.urlOf(this.folder));
    await this.page.locator('.monaco-workbench .part.statusbar').waitFor();
    // The icon of a contributed view container is there once the extensions have been read.
    await this.activityBarTab('Culvert').waitFor({ timeout: ACTIVATION_DEADLINE_MS });
    await eventually(() => this.vsCode.extensionHostPids().length > 0, { deadlineMs: ACTIVATION_DEADLINE_MS });
  }

  /** Its name goes on with what its badge says. */
  private activityBarTab(title: string): Locator {
    return this.page.locator('.activitybar').getByRole('tab', { name: new RegExp(`^${title}( - |$)`) });
  }

  /** Leaving the page, unlike closing it, lets the editor say goodbye, and so ends the extension host. */
  private async leave(): Promise<void> {
    await this.page.goto('about:blank');
    await this.vsCode.waitUntilIdle();
  }

  private record(message: ConsoleMessage): void {
    this.messages.push(`${message.type()}: ${message.text()}`);
  }
}

/** The editor marks what an extension throws with its id; the stack names the folder that it is installed in. */
function isFaultOfExtension(message: string): boolean {
  return /^(error|warning): /.test(message) && /\[culvert\.culvert\]|culvert\.culvert-\d/.test(message);
}

function shorten(message: string): string {
  return message.split('\n').slice(0, STACK_LINES).join('\n');
}
