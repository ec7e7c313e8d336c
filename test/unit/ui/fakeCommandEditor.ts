import { FakeQuickInput } from './fakeQuickInput.ts';

const input = new FakeQuickInput();

/** The editor as the commands meet it: what it runs, what was copied, opened and said. */
export const editor = {
  input,
  actions: new Map<string, (...args: unknown[]) => Promise<void> | void>(),
  copied: [] as string[], opened: [] as string[], said: [] as string[],
  offered: [] as string[], choice: undefined as string | undefined, typed: undefined as string | undefined,
};

const say = async (message: string): Promise<undefined> => { editor.said.push(message); return undefined; };

/** Stands for the module `vscode` in tests of commands. */
export const fakeVscode = {
  ...input.api,
  window: { ...input.api.window, setStatusBarMessage: () => ({ dispose: () => undefined }), showInformationMessage: say, showErrorMessage: say, showWarningMessage: say, showInputBox: async () => editor.typed, showQuickPick: async (items: readonly { label: string; detail: string }[]) => {
    editor.offered = items.map(({ label, detail }) => `${label} | ${detail}`);
    return items.find(({ label }) => label === editor.choice);
  } },
  commands: { registerCommand: (id: string, action: () => void) => { editor.actions.set(id, action); return { dispose: () => undefined }; } },
  env: {
    clipboard: { writeText: async (text: string) => { editor.copied.push(text); } },
    asExternalUri: async (uri: string) => uri,
    openExternal: async (uri: string) => { editor.opened.push(uri); },
  },
  Uri: { parse: (text: string) => text },
};
