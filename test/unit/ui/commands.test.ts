import { beforeEach, describe, expect, it, vi } from 'vitest';
import { readEntries, toEntry } from '../../../src/core/forwardEntry.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { COMMANDS } from '../../../src/ui/contributions.ts';
import { REPORT, run, setup, turn } from './commandSetup.ts';
import { editor } from './fakeCommandEditor.ts';
import { define, DYNAMIC, failure, LOCAL, NOW, RANGE, RELAY, REMOTE, REMOTE_DYNAMIC, RUN_ELSEWHERE, SOCKETS, UDP, type createModel } from './samples.ts';

vi.mock('vscode', async () => (await import('./fakeCommandEditor.ts')).fakeVscode);

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

describe('trying again now', () => {
  it('is for what waits for it, and for nothing else', async () => {
    const { model, runner, say, comeUp } = setup();
    for (const [id, spec] of [['a', LOCAL], ['b', REMOTE]] as const) model.put(define(id, { spec }));
    model.start('a');
    comeUp('a');
    say('a', { type: 'lost', failure: failure('connection-lost') });
    await run(COMMANDS.tryAgain, ['a', 'b']);
    expect(['a', 'b'].map((id) => model.get(id)?.state.phase)).toEqual(['starting', 'stopped']);
    expect(runner.orders).toHaveLength(2);
  });
});

describe('a forward that another window runs', () => {
  it('is not started, and says so once, for all of them', async () => {
    const { model, runner, texts } = setup();
    for (const [id, spec] of [['a', LOCAL], ['b', REMOTE]] as const) {
      model.put(define(id, { spec, name: id }));
      model.setElsewhere(id, RUN_ELSEWHERE);
    }
    await run(COMMANDS.start, ['a']);
    await run(COMMANDS.startAll, []);
    expect(texts()).toEqual(['5432:db:5432 me@bastion elsewhere', '-R 9000:localhost:3000 me@bastion elsewhere']);
    expect(runner.orders).toEqual([]);
    expect(editor.said).toEqual([
      'a runs in another window of this editor, and starts here when that window closes.', '2 forwards run in another window of this editor, and start here when that window closes.',
    ]);
  });

  it('is stopped where it runs, and taken over from there; one that hangs is said to', async () => {
    const { model, asked } = setup();
    for (const id of ['a', 'hung', 'mine']) model.put(define(id, { name: id }));
    for (const id of ['a', 'hung']) model.setElsewhere(id, RUN_ELSEWHERE);
    model.start('mine');
    for (const id of ['a', 'hung', 'mine']) await run(COMMANDS.stop, [id]);
    for (const command of [COMMANDS.takeOver, COMMANDS.restart]) for (const id of ['a', 'hung']) await run(command, [id]);
    expect(asked).toEqual(['stop a', 'stop hung', 'take over a', 'take over hung', 'restart a', 'restart hung']);
    expect(editor.said).toEqual([
      'hung: the window that runs it does not answer. It goes on there.', 'hung: the window that runs it does not answer. It starts here when that window closes.',
      'hung: the window that runs it does not answer. It goes on there as it is.',
    ]);
    expect(model.get('mine')?.state.phase).toBe('stopped');
  });

  it('stops with all the others', async () => {
    const { model, asked } = setup();
    for (const id of ['a', 'b', 'mine']) model.put(define(id));
    for (const id of ['a', 'b']) model.setElsewhere(id, RUN_ELSEWHERE);
    model.start('mine');
    await run(COMMANDS.stopAll, []);
    expect(asked).toEqual(['stop a', 'stop b']);
    expect(model.get('mine')?.state.phase).toBe('stopped');
  });
});

describe('Edit', () => {
  it('begins with the text of the forward, whatever its kind, and changes it', async () => {
    const { texts, model } = setup();
    model.put(define('a', { spec: REMOTE }));
    const done = editor.actions.get(COMMANDS.edit)!('a');
    await turn();
    expect(editor.input.box.value).toBe('-R 9000:localhost:3000 me@bastion');
    editor.input.box.type('-R 9001:localhost:3000 me@bastion');
    editor.input.box.accept();
    await done;
    expect(texts()).toEqual(['-R 9001:localhost:3000 me@bastion stopped']);
  });

  it('takes from a forward what its new kind cannot have, so that its entry in the settings can be read again', async () => {
    const { model } = setup();
    model.put(define('a', { spec: DYNAMIC, isOnDemand: true, login: 'me' }));
    await run(COMMANDS.edit, ['a'], '-D 1081 me@bastion');
    expect(model.get('a')?.definition).toMatchObject({ isOnDemand: true, login: 'me' });
    await run(COMMANDS.edit, ['a'], '-R 9000:localhost:3000 me@bastion');
    expect(model.get('a')?.definition).toEqual(define('a', { spec: REMOTE }));
    expect(readEntries([toEntry(model.get('a')!.definition)]).problems).toEqual([]);
  });
});

