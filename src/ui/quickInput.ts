import * as vscode from 'vscode';
import { DisposableStore } from '../core/lifecycle.ts';

/** What a step of a flow ends with: a value, a step back, or nothing at all. */
export type Step<T> = { readonly kind: 'value'; readonly value: T } | { readonly kind: 'back' } | { readonly kind: 'cancelled' };

export interface PickOptions<T extends vscode.QuickPickItem> {
  readonly title: string;
  readonly placeholder: string;
  readonly items: readonly T[];
  readonly hasBack: boolean;
  /** Makes an item of what was typed, to be offered first. */
  readonly fromText?: (text: string) => T | undefined;
}

/** Lets the user pick one item, or type one where `fromText` takes it. */
export function pickOne<T extends vscode.QuickPickItem>(options: PickOptions<T>): Promise<Step<T>> {
  const pick = vscode.window.createQuickPick<T>();
  const owned = new DisposableStore();
  owned.add(pick);
  pick.title = options.title;
  pick.placeholder = options.placeholder;
  pick.items = options.items;
  pick.matchOnDescription = true;
  pick.ignoreFocusOut = true;
  if (options.hasBack) pick.buttons = [vscode.QuickInputButtons.Back];
  const { fromText } = options;
  if (fromText !== undefined) {
    owned.add(pick.onDidChangeValue((text) => {
      const typed = text.trim() === '' ? undefined : fromText(text.trim());
      pick.items = typed === undefined ? options.items : [typed, ...options.items];
    }));
  }
  return new Promise((resolve) => {
    owned.add(pick.onDidAccept(() => {
      const [item] = pick.selectedItems;
      if (item !== undefined) resolve({ kind: 'value', value: item });
    }));
    owned.add(pick.onDidTriggerButton(() => { resolve({ kind: 'back' }); }));
    owned.add(pick.onDidHide(() => { resolve({ kind: 'cancelled' }); }));
    pick.show();
  }).finally(() => { owned.dispose(); }) as Promise<Step<T>>;
}

export interface TextOptions {
  readonly title: string;
  readonly prompt: string;
  readonly value?: string;
  readonly placeholder?: string;
  readonly hasBack: boolean;
  /** The problem with a text, or undefined when it may be accepted. */
  readonly validate: (text: string) => string | undefined;
}

/** Asks for one line of text; what does not validate is not accepted. */
export function askText(options: TextOptions): Promise<Step<string>> {
  const box = vscode.window.createInputBox();
  const owned = new DisposableStore();
  owned.add(box);
  box.title = options.title;
  box.prompt = options.prompt;
  box.value = options.value ?? '';
  box.placeholder = options.placeholder ?? '';
  box.ignoreFocusOut = true;
  if (options.hasBack) box.buttons = [vscode.QuickInputButtons.Back];
  owned.add(box.onDidChangeValue((text) => { box.validationMessage = options.validate(text) ?? ''; }));
  return new Promise<Step<string>>((resolve) => {
    owned.add(box.onDidAccept(() => {
      const problem = options.validate(box.value);
      if (problem === undefined) resolve({ kind: 'value', value: box.value });
      else box.validationMessage = problem;
    }));
    owned.add(box.onDidTriggerButton(() => { resolve({ kind: 'back' }); }));
    owned.add(box.onDidHide(() => { resolve({ kind: 'cancelled' }); }));
    box.show();
  }).finally(() => { owned.dispose(); });
}

export interface SecretOptions {
  readonly title: string;
  readonly prompt: string;
  readonly isHidden: boolean;
  /** Whether the box offers to remember the answer. */
  readonly canRemember: boolean;
  /** The problem with a text, or undefined when it may be accepted. */
  readonly validate?: (text: string) => string | undefined;
}

export interface Secret {
  readonly text: string;
  readonly isRemembered: boolean;
}

const REMEMBER: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('save'), tooltip: 'Remember in the Secret Storage' };
const REMEMBERING: vscode.QuickInputButton = { iconPath: new vscode.ThemeIcon('check'), tooltip: 'Will Be Remembered in the Secret Storage: Click to Not Remember' };

/** Asks for a secret; undefined when the user cancels or `signal` does. */
export function askSecret(options: SecretOptions, signal: AbortSignal): Promise<Secret | undefined> {
  if (signal.aborted) return Promise.resolve(undefined);
  const box = vscode.window.createInputBox();
  const owned = new DisposableStore();
  owned.add(box);
  let isRemembered = false;
  box.title = options.title;
  box.prompt = options.prompt;
  box.password = options.isHidden;
  box.ignoreFocusOut = true;
  if (options.canRemember) box.buttons = [REMEMBER];
  owned.add(box.onDidTriggerButton(() => {
    isRemembered = !isRemembered;
    box.buttons = [isRemembered ? REMEMBERING : REMEMBER];
    box.prompt = isRemembered ? `${options.prompt} It will be remembered.` : options.prompt;
  }));
  return new Promise<Secret | undefined>((resolve) => {
    const onAbort = (): void => { resolve(undefined); };
    signal.addEventListener('abort', onAbort, { once: true });
    owned.add({ dispose: () => { signal.removeEventListener('abort', onAbort); } });
    owned.add(box.onDidChangeValue(() => { box.validationMessage = ''; }));
    owned.add(box.onDidAccept(() => {
      const problem = options.validate?.(box.value);
      if (problem === undefined) resolve({ text: box.value, isRemembered });
      else box.validationMessage = problem;
    }));
    owned.add(box.onDidHide(() => { resolve(undefined); }));
    box.show();
  }).finally(() => { owned.dispose(); });
}
