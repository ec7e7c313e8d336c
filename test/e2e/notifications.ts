import type { Locator, Page } from '@playwright/test';
import { eventually } from '../support/eventually.ts';
import { matches, plain, type TextMatcher } from './text.ts';

export interface Notification {
  readonly message: string;
  readonly buttons: readonly string[];
  readonly severity: 'info' | 'warning' | 'error';
}

/** A message that moves because another comes or goes is looked for again. */
const BRIEFLY = { timeout: 2_000 };

/** The messages in the lower right corner, progress among them. */
export class Notifications {
  private readonly items: Locator;

  constructor(private readonly page: Page) {
    this.items = page.locator('.notifications-toasts .notification-list-item');
  }

  /** Those that are shown now. */
  async read(): Promise<Notification[]> {
    const found = await this.items.evaluateAll((elements) =>
      elements.map((element) => ({
        message: element.querySelector('.notification-list-item-message')?.textContent ?? '',
        buttons: [...element.querySelectorAll('.notification-list-item-buttons-container .monaco-button')].map((button) => button.textContent),
        icon: element.querySelector('.notification-list-item-icon')?.className ?? '',
      })),
    );
    return found.map(({ message, buttons, icon }) => ({
      message: plain(message),
      buttons: buttons.map(plain),
      severity: icon.includes('codicon-error') ? 'error' : icon.includes('codicon-warning') ? 'warning' : 'info',
    }));
  }

  async waitFor(text: TextMatcher): Promise<Notification> {
    return eventually(async () => (await this.read()).find(({ message }) => matches(message, text)), {
      deadlineMs: 20_000,
      explain: async () => `The notifications are: ${JSON.stringify(await this.read())}`,
    });
  }

  /** Presses a button of the notification that says this. */
  async press(text: TextMatcher, button: string): Promise<void> {
    await this.waitFor(text);
    // Buttons of a collapsed notification appear with the pointer.
    const item = this.items.filter({ hasText: text }).first();
    await eventually(async () => {
      await item.hover(BRIEFLY);
      await item.getByRole('button', { name: button, exact: true }).click(BRIEFLY);
      return true;
    }, { deadlineMs: 20_000, explain: async () => `The notifications are: ${JSON.stringify(await this.read())}` });
  }

  async dismissAll(): Promise<void> {
    await this.page.keyboard.press('Escape');
    await eventually(async () => {
      const item = this.items.first();
      if (!(await item.isVisible())) return true;
      await item.hover(BRIEFLY);
      await item.getByRole('button', { name: /^(Clear|Close|Dismiss|Cancel)/ }).first().click(BRIEFLY);
      return false;
    }, { deadlineMs: 20_000 });
  }
}
