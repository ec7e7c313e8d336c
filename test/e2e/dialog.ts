import type { Locator, Page } from '@playwright/test';
import { matches, plain, type TextMatcher } from './text.ts';
import { eventually } from '../support/eventually.ts';

export interface DialogContent {
  readonly message: string;
  readonly detail: string;
  readonly buttons: readonly string[];
}

/** A modal dialog of the editor. */
export class Dialog {
  private readonly box: Locator;

  constructor(page: Page) {
    this.box = page.locator('.monaco-dialog-box');
  }

  async isOpen(): Promise<boolean> {
    return this.box.isVisible();
  }

  /** Waits for a dialog that says this in its message or detail. */
  async waitFor(text: TextMatcher): Promise<DialogContent> {
    return eventually(
      async () => {
        if (!(await this.isOpen())) return undefined;
        const content = await this.read();
        return matches(`${content.message}\n${content.detail}`, text) ? content : undefined;
      },
      { deadlineMs: 20_000, explain: async () => ((await this.isOpen()) ? JSON.stringify(await this.read()) : 'No dialog is open.') },
    );
  }

  async read(): Promise<DialogContent> {
    const textOf = async (selector: string): Promise<string> => plain((await this.box.locator(selector).allTextContents()).join(' '));
    const buttons = await this.box.locator('.dialog-buttons .monaco-button').allTextContents();
    return {
      message: await textOf('.dialog-message-text'),
      detail: await textOf('.dialog-message-detail'),
      buttons: buttons.map(plain),
    };
  }

  /** Presses a button by its text, and the dialog is gone. */
  async press(button: string): Promise<void> {
    await this.box.getByRole('button', { name: button, exact: true }).click();
    await this.box.waitFor({ state: 'hidden' });
  }
}
