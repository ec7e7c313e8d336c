import type { Locator, Page } from '@playwright/test';
import { eventually } from '../support/eventually.ts';
import { plain } from './text.ts';

export interface QuickInputRow {
  readonly index: number;
  readonly label: string;
  readonly description: string;
  readonly detail: string;
  readonly ariaLabel: string;
  readonly isFocused: boolean;
  /** The names of its codicons: `error`, `plug`. */
  readonly icons: readonly string[];
}

/** A row that has moved, or a button that is drawn anew, is not waited for: it is looked for again. */
const BRIEFLY = { timeout: 2_000 };

/** The box at the top: quick picks, input boxes and the palette. */
export class QuickInput {
  private readonly widget: Locator;
  private readonly input: Locator;

  constructor(private readonly page: Page) {
    this.widget = page.locator('.quick-input-widget');
    this.input = this.widget.locator('.quick-input-box input');
  }

  async isOpen(): Promise<boolean> {
    return this.widget.isVisible();
  }

  async waitUntilOpen(title?: string | RegExp, timeout?: number): Promise<void> {
    const options = { state: 'visible' as const, ...(timeout === undefined ? {} : { timeout }) };
    await this.widget.waitFor(options);
    await this.input.waitFor(options);
    if (title !== undefined) await this.widget.locator('.quick-input-title', { hasText: title }).waitFor(options);
  }

  async waitUntilClosed(): Promise<void> {
    await this.widget.waitFor({ state: 'hidden' });
  }

  /** Replaces what the field holds. */
  async type(text: string): Promise<void> {
    await this.input.fill(text);
  }

  async value(): Promise<string> {
    return this.input.inputValue();
  }

  async placeholder(): Promise<string> {
    return (await this.input.getAttribute('placeholder')) ?? '';
  }

  async title(): Promise<string> {
    return plain(await this.widget.locator('.quick-input-title').textContent());
  }

  /** The line under the field: the prompt of an input box, or why the input is refused. */
  async message(): Promise<string> {
    return plain(await this.widget.locator('.quick-input-message').textContent());
  }

  /** True when the field hides what is typed. */
  async isPassword(): Promise<boolean> {
    return (await this.input.getAttribute('type')) === 'password';
  }

  /** The visible rows, in their order. */
  async rows(): Promise<QuickInputRow[]> {
    const found = await this.widget.locator('.quick-input-list .monaco-list-row').evaluateAll((elements) =>
      elements.map((element) => ({
        index: Number(element.getAttribute('data-index')),
        label: element.querySelector('.label-name')?.textContent ?? '',
        description: element.querySelector('.label-description')?.textContent ?? '',
        detail: element.querySelector('.quick-input-list-label-meta')?.textContent ?? '',
        ariaLabel: element.getAttribute('aria-label') ?? '',
        isFocused: element.classList.contains('focused'),
        icons: [...element.querySelectorAll('.quick-input-list-rows .codicon, .quick-input-list-icon')].flatMap((icon) =>
          [...icon.classList].filter((name) => name.startsWith('codicon-')).map((name) => name.slice('codicon-'.length)),
        ),
      })),
    );
    return found
      .map((row) => ({ ...row, label: plain(row.label), description: plain(row.description), detail: plain(row.detail) }))
      .sort((a, b) => a.index - b.index);
  }

  /** Waits until a row is as wanted, and gives it. */
  async waitForRow(isWanted: (row: QuickInputRow) => boolean, deadlineMs = 20_000): Promise<QuickInputRow> {
    return eventually(async () => (await this.rows()).find(isWanted), {
      deadlineMs,
      explain: async () => `The rows are:\n${JSON.stringify(await this.rows(), undefined, 2)}`,
    });
  }

  /** Waits until the first row is as wanted: what Enter will do. */
  async waitForFirstRow(isWanted: (row: QuickInputRow) => boolean): Promise<QuickInputRow> {
    return this.waitForRow((row) => row.index === 0 && isWanted(row));
  }

  /** Presses the row with this label. Rows move while results come in: at its place there may be another by now. */
  async click({ index, label }: QuickInputRow): Promise<void> {
    await this.widget.locator(`.quick-input-list .monaco-list-row[data-index="${String(index)}"]`).filter({ hasText: label }).click(BRIEFLY);
  }

  /** Chooses the row with this label. */
  async pick(label: string): Promise<void> {
    await eventually(async () => {
      await this.click(await this.waitForRow((row) => row.label === label));
      return true;
    }, { deadlineMs: 20_000 });
  }

  /** Enter. */
  async accept(): Promise<void> {
    await this.input.press('Enter');
  }

  /** Escape, and the box is gone. One that has just opened may not have the focus yet. */
  async cancel(): Promise<void> {
    await eventually(async () => {
      await this.page.keyboard.press('Escape');
      await this.widget.waitFor({ state: 'hidden', ...BRIEFLY });
      return true;
    }, { deadlineMs: 20_000 });
  }

  /** Presses a button of the title bar or of the field by its tooltip. */
  async pressButton(name: string | RegExp): Promise<void> {
    await eventually(async () => {
      await this.widget.getByRole('button', { name }).click(BRIEFLY);
      return true;
    }, { deadlineMs: 20_000 });
  }

  /** Waits for an input box whose title or message has this text, types the answer and presses Enter. */
  async answer(question: string | RegExp, text: string): Promise<void> {
    await this.waitForQuestion(question);
    await this.type(text);
    await this.accept();
  }

  /** Waits for a box whose title, message or placeholder has this text. */
  async waitForQuestion(question: string | RegExp): Promise<void> {
    const isAsked = (text: string): boolean => (typeof question === 'string' ? text.includes(question) : question.test(text));
    await eventually(
      async () => (await this.isOpen()) && isAsked([await this.title(), await this.message(), await this.placeholder()].join('\n')),
      { deadlineMs: 20_000, explain: async () => ((await this.isOpen()) ? `The box says: ${[await this.title(), await this.message(), await this.placeholder()].join(' / ')}` : 'No box is open.') },
    );
  }
}