describe('Set Time Limit', () => {
  it('is for all that are selected, and an empty text takes it away', async () => {
    const { model } = setup();
    const limits = (): (number | undefined)[] => model.forwards.map(({ definition }) => definition.stopAfterMinutes);
    for (const id of ['a', 'b', 'c']) model.put(define(id));
    editor.typed = '30';
    await run(COMMANDS.stopAfter, ['a', 'b']);
    expect(limits()).toEqual([30, 30, undefined]);
    editor.typed = ' ';
    await run(COMMANDS.stopAfter, ['a']);
    expect(limits()).toEqual([undefined, 30, undefined]);
  });
});

describe('Stop', () => {
  it('ends at once what waits for its connections', async () => {
    const { model, runner, comeUp } = setup();
    runner.stopsAtOnce = false;
    model.put(define('a', { spec: LOCAL }));
    model.start('a');
    comeUp('a');
    await run(COMMANDS.drain, ['a']);
    expect(model.get('a')?.state).toMatchObject({ phase: 'stopping', drainUntil: NOW + 60_000 });
    await run(COMMANDS.stop, ['a']);
    expect(model.get('a')?.state).not.toHaveProperty('drainUntil');
    expect(runner.orders).toEqual(['start a', 'stop a', 'stop a']);
  });
});

describe('Set Proxy Login', () => {
  const login = (model: ReturnType<typeof createModel>['model']): string | undefined => model.get('a')?.definition.login;

  it('keeps the user with the forward and the password under its id, and restarts one that runs', async () => {
    const { model, runner, passwords, comeUp } = setup();
    model.put(define('a', { spec: DYNAMIC }));
    model.start('a');
    comeUp('a');
    await run(COMMANDS.setProxyLogin, ['a'], 'me', 'geheim');
    expect(login(model)).toBe('me');
    expect([...passwords]).toEqual([['proxy password for a', 'geheim']]);
    expect(runner.orders).toEqual(['start a', 'stop a', 'start a']);
  });

  it('restarts for another password as well, and starts none that does not run', async () => {
    const { model, runner, passwords, comeUp } = setup();
    model.put(define('a', { spec: DYNAMIC, login: 'me' }));
    await run(COMMANDS.setProxyLogin, ['a'], 'me', 'geheim');
    expect(runner.orders).toEqual([]);
    model.start('a');
    comeUp('a');
    await run(COMMANDS.setProxyLogin, ['a'], 'me', 'geheimer');
    expect([...passwords.values()]).toEqual(['geheimer']);
    expect(runner.orders).toEqual(['start a', 'stop a', 'start a']);
  });

  it('without a user takes the login and its password away', async () => {
    const { model, passwords } = setup();
    model.put(define('a', { spec: DYNAMIC, login: 'me' }));
    passwords.set('proxy password for a', 'geheim');
    await run(COMMANDS.setProxyLogin, ['a'], '');
    expect(login(model)).toBeUndefined();
    expect(passwords.size).toBe(0);
  });

  it.each<[string, readonly string[]]>([['a user with a colon', ['me:you']], ['a user of 256 bytes', ['é'.repeat(128)]], ['no password', ['me', '']], ['a password of two lines', ['me', 'a\nb']]])('does not take %s', async (_, answers) => {
    const { model, passwords } = setup();
    model.put(define('a', { spec: DYNAMIC }));
    const done = editor.actions.get(COMMANDS.setProxyLogin)!('a');
    for (const answer of answers) {
      await turn();
      editor.input.box.type(answer);
      editor.input.box.accept();
    }
    expect(editor.input.box.validationMessage).not.toBe('');
    editor.input.box.leave();
    await done;
    expect([login(model), passwords.size]).toEqual([undefined, 0]);
  });

  it('is for proxies alone, and goes with them', async () => {
    const { model, passwords } = setup();
    model.put(define('a', { spec: LOCAL }));
    await run(COMMANDS.setProxyLogin, ['a']);
    expect(editor.said).toEqual([expect.stringContaining('is no proxy')]);
    model.put(define('a', { spec: DYNAMIC, login: 'me' }));
    passwords.set('proxy password for a', 'geheim');
    await run(COMMANDS.edit, ['a'], '5432:db:5432 me@bastion');
    expect([login(model), passwords.size]).toEqual([undefined, 0]);
    passwords.set('proxy password for a', 'geheim');
    model.put(define('a', { spec: DYNAMIC, login: 'me' }));
    await run(COMMANDS.remove, ['a']);
    expect(passwords.size).toBe(0);
  });
});

