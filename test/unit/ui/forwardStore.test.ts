import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ForwardStore } from '../../../src/ui/forwardStore.ts';
import { FakeEditor } from './fakeVscode.ts';
import { createModel, deferred, define, FakeLog } from './samples.ts';

/** The store reads and writes the editor's settings and does nothing else: without them there is nothing to test. */
const holder = vi.hoisted(() => ({ editor: undefined as FakeEditor | undefined }));
vi.mock('vscode', () => new Proxy({}, {
  get: (_, name): unknown => (name === 'then' ? undefined : Reflect.get(holder.editor?.api ?? {}, name)),
  has: () => true,
}));

let editor: FakeEditor;
beforeEach(() => {
  editor = new FakeEditor();
  holder.editor = editor;
});

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const A = { id: 'a', forward: '5432:db:5432', target: 'me@bastion' };
const B = { id: 'b', forward: '2:3' };
const X = { id: 'x', forward: '4:5' };

function setup(setting?: unknown) {
  editor.setting = setting;
  const { model } = createModel();
  const log = new FakeLog();
  const store = new ForwardStore(model, log);
  const ids = (): string[] => model.forwards.map(({ definition }) => definition.id);
  return { model, store, log, ids };
}

describe('the setting and the model', () => {
  it('agree from the beginning, what cannot be read apart', () => {
    const { ids, store, log } = setup([A, { forward: 'x' }, B]);
    expect(ids()).toEqual(['a', 'b']);
    expect(store.problems).toMatchObject([{ index: 1, label: 'x' }]);
    expect(log.lines).toHaveLength(1);
  });

  it('agree about the forwards of the user alone: what ssh_config offers is never written', async () => {
    const { model, ids } = setup([A]);
    model.replaceConfigForwards([define('x', { origin: 'ssh-config', source: { file: '/c', line: 3 } })]);
    model.put(define('b', { name: 'new' }));
    await turn();
    expect(editor.setting).toMatchObject([A, { id: 'b', name: 'new' }]);
    editor.change([A]);
    expect(ids().sort()).toEqual(['a', 'x']);
  });

  it('are not compared for what ssh_config offers: that takes its time where forwards are many', async () => {
    const { model } = setup([A]);
    let reads = 0;
    Object.defineProperty(editor, 'setting', { get: () => { reads += 1; return [A]; } });
    model.replaceConfigForwards([define('x', { origin: 'ssh-config', source: { file: '/c', line: 3 } })]);
    await turn();
    expect(reads).toBe(0);
  });

  it('agree after a change of the setting', () => {
    const { ids, store } = setup([A]);
    const told = vi.fn();
    store.onDidChangeProblems(told);
    editor.change([B, {}]);
    expect(ids()).toEqual(['b']);
    expect(store.problems).toHaveLength(1);
    expect(told).toHaveBeenCalledTimes(1);
  });

  it('agree after a change of the model, and unreadable entries stay', async () => {
    const { model } = setup([{ forward: 'x' }, B]);
    model.put(define('a'));
    await turn();
    expect(editor.setting).toEqual([{ forward: 'x' }, B, A]);
    model.remove('b');
    await turn();
    expect(editor.setting).toEqual([{ forward: 'x' }, A]);
  });

  it('leave the file alone while it is read, even where two entries are twins', async () => {
    const twins = [{ forward: '2:3' }, { forward: '2:3' }];
    let writes = 0;
    editor.writing = async () => { writes += 1; };
    const { ids } = setup(twins);
    expect(ids()).toHaveLength(2);
    editor.change([...twins, A]);
    await turn();
    expect(writes).toBe(0);
  });

  it('are not written to for forwards of other extensions, nor for nothing', async () => {
    const { model } = setup([A]);
    let writes = 0;
    editor.writing = async () => { writes += 1; };
    model.put(define('e', { origin: 'extension' }));
    model.start('a');
    await turn();
    expect(writes).toBe(0);
  });

  it('part at dispose', async () => {
    const { model, store, ids } = setup([A]);
    store.dispose();
    editor.change([B]);
    model.put(define('c'));
    await turn();
    expect(ids()).toEqual(['a', 'c']);
    expect(editor.setting).toEqual([B]);
  });
});

describe('saves that overlap', () => {
  it('do not bring back what was removed meanwhile', async () => {
    const { model, ids } = setup([A, B]);
    const first = deferred<undefined>();
    editor.writing = () => first.promise;
    model.remove('a');
    await turn();
    model.remove('b');
    first.resolve(undefined);
    await turn();
    expect(editor.setting).toEqual([]);
    expect(ids()).toEqual([]);
  });

  it('keep what somebody else wrote in between, and show it', async () => {
    const { model, ids } = setup([A]);
    const first = deferred<undefined>();
    editor.writing = () => first.promise;
    model.put(define('a', { name: 'one' }));
    await turn();
    model.put(define('a', { name: 'two' }));
    const [hand] = [X];
    editor.writing = async () => undefined;
    // The first write lands; then, before the second one reads, a person adds an entry.
    const write = editor.change.bind(editor);
    editor.change = (value) => {
      editor.change = write;
      write([...value as unknown[], hand]);
    };
    first.resolve(undefined);
    await turn();
    await turn();
    expect(editor.setting).toEqual([{ ...A, name: 'two' }, X]);
    expect(ids()).toEqual(['a', 'x']);
  });

  it('end with what somebody else wrote last', async () => {
    const { model, ids } = setup([A]);
    const first = deferred<undefined>();
    editor.writing = () => first.promise;
    model.put(define('a', { name: 'one' }));
    await turn();
    const write = editor.change.bind(editor);
    editor.change = (value) => {
      write(value);
      write([B]);
    };
    first.resolve(undefined);
    await turn();
    expect(ids()).toEqual(['b']);
  });

  it('go on after one that failed, which is told once, without links', async () => {
    const { model, log, ids } = setup([A]);
    editor.writing = () => Promise.reject(new Error('[read-only](command:x)'));
    model.put(define('b', { name: 'b' }));
    await turn();
    expect(editor.messages).toEqual(['The forwards could not be saved to your settings, and last until the editor closes: [read-only] (command:x)']);
    expect(log.lines).toHaveLength(1);
    expect(ids()).toEqual(['a', 'b']);
    editor.writing = async () => undefined;
    model.remove('a');
    await turn();
    expect(editor.setting).toMatchObject([{ id: 'b' }]);
  });

  it('go on after the editor itself failed', async () => {
    const { model, log } = setup([A]);
    const inspect = editor.api.workspace.getConfiguration;
    editor.api.workspace.getConfiguration = () => { throw new Error('closing'); };
    model.put(define('b'));
    await turn();
    expect(log.lines).toEqual(['error Could not keep the forwards: closing']);
    editor.api.workspace.getConfiguration = inspect;
    model.put(define('b', { name: 'b' }));
    await turn();
    expect(editor.setting).toMatchObject([{ id: 'a' }, { id: 'b', name: 'b' }]);
  });
});
