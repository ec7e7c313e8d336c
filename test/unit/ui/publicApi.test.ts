import { describe, expect, it, vi } from 'vitest';
import type { ApiEndpoint, EnsuredForward, ForwardRequest } from '../../../src/api.ts';
import { NO_TRAFFIC } from '../../../src/core/forward.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import type { Bound } from '../../../src/core/forwardState.ts';
import { PublicApi } from '../../../src/ui/publicApi.ts';
import { BOTH_LOOPBACKS, connectionOf, createModel, define, DYNAMIC, failure, LOCAL, NOW, RANGE, REMOTE, REMOTE_DYNAMIC, RUN_ELSEWHERE, SOCKETS, UDP } from './samples.ts';

const TEXT = '5432:db:5432 me@bastion';

function setup() {
  const made = createModel();
  const connections = vi.fn(async () => [connectionOf({ phase: 'closed', closedAt: 5, closeReason: 'client-ended', destination: 'db:5432' })]);
  const stopElsewhere = vi.fn(async (_id: string) => true);
  const api = new PublicApi({ model: made.model, sshHosts: async () => new Set(['bastion']), connections, stopElsewhere });
  const ids = (): string[] => made.model.forwards.map(({ definition }) => definition.id);
  /** Asks, and gives the id of the forward that this is about. */
  const ensure = async (request: Parameters<typeof api.ensureForward>[0] = TEXT) => {
    const promise = api.ensureForward(request);
    promise.catch(() => undefined);
    await turn();
    return { promise, id: ids().at(-1) ?? '' };
  };
  return { ...made, api, stopElsewhere, ids, ensure, connections };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const phaseOf = ({ model }: ReturnType<typeof setup>, id: string): string | undefined => model.get(id)?.state.phase;

describe('ensureForward', () => {
  it('makes a forward, starts it and resolves once it listens and is up', async () => {
    const world = setup();
    const { promise, id } = await world.ensure();
    expect(world.model.get(id)?.definition).toMatchObject({ origin: 'extension', spec: LOCAL });
    let ensured: EnsuredForward | undefined;
    void promise.then((value) => { ensured = value; });
    world.say(id, { type: 'bound', bound: BOTH_LOOPBACKS });
    await turn();
    expect(ensured).toBeUndefined();
    world.say(id, { type: 'up' });
    expect(await promise).toMatchObject({ id, host: 'localhost', port: 5432 });
  });

  it('says the port that was got, and where no other program can be meant', async () => {
    const world = setup();
    const { promise, id } = await world.ensure({ forward: '0:db:5432', target: 'me@bastion', name: 'Database' });
    expect(world.model.get(id)?.definition.name).toBe('Database');
    world.comeUp(id, { addresses: [{ host: '127.0.0.1', port: 40_001 }], missing: { address: { host: '::1', port: 40_001 }, failure: failure('address-in-use') } });
    expect(await promise).toMatchObject({ host: '127.0.0.1', port: 40_001 });
  });

  it('has the new forward checked as it was asked to, tells when that passed, and takes no check that makes no sense', async () => {
    const world = setup();
    const { promise, id } = await world.ensure({ forward: '5432:db:5432', target: 'me@bastion', healthCheck: { kind: 'connect' } });
    world.comeUp(id);
    await promise;
    const check = world.model.get(id)!.definition.healthCheck!;
    expect(check).toEqual({ kind: 'connect' });
    expect(world.api.forwards[0]).not.toHaveProperty('provedAt');
    world.say(id, { type: 'checked', check, outcome: { kind: 'passed' } });
    expect(world.api.forwards[0]?.provedAt).toBe(world.model.get(id)?.provedAt);
    expect(world.api.forwards[0]).toHaveProperty('provedAt');
    await expect(world.api.ensureForward({ forward: '-D 1080', target: 'me@bastion', healthCheck: { kind: 'connect' } })).rejects.toMatchObject({ code: 'invalid-forward', message: expect.stringContaining('healthCheck') as string });
  });

  it('uses the user\'s own forward that does the same, and leaves it running', async () => {
    const world = setup();
    world.model.put(define('mine'));
    const { promise } = await world.ensure();
    expect(world.ids()).toEqual(['mine']);
    world.comeUp('mine');
    const ensured = await promise;
    ensured.dispose();
    expect(phaseOf(world, 'mine')).toBe('listening');
  });

  it('resolves at once for one that listens already', async () => {
    const world = setup();
    world.model.put(define('mine'));
    world.model.start('mine');
    world.comeUp('mine');
    expect(await world.api.ensureForward(TEXT)).toMatchObject({ id: 'mine' });
    expect(world.runner.orders).toEqual(['start mine']);
  });

  it('shares one forward among its holders, and lets it go with the last, however often one lets go', async () => {
    const world = setup();
    const [a, b] = [await world.ensure(), await world.ensure()];
    expect(a.id).toBe(b.id);
    expect(world.ids()).toHaveLength(1);
    world.comeUp(a.id);
    const [first, second] = await Promise.all([a.promise, b.promise]);
    first.dispose();
    first.dispose();
    expect(phaseOf(world, a.id)).toBe('listening');
    second.dispose();
    expect(world.ids()).toEqual([]);
    expect(world.runner.orders).toEqual([`start ${a.id}`, `stop ${a.id}`]);
  });

  it('makes one for each that wants any free port', async () => {
    const world = setup();
    await world.ensure('0:db:5432 bastion');
    await world.ensure('0:db:5432 bastion');
    expect(world.ids()).toHaveLength(2);
  });

  it('reads aliases as the user means them', async () => {
    const world = setup();
    const { id } = await world.ensure('bastion:5432');
    expect(world.model.get(id)?.definition.spec).toMatchObject({ kind: 'local', target: { host: 'bastion' } });
  });

  it.each<[string | ForwardRequest, ForwardSpec, Bound, ApiEndpoint]>([
    ['-R 9000:localhost:3000 me@bastion', REMOTE, { addresses: [{ host: 'localhost', port: 9000 }] }, { host: 'localhost', port: 9000 }],
    [{ forward: '-R 0:localhost:3000', target: 'me@bastion' }, { ...REMOTE, listen: { host: 'localhost', port: 0 } }, { addresses: [{ host: 'localhost', port: 34_567 }] }, { host: 'localhost', port: 34_567 }],
    ['-D 1080 me@bastion', DYNAMIC, BOTH_LOOPBACKS, { host: 'localhost', port: 5432 }],
    [{ forward: '-R 9000', target: 'me@bastion' }, REMOTE_DYNAMIC, { addresses: [{ host: 'localhost', port: 9000 }] }, { host: 'localhost', port: 9000 }],
    ['~/a.sock:/run/b.sock', SOCKETS, { addresses: [{ path: '/home/me/a.sock' }] }, { path: '/home/me/a.sock' }],
    ['udp:5353:10.0.0.2:53', UDP, { addresses: [{ host: '127.0.0.1', port: 5353 }] }, { host: 'localhost', port: 5353 }],
    [{ forward: '8000-8010:far:9000-9010' }, RANGE, { addresses: [{ host: '127.0.0.1', port: 8000 }] }, { host: 'localhost', port: 8000 }],
    ['/a.sock:/b.sock me@bastion', { kind: 'local', listen: { path: '/a.sock' }, connect: { path: '/b.sock' }, target: LOCAL.target }, { addresses: [{ path: '/a.sock' }] }, { path: '/a.sock' }],
    ['~/a.sock:web:80', { kind: 'relay', listen: { path: '~/a.sock' }, connect: { host: 'web', port: 80 } }, { addresses: [{ path: '/home/me/a.sock' }] }, { path: '/home/me/a.sock' }],
    ['8000-8010:web:9000-9010', { kind: 'relay', listen: { host: 'localhost', port: 8000 }, connect: { host: 'web', port: 9000 }, portCount: 11 },
      { addresses: [{ host: '127.0.0.1', port: 8000 }, { host: '::1', port: 8000 }] }, { host: 'localhost', port: 8000 }],
    ['udp:5353:10.0.0.2:53', { kind: 'udp', listen: { host: 'localhost', port: 5353 }, connect: { host: '10.0.0.2', port: 53 } }, { addresses: [{ host: '127.0.0.1', port: 5353 }] }, { host: 'localhost', port: 5353 }],
  ])('makes every kind: %j', async (request, spec, bound, end) => {
    const world = setup();
    const { promise, id } = await world.ensure(request);
    expect(world.model.get(id)?.definition.spec).toEqual(spec);
    world.comeUp(id, bound);
    expect(await promise).toMatchObject(end);
    expect(world.api.forwards).toMatchObject([{ kind: spec.kind, bound: bound.addresses }]);
  });

  it('gives a path alone where the forward has a socket, and tells of a proxy that asks for a login', async () => {
    const world = setup();
    const { promise, id } = await world.ensure('/a.sock:/b.sock');
    world.comeUp(id, { addresses: [{ path: '/a.sock' }] });
    expect(Object.keys(await promise)).toEqual(['id', 'path', 'dispose']);
    world.model.put(define('mine', { spec: DYNAMIC, login: 'me' }));
    const proxy = await world.ensure('-D 1080 me@bastion');
    world.comeUp('mine');
    expect(await proxy.promise).toMatchObject({ id: 'mine', login: 'me' });
  });

  it('gives what another window runs, once it listens there, and has it come here when that goes', async () => {
    const world = setup();
    world.model.put(define('mine'));
    world.model.setElsewhere('mine', { ...RUN_ELSEWHERE, running: { phase: 'starting', generation: 1, attempt: 1, since: NOW, progress: { step: 'connecting' }, bound: undefined } });
    const { promise } = await world.ensure();
    world.model.setElsewhere('mine', RUN_ELSEWHERE);
    expect(await promise).toMatchObject({ id: 'mine', host: 'localhost', port: 5432 });
    expect(world.api.forwards).toMatchObject([{ id: 'mine', state: 'elsewhere', bound: [{ port: 5432 }, { port: 5432 }] }]);
    expect(world.runner.orders).toEqual([]);
    world.model.setElsewhere('mine', undefined, true);
    expect(world.runner.orders).toEqual(['start mine']);
  });

  it('rejects when what it waits for in another window is stopped there', async () => {
    const world = setup();
    world.model.put(define('mine'));
    world.model.setElsewhere('mine', { ...RUN_ELSEWHERE, running: { phase: 'stopping', generation: 1, since: NOW } });
    world.model.stop('mine');
    const { promise } = await world.ensure();
    world.model.stop('mine');
    world.model.setElsewhere('mine', undefined);
    await expect(promise).rejects.toMatchObject({ code: 'cancelled' });
  });

  it('stops a forward in the window that runs it, and says when that does not answer', async () => {
    const world = setup();
    world.model.put(define('mine'));
    world.model.setElsewhere('mine', RUN_ELSEWHERE);
    const stopped = world.api.stop('mine');
    await turn();
    world.model.setElsewhere('mine', undefined);
    await stopped;
    expect(world.stopElsewhere).toHaveBeenCalledWith('mine');
    world.model.setElsewhere('mine', RUN_ELSEWHERE);
    world.stopElsewhere.mockResolvedValue(false);
    await expect(world.api.stop('mine')).rejects.toMatchObject({ code: 'running-elsewhere', message: expect.stringMatching(/port 5432 and does not answer/) as string });
  });

  it('rejects with code and words when it fails, and leaves nothing behind', async () => {
    const world = setup();
    const { promise, id } = await world.ensure();
    world.say(id, { type: 'lost', failure: failure('auth-failed', { host: 'bastion', port: 22, tried: ['password'] }) });
    const error: unknown = await promise.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: 'auth-failed', message: 'bastion did not accept the login. Tried: password.' });
    expect(world.ids()).toEqual([]);
  });

  it('rejects both who share one that fails, and leaves nothing behind', async () => {
    const world = setup();
    const [a, b] = [await world.ensure(), await world.ensure()];
    world.say(a.id, { type: 'lost', failure: failure('host-not-found') });
    await expect(a.promise).rejects.toMatchObject({ code: 'host-not-found' });
    await expect(b.promise).rejects.toMatchObject({ code: 'host-not-found' });
    expect(world.ids()).toEqual([]);
  });

  it('keeps the user\'s own forward when it fails', async () => {
    const world = setup();
    world.model.put(define('mine'));
    const { promise } = await world.ensure();
    world.say('mine', { type: 'lost', failure: failure('auth-failed') });
    await expect(promise).rejects.toMatchObject({ code: 'auth-failed' });
    expect(phaseOf(world, 'mine')).toBe('failed');
  });

  it.each<[string, (world: ReturnType<typeof setup>, id: string) => void]>([
    ['stopped', ({ model }, id) => { model.stop(id); }],
    ['removed', ({ model }, id) => { model.remove(id); }],
  ])('rejects when it is %s meanwhile', async (_, act) => {
    const world = setup();
    const { promise, id } = await world.ensure();
    act(world, id);
    await expect(promise).rejects.toMatchObject({ code: 'cancelled' });
    expect(world.ids()).toEqual([]);
  });

  it('waits for one that is just stopping to run again', async () => {
    const world = setup();
    world.runner.stopsAtOnce = false;
    world.model.put(define('mine'));
    world.model.start('mine');
    world.comeUp('mine');
    world.model.stop('mine');
    const { promise } = await world.ensure();
    world.say('mine', { type: 'stopped' });
    await turn();
    world.comeUp('mine');
    expect(await promise).toMatchObject({ id: 'mine' });
  });

  it('waits through a restart', async () => {
    const world = setup();
    const { promise, id } = await world.ensure();
    world.model.restart(id);
    await turn();
    world.comeUp(id);
    expect(await promise).toMatchObject({ id });
  });

  it.each<[string, unknown, RegExp]>([
    ['a port that is none', '70000:h:80', /70000 is above/],
    ['a text that lacks its server', '5432', /"5432" lacks its SSH server\.$/],
    ['a request that lacks its server', { forward: '5432' }, /add "target"/],
    ['a wrong target', { forward: '1:2', target: 'a;b' }, /"target": A host cannot contain/],
    ['a name that is no text', { forward: '1:2', name: 7 }, /"name" must be a text/],
    ['several at once', 'ssh -L 1:a:1 -D 1080 bastion', /means several forwards: ask for each/],
    ['what it cannot take over', 'ssh -J jump -D 1080 bastion', /^-J jump \(ProxyJump\) cannot be taken over/],
    ['a proxy that lacks its server', '-D 1080', /lacks its SSH server\.$/],
    ['nothing', undefined, /"forward" must be a text/],
    ['null', null, /"forward" must be a text/],
    ['datagrams through a server', 'udp:53:h:53 bastion', /^SSH carries no UDP/],
    ['a number', 5432, /"forward" must be a text/],
  ])('rejects %s, and makes nothing', async (_, request, message) => {
    const world = setup();
    const error: unknown = await world.api.ensureForward(request as string).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'invalid-forward', message: expect.stringMatching(message) as string });
    expect(world.ids()).toEqual([]);
  });

  it('rejects a relay that leads back to itself through another', async () => {
    const world = setup();
    await world.ensure('8080:localhost:9090');
    await expect(world.api.ensureForward('9090:localhost:8080')).rejects.toMatchObject({ code: 'invalid-forward' });
    expect(world.ids()).toHaveLength(1);
  });

  it('leaves no listener on the model', async () => {
    const world = setup();
    const subscribe = vi.fn(world.model.onDidChange);
    let open = 0;
    Object.assign(world.model, {
      onDidChange: (listener: () => void) => {
        const subscription = subscribe(listener);
        open += 1;
        return { dispose: () => { open -= 1; subscription.dispose(); } };
      },
    });
    const [a, b] = [await world.ensure(), await world.ensure('1:2')];
    expect(open).toBe(2);
    world.comeUp(a.id);
    world.say(b.id, { type: 'lost', failure: failure('internal') });
    await Promise.allSettled([a.promise, b.promise]);
    expect(open).toBe(0);
  });
});

