import { EventEmitter } from '../../../src/core/event.ts';

/** The part of the editor that the store and the tree use, in the hands of a test: settings, messages and the classes of rows. */
export class FakeEditor {
  /** The user's settings.json. */
  setting: unknown;
  readonly messages: string[] = [];
  readonly #configuration = new EventEmitter<{ affectsConfiguration(section: string): boolean }>();
  /** What writing the setting waits for; a rejection is a failure to write. */
  writing: () => Promise<void> = async () => undefined;

  /** Somebody else, a person or another window, changes the setting. */
  change(value: unknown): void {
    this.setting = value;
    this.#configuration.fire({ affectsConfiguration: (section) => section === 'culvert.forwards' });
  }

  readonly api = {
    ConfigurationTarget: { Global: 1 },
    TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: 2 },
    EventEmitter,
    TreeItem: class { constructor(readonly label: string, readonly collapsibleState: number) {} },
    ThemeIcon: class { constructor(readonly id: string) {} },
    ThemeColor: class { constructor(readonly id: string) {} },
    MarkdownString: class { value = ''; appendText(text: string): void { this.value += text; } appendMarkdown(text: string): void { this.value += text; } },
    window: { showErrorMessage: async (message: string): Promise<undefined> => { this.messages.push(message); return undefined; } },
    workspace: {
      onDidChangeConfiguration: this.#configuration.event,
      getConfiguration: () => ({
        inspect: () => ({ globalValue: structuredClone(this.setting) }),
        update: async (_: string, value: unknown): Promise<void> => {
          await this.writing();
          this.change(structuredClone(value));
        },
      }),
    },
  };
}
