import { describe, expect, it } from 'vitest';
import { EventEmitter } from '../../../src/core/event.ts';
import type { ConfiguredForward } from '../../../src/openssh/configuredForwards.ts';
import { ConfigForwards } from '../../../src/ui/configForwards.ts';
import { createModel, define, FakeLog } from './samples.ts';

const FILE = '/home/me/.ssh/config';
const DB: ConfiguredForward = { host: 'bastion', kind: 'local', text: '5432:db:5432', file: FILE, line: 3 };
const WEB: ConfiguredForward = { host: 'bastion', kind: 'local', text: '8080:localhost:80', file: FILE, line: 4 };

function setup(...first: ConfiguredForward[]) {
  const world = createModel();
  const files = new EventEmitter<void>();
  const log = new FakeLog();
  const state = { list: async (): Promise<readonly ConfiguredForward[]> => first, isShown: true };
  const watched: string[] = [];
  const config = new ConfigForwards({
    ...world, log, list: () => state.list(), isShown: () => state.isShown,
    hosts: {
      onDidChange: files.event,
      list: async () => {
        watched.push('listed');
        return [];
      },
    },
  });
  const ids = (): string[] => world.model.forwards.map(({ definition }) => definition.id);
  /** What the files say from now on, and the moment after which they are at rest. */
  const write = async (...forwards: ConfiguredForward[]): Promise<void> => {
    state.list = async () => forwards;
    files.fire();
    world.clock.advance(1_000);
    await config.read();
  };
  return { ...world, config, log, state, files, watched, ids, write };
}

