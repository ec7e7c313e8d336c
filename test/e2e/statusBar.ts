import type { Locator, Page } from '@playwright/test';
import { eventually } from '../support/eventually.ts';
import { matches, plain, type TextMatcher } from './text.ts';

export interface StatusBarItem {
  readonly id: string;
  readonly text: string;
  readonly ariaLabel: string;
  /** The names of its codicons: `plug`, `sync`. */
  readonly icons: readonly string[];
  readonly hasWarningBackground: boolean;
  readonly hasErrorBackground: boolean;
}

const EXTENSION_ID_START = 'culvert.culvert';

/** The line at the bottom. */
export class StatusBar {
  private readonly bar: Locator;

  constructor(page: Page) {
    this.bar = page.locator('.part.statusbar');
  }

  async items(): Promise<StatusBarItem[]> {
    const found = await this.bar.locator('.statusbar-item:not(.hidden)').evaluateAll((elements) =>
      elements.map((element) => ({
        id: element.id,
        text: element.textContent,
        ariaLabel: element.querySelector('[aria-label]')?.getAttribute('aria-label') ?? element.getAttribute('aria-label') ?? '',
        icons: [...element.querySelectorAll('.codicon')].flatMap((icon) =>
          [...icon.classList].filter((name) => /^codicon-(?!modifier)/.test(name)).map((name) => name.slice('codicon-'.length)),
        ),
        hasWarningBackground: element.classList.contains('warning-kind'),
        hasErrorBackground: element.classList.contains('error-kind'),
      })),
    );
    return found.map((item) => ({ ...item, text: plain(item.text), ariaLabel: plain(item.ariaLabel) }));
  }

  /** The extension's own item, or nothing while it is hidden. */
  async culvert(): Promise<StatusBarItem | undefined> {
    return (await this.items()).find(({ id }) => id.startsWith(EXTENSION_ID_START));
  }

  /** Waits until the extension's item says this, in its text or to a screen reader. */
  async waitForCulvert(text: TextMatcher): Promise<StatusBarItem> {
    return eventually(
      async () => {
        const item = await this.culvert();
        return item !== undefined && (matches(item.text, text) || matches(item.ariaLabel, text)) ? item : undefined;
      },
      { deadlineMs: 15_000, explain: async () => `The item is: ${JSON.stringify(await this.culvert())}` },
    );
  }

  async clickCulvert(): Promise<void> {
    await this.bar.locator(`.statusbar-item[id^="${EXTENSION_ID_START}"]`).click();
  }

  async hoverCulvert(): Promise<void> {
    await this.bar.locator(`.statusbar-item[id^="${EXTENSION_ID_START}"]`).hover();
  }
}