describe('the rest of the API', () => {
  it('lists the forwards as they are', () => {
    const world = setup();
    world.model.put(define('a', { name: 'Database' }));
    expect(world.api.forwards).toEqual([{ id: 'a', name: 'Database', kind: 'local', text: TEXT, state: 'stopped', bound: [] }]);
    world.model.start('a');
    world.comeUp('a');
    world.say('a', { type: 'destination', failure: failure('destination-refused', { host: 'db', port: 5432 }) });
    expect(world.api.forwards).toMatchObject([{
      state: 'listening', bound: BOTH_LOOPBACKS.addresses,
      error: { code: 'destination-refused', message: 'db:5432 refused the connection. Is the program there running, and on that port?' },
    }]);
    expect(world.api.apiVersion).toBe(1);
  });

  it('tells of changes, but not of passing bytes, until it is let go', () => {
    const world = setup();
    const listener = vi.fn();
    const subscription = world.api.onDidChangeForwards(listener);
    world.model.put(define('a'));
    world.model.start('a');
    world.comeUp('a');
    const calls = listener.mock.calls.length;
    expect(calls).toBeGreaterThanOrEqual(3);
    world.runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, bytesUp: 1 } });
    expect(listener).toHaveBeenCalledTimes(calls);
    subscription.dispose();
    world.model.stop('a');
    expect(listener).toHaveBeenCalledTimes(calls);
  });

  it('stops a forward and settles when it has stopped', async () => {
    const world = setup();
    world.runner.stopsAtOnce = false;
    world.model.put(define('a'));
    world.model.start('a');
    let isOver = false;
    const stopping = world.api.stop('a').then(() => { isOver = true; });
    await turn();
    expect(isOver).toBe(false);
    world.say('a', { type: 'stopped' });
    await stopping;
    expect(phaseOf(world, 'a')).toBe('stopped');
  });

  it('settles at once where there is nothing to stop', async () => {
    const world = setup();
    await world.api.stop('nobody');
    world.model.put(define('a'));
    await world.api.stop('a');
    expect(world.runner.orders).toEqual([]);
  });

  it('names the connections of a forward that runs, and asks the plane for no other', async () => {
    const world = setup();
    world.model.put(define('a'));
    expect(await world.api.connections('nobody')).toEqual([]);
    expect(await world.api.connections('a')).toEqual([]);
    expect(world.connections).not.toHaveBeenCalled();
    world.model.start('a');
    expect(await world.api.connections('a')).toEqual([{
      id: 1, state: 'closed', origin: { host: '127.0.0.1', port: 64384 }, destination: 'db:5432', openedAt: connectionOf().openedAt, bytesUp: 12_000, bytesDown: 1_400_000, closedAt: 5, closeReason: 'client-ended',
    }]);
  });
});
