import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { formatForward } from '../../../src/core/forwardText.ts';
import { registerCommands } from '../../../src/ui/commands.ts';
import { COMMANDS } from '../../../src/ui/contributions.ts';
import type { ForwardPicker } from '../../../src/ui/forwardPicker.ts';
import type { FakeQuickInput } from './fakeQuickInput.ts';
import { createModel, define, DYNAMIC, LOCAL, RELAY, REMOTE, REMOTE_DYNAMIC } from './samples.ts';

/** The editor as the commands meet it: what it runs, what was copied, opened and said. */
const editor = vi.hoisted(() => ({
  input: undefined as FakeQuickInput | undefined,
  actions: new Map<string, (...args: unknown[]) => Promise<void> | void>(),
  copied: [] as string[], opened: [] as string[], said: [] as string[],
}));
vi.mock('vscode', async () => {
  const { FakeQuickInput: Fake } = await import('./fakeQuickInput.ts');
  const input = new Fake();
  editor.input = input;
  const say = async (message: string): Promise<undefined> => { editor.said.push(message); return undefined; };
  return {
    ...input.api,
    window: { ...input.api.window, setStatusBarMessage: () => ({ dispose: () => undefined }), showInformationMessage: say, showErrorMessage: say, showWarningMessage: say },
    commands: { registerCommand: (id: string, action: () => void) => { editor.actions.set(id, action); return { dispose: () => undefined }; } },
    env: {
      clipboard: { writeText: async (text: string) => { editor.copied.push(text); } },
      asExternalUri: async (uri: string) => uri,
      openExternal: async (uri: string) => { editor.opened.push(uri); },
    },
    Uri: { parse: (text: string) => text },
  };
});

/** What the title bar of a report gives to its commands. */
const REPORT = { scheme: 'culvert-diagnosis' };

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function setup() {
  const world = createModel();
  const revealed: string[] = [];
  const diagnosed: string[] = [];
  // The picker as if the user had chosen by the argument; whom a command wants is decided by the commands.
  const picker = { resolve: async ([id]: readonly unknown[]) => world.model.forwards.filter(({ definition }) => definition.id === id) } as unknown as ForwardPicker;
  registerCommands({
    model: world.model, clock: world.clock, picker, reveal: async (id) => { revealed.push(id); }, diagnosis: { show: async (id) => { diagnosed.push(id); }, forwardIdOf: (uri) => (uri === REPORT ? 'a' : undefined), copyReport: async () => undefined }, showLog: () => undefined, forgetSecrets: async () => undefined, forgetAllSecrets: async () => undefined,
    flowContext: async () => ({ hosts: [{ alias: 'bastion', detail: '' }], recent: [], portHint: () => undefined, proposePort: async (port) => port }),
  });
  const texts = (): string[] => world.model.forwards.map(({ definition: { spec }, state }) => `${formatForward(spec)} ${state.phase}`);
  return { ...world, revealed, diagnosed, texts };
}

/** Runs a command and answers its boxes one after the other. */
async function run(command: string, args: readonly unknown[], ...answers: readonly string[]): Promise<void> {
  const done = editor.actions.get(command)!(...args);
  for (const answer of answers) {
    await turn();
    editor.input!.box.type(answer);
    editor.input!.box.accept();
  }
  await done;
}

beforeEach(() => { for (const list of [editor.copied, editor.opened, editor.said]) list.length = 0; });