describe('the forwards of ssh_config', () => {
  it('are offered to their host, stopped, with their file and line, behind those of the user', async () => {
    const { config, model, runner, watched } = setup(DB, WEB);
    model.put(define('mine'));
    await config.read();
    expect(model.forwards.map(({ state }) => state.phase)).toEqual(['stopped', 'stopped', 'stopped']);
    expect(model.forwards.map(({ definition }) => [definition.origin, definition.source])).toEqual([
      ['user', undefined], ['ssh-config', { file: FILE, line: 3 }], ['ssh-config', { file: FILE, line: 4 }],
    ]);
    expect(model.forwards[1]?.definition).toMatchObject({
      name: '', autoStart: false, spec: { kind: 'local', listen: { host: 'localhost', port: 5432 }, connect: { host: 'db', port: 5432 }, target: { host: 'bastion' } },
    });
    expect(runner.orders).toEqual([]);
    expect(watched).toEqual(['listed']);
  });

  it('follow the files: new ones appear, others go, and what runs unchanged goes on running', async () => {
    const { config, model, runner, comeUp, write, ids } = setup(DB);
    await config.read();
    const id = ids()[0]!;
    model.start(id);
    comeUp(id);
    await write(WEB, { ...DB, line: 9 });
    expect(model.forwards.map(({ definition }) => definition.source?.line)).toEqual([4, 9]);
    expect(model.get(id)?.state.phase).toBe('listening');
    expect(runner.orders).toEqual([`start ${id}`]);
    await write({ ...DB, line: 9 });
    expect(ids()).toEqual([id]);
  });

  it('stay while they run, even where the file is empty for a moment, and go once they have stopped', async () => {
    const { config, model, comeUp, write, ids } = setup(DB, WEB);
    await config.read();
    const id = ids()[0]!;
    model.start(id);
    comeUp(id);
    await write();
    expect(ids()).toEqual([id]);
    expect(model.get(id)?.state.phase).toBe('listening');
    model.stop(id);
    expect(ids()).toEqual([]);
  });

  it('are read again once the files have come to rest, and not before', async () => {
    const { config, state, files, clock, ids } = setup();
    await config.read();
    let readings = 0;
    state.list = async () => {
      readings += 1;
      return [DB];
    };
    files.fire();
    clock.advance(100);
    files.fire();
    clock.advance(100);
    expect(readings).toBe(0);
    clock.advance(100);
    await expect.poll(ids).toHaveLength(1);
    expect(readings).toBe(1);
  });

  it('are those of the last reading, whichever ends last', async () => {
    const { config, state, ids } = setup();
    let finishFirst: (forwards: readonly ConfiguredForward[]) => void = () => undefined;
    state.list = () => new Promise((resolve) => { finishFirst = resolve; });
    const first = config.read();
    await expect.poll(() => finishFirst.length).toBe(1);
    state.list = async () => [WEB];
    await config.read();
    finishFirst([DB]);
    await first;
    expect(ids()).toEqual(['ssh-config bastion local 8080:localhost:80']);
  });

  it('stay as they are when they cannot be read, and the log says so', async () => {
    const { config, state, ids, log } = setup(DB);
    await config.read();
    state.list = () => Promise.reject(new Error('no permission'));
    await config.read();
    expect(ids()).toHaveLength(1);
    expect(log.lines).toEqual(['warn The forwards of ssh_config cannot be read: no permission']);
  });

  it('are not offered to a user who does not want them', async () => {
    const { config, state, ids } = setup(DB);
    await config.read();
    state.isShown = false;
    await config.read();
    expect(ids()).toEqual([]);
  });

  it('are one where two lines say the same, and one for each host of a line', async () => {
    const { config, ids } = setup(DB, { ...DB, line: 7 }, { ...DB, host: 'other' });
    await config.read();
    expect(ids()).toEqual(['ssh-config bastion local 5432:db:5432', 'ssh-config other local 5432:db:5432']);
  });

  it.each<[kind: ConfiguredForward['kind'], text: string, poles: Readonly<Record<string, unknown>>]>([
    ['local', '/run/a.sock:localhost:80', { kind: 'local', listen: { path: '/run/a.sock' }, connect: { host: 'localhost', port: 80 } }],
    ['local', '8080:/run/b.sock', { kind: 'local', listen: { host: 'localhost', port: 8080 }, connect: { path: '/run/b.sock' } }],
    ['local', '/run/a b,c.sock:[/run/d:e]', { kind: 'local', listen: { path: '/run/a b,c.sock' }, connect: { path: '/run/d:e' } }],
    ['remote', '/run/a.sock:/run/it\'s.sock', { kind: 'remote', listen: { path: '/run/a.sock' }, connect: { path: '/run/it\'s.sock' } }],
    ['remote', '0:/run/b.sock', { kind: 'remote', listen: { host: 'localhost', port: 0 }, connect: { path: '/run/b.sock' } }],
  ])('are offered with their sockets: %s %s', async (kind, text, poles) => {
    const { config, model, log } = setup({ ...DB, kind, text });
    await config.read();
    expect(log.lines).toEqual([]);
    expect(model.forwards.map(({ definition }) => definition.spec)).toEqual([{ ...poles, target: { host: 'bastion' } }]);
  });

  it('that listen for a proxy on a path are named in the log', async () => {
    const { config, ids, log } = setup({ ...DB, kind: 'dynamic', text: '/run/socks' }, { ...WEB, kind: 'remote', text: '/run/socks' });
    await config.read();
    expect(ids()).toEqual([]);
    expect(log.lines).toEqual([
      `info ${FILE}, line 3: a forward of bastion is not offered: A proxy listens on a port, not on a path.`,
      `info ${FILE}, line 4: a forward of bastion is not offered: A proxy listens on a port, not on a path: write -R path:host:port for a destination.`,
    ]);
  });

  it('that Culvert cannot run are named in the log, once, with file and line', async () => {
    const { config, ids, log } = setup({ ...DB, text: '5432:db:0' }, { ...WEB, host: 'web:22' }, DB);
    await config.read();
    await config.read();
    expect(ids()).toEqual(['ssh-config bastion local 5432:db:5432']);
    expect(log.lines).toEqual([
      `info ${FILE}, line 3: a forward of bastion is not offered: Port 0 cannot be connected to.`,
      `info ${FILE}, line 4: a forward of web:22 is not offered: the name of its host cannot be written as a server.`,
    ]);
  });
});