describe('what a forward gives to other programs', () => {
  it.each<[ForwardSpec, string, string | undefined]>([
    [LOCAL, 'localhost:5432', 'ssh -N -L 5432:db:5432 me@bastion'],
    [REMOTE, 'localhost:9000', 'ssh -N -R 9000:localhost:3000 me@bastion'],
    [DYNAMIC, 'socks5h://127.0.0.1:1080', 'ssh -N -D 1080 me@bastion'],
    [REMOTE_DYNAMIC, 'socks5h://127.0.0.1:9000', 'ssh -N -R 9000 me@bastion'],
    [RELAY, 'localhost:8080', undefined],
    [RANGE, 'localhost:8000-8010', undefined],
    [UDP, 'localhost:5353', undefined],
    [SOCKETS, '~/a.sock', undefined],
  ])('%j: an address, and an ssh command where there is SSH', async (spec, address, command) => {
    const { model } = setup();
    model.put(define('a', { spec }));
    await run(COMMANDS.copyAddress, ['a']);
    await run(COMMANDS.copySshCommand, ['a']);
    expect(editor.copied).toEqual(command === undefined ? [address] : [address, command]);
  });

  it('is what the user chooses of the programs that do the same, each with what it needs', async () => {
    const { model } = setup();
    model.put(define('a', { spec: { ...RELAY, connect: { host: '10.0.0.2', port: 80 } } }));
    editor.choice = undefined;
    await run(COMMANDS.copyAs, ['a']);
    expect(editor.offered).toEqual([expect.stringMatching(/^socat Command \| Linux/), expect.stringMatching(/^nftables Rules \| .*root/), expect.stringMatching(/^netsh Commands \| Windows/)]);
    expect(editor.copied).toEqual([]);
    editor.choice = 'netsh Commands';
    await run(COMMANDS.copyAs, ['a']);
    expect(editor.copied).toEqual([expect.stringMatching(/^rem .*\nnetsh interface portproxy add [^\n]*\n$/s)]);
  });

  it('has the port that it got, where any free one was asked for', async () => {
    const { model, comeUp } = setup();
    model.put(define('a', { spec: { ...LOCAL, listen: { host: 'localhost', port: 0 } } }));
    editor.choice = 'ssh Command';
    for (const command of [COMMANDS.copyAs, COMMANDS.copySshCommand]) await run(command, ['a']);
    expect(editor.said).toEqual([expect.stringContaining('has to run first'), expect.stringContaining('has to run first')]);
    model.start('a');
    comeUp('a', { addresses: [{ host: '127.0.0.1', port: 40_123 }] });
    for (const command of [COMMANDS.copyAs, COMMANDS.copySshCommand]) await run(command, ['a']);
    expect(editor.copied).toEqual(['ssh -N -L 40123:db:5432 me@bastion\n', 'ssh -N -L 40123:db:5432 me@bastion']);
  });

  it('of a port of a range, that port alone', async () => {
    const { model } = setup();
    model.put(define('a', { spec: { ...RANGE, portCount: 150 } }));
    const row = (index: number) => ({ kind: 'address', id: `address:a:${String(index)}`, forwardId: 'a', index });
    await run(COMMANDS.copyAddress, [row(3)]);
    await run(COMMANDS.copyAddress, [row(3), [row(3), row(100)]]);
    await run(COMMANDS.copyAddress, [row(3), [row(3), { kind: 'forward', id: 'forward:a', forwardId: 'a' }]]);
    expect(editor.copied).toEqual(['localhost:8003', 'localhost:8003\nlocalhost:8100-8149', 'localhost:8000-8149']);
  });

  it('offers nothing that would let everybody into a proxy with a login', async () => {
    const { model } = setup();
    model.put(define('a', { spec: DYNAMIC, login: 'me' }));
    for (const command of [COMMANDS.copyAs, COMMANDS.copySshCommand]) await run(command, ['a']);
    expect(editor.copied).toEqual([]);
    expect(editor.said).toEqual([expect.stringContaining('no other program does the same'), expect.stringContaining('no ssh command does the same. A proxy of ssh asks for no login')]);
  });

  it('says which of several has a login that ssh cannot ask for, and copies the others', async () => {
    const { model } = setup();
    model.put(define('a', { name: 'office', spec: DYNAMIC, login: 'me' }));
    model.put(define('b', { spec: LOCAL }));
    await run(COMMANDS.copySshCommand, ['a', 'b']);
    expect(editor.copied).toEqual(['ssh -N -L 5432:db:5432 me@bastion']);
    expect(editor.said).toEqual([expect.stringMatching(/^office: no ssh command/)]);
  });

  it('of the address of one port, the forward\'s', async () => {
    const { model } = setup();
    model.put(define('a', { spec: DYNAMIC }));
    await run(COMMANDS.copyAddress, [{ kind: 'address', id: 'address:a:0', forwardId: 'a', index: 0 }]);
    expect(editor.copied).toEqual(['socks5h://127.0.0.1:1080']);
  });

  it.each<[ForwardSpec, string[]]>([[LOCAL, ['http://localhost:5432/']], [RELAY, ['http://localhost:8080/']], [REMOTE, []], [DYNAMIC, []], [REMOTE_DYNAMIC, []], [UDP, []], [SOCKETS, []], [RANGE, ['http://localhost:8000/']]])('%j: a page for the browser, or the reason why not', async (spec, pages) => {
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