describe('Forward Port', () => {
  it('starts everything that a pasted command means, and shows the first', async () => {
    const { texts, revealed, model } = setup();
    await run(COMMANDS.forwardPort, [], 'ssh -L 5432:db:5432 -R 9000:localhost:3000 -D 1080 me@bastion');
    expect(texts()).toEqual(['5432:db:5432 me@bastion starting', '-R 9000:localhost:3000 me@bastion starting', '-D 1080 me@bastion starting']);
    expect(revealed).toEqual([model.forwards[0]?.definition.id]);
  });

  it('asks once for the server of all of them', async () => {
    const { texts } = setup();
    await run(COMMANDS.forwardPort, [], '-R 9000 -D 1080', 'me@bastion:2222');
    expect(texts()).toEqual(['-R 9000 me@bastion:2222 starting', '-D 1080 me@bastion:2222 starting']);
  });

  it('starts the one that is there rather than a second that does the same', async () => {
    const { texts, model } = setup();
    model.put(define('mine', { spec: DYNAMIC }));
    await run(COMMANDS.forwardPort, [], '-D 1080 me@bastion');
    expect(texts()).toEqual(['-D 1080 me@bastion starting']);
  });

  it('makes nothing that would lead back to itself through the server, and says so', async () => {
    const { texts, model } = setup();
    model.put(define('there', { spec: { ...LOCAL, listen: { host: 'localhost', port: 3000 }, connect: { host: 'localhost', port: 9000 } } }));
    await run(COMMANDS.forwardPort, [], '-R 9000:localhost:3000 me@bastion');
    expect(texts()).toHaveLength(1);
    expect(editor.said).toEqual([expect.stringContaining('without end')]);
  });
});

describe('Edit', () => {
  it('begins with the text of the forward, whatever its kind, and changes it', async () => {
    const { texts, model } = setup();
    model.put(define('a', { spec: REMOTE }));
    const done = editor.actions.get(COMMANDS.edit)!('a');
    await turn();
    expect(editor.input!.box.value).toBe('-R 9000:localhost:3000 me@bastion');
    editor.input!.box.type('-R 9001:localhost:3000 me@bastion');
    editor.input!.box.accept();
    await done;
    expect(texts()).toEqual(['-R 9001:localhost:3000 me@bastion stopped']);
  });
});

describe('what a forward gives to other programs', () => {
  it.each<[ForwardSpec, string, string | undefined]>([
    [LOCAL, 'localhost:5432', 'ssh -N -L 5432:db:5432 me@bastion'],
    [REMOTE, 'localhost:9000', 'ssh -N -R 9000:localhost:3000 me@bastion'],
    [DYNAMIC, 'socks5h://127.0.0.1:1080', 'ssh -N -D 1080 me@bastion'],
    [REMOTE_DYNAMIC, 'socks5h://127.0.0.1:9000', 'ssh -N -R 9000 me@bastion'],
    [RELAY, 'localhost:8080', undefined],
  ])('%j: an address, and an ssh command where there is SSH', async (spec, address, command) => {
    const { model } = setup();
    model.put(define('a', { spec }));
    await run(COMMANDS.copyAddress, ['a']);
    await run(COMMANDS.copySshCommand, ['a']);
    expect(editor.copied).toEqual(command === undefined ? [address] : [address, command]);
  });

  it.each<[ForwardSpec, string[]]>([[LOCAL, ['http://localhost:5432/']], [RELAY, ['http://localhost:8080/']], [REMOTE, []], [DYNAMIC, []], [REMOTE_DYNAMIC, []]])('%j: a page for the browser, or the reason why not', async (spec, pages) => {
    const { model } = setup();
    model.put(define('a', { spec }));
    await run(COMMANDS.openInBrowser, ['a']);
    expect(editor.opened).toEqual(pages);
    expect(editor.said).toHaveLength(pages.length === 0 ? 1 : 0);
  });
});

describe('Why Doesn\'t It Work', () => {
  it.each<[string, readonly unknown[]]>([['a row', ['a']], ['the title bar of its report', [REPORT]]])('looks at the forward of %s', async (_, args) => {
    const { model, diagnosed } = setup();
    model.put(define('a', { spec: LOCAL }));
    model.put(define('b', { spec: RELAY }));
    await run(COMMANDS.diagnose, args);
    expect(diagnosed).toEqual(['a']);
  });
});
