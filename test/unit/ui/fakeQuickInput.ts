import { EventEmitter } from '../../../src/core/event.ts';

interface FakeItem {
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
}

/** A quick pick or an input box as the editor hands it out; the test types, chooses, goes back and leaves. */
export class FakeBox {
  title = '';
  placeholder = '';
  prompt = '';
  items: readonly FakeItem[] = [];
  selectedItems: readonly FakeItem[] = [];
  buttons: readonly unknown[] = [];
  validationMessage = '';
  isShown = false;
  value = '';
  readonly #changes = new EventEmitter<string>();
  readonly #accepts = new EventEmitter<void>();
  readonly #hides = new EventEmitter<void>();
  readonly #triggers = new EventEmitter<unknown>();
  readonly onDidChangeValue = this.#changes.event;
  readonly onDidAccept = this.#accepts.event;
  readonly onDidHide = this.#hides.event;
  readonly onDidTriggerButton = this.#triggers.event;

  show(): void { this.isShown = true; }

  dispose(): void { this.isShown = false; }

  type(text: string): void {
    this.value = text;
    this.#changes.fire(text);
  }

  /** Enter, on the first row or on the one whose label holds `label`. */
  accept(label = ''): void {
    this.selectedItems = this.items.filter((item) => item.label.includes(label)).slice(0, 1);
    this.#accepts.fire();
  }

  back(): void { this.#triggers.fire(this.buttons[0]); }

  leave(): void { this.#hides.fire(); }

  /** What stands under the text. */
  rows(): readonly string[] {
    return this.items.map(({ label, description, detail }) => [label, description ?? detail].filter((part) => part !== undefined).join(' | '));
  }
}

/** The part of the editor that asks, in the hands of a test. */
export class FakeQuickInput {
  readonly #boxes: FakeBox[] = [];

  readonly api = {
    QuickPickItemKind: { Separator: -1 },
    QuickInputButtons: { Back: 'back' },
    ThemeIcon: class { constructor(readonly id: string) {} },
    window: { createQuickPick: () => this.#create(), createInputBox: () => this.#create() },
  };

  /** The box that is shown now. */
  get box(): FakeBox {
    const shown = this.#boxes.findLast(({ isShown }) => isShown);
    if (shown === undefined) throw new Error('no box is shown');
    return shown;
  }

  #create(): FakeBox {
    const box = new FakeBox();
    this.#boxes.push(box);
    return box;
  }
}
