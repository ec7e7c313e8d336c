import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ForwardError, type Failure, type FailureCode } from '../../../src/core/failure.ts';
import { NO_TRAFFIC } from '../../../src/core/forward.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { ForwardModel } from '../../../src/core/forwardModel.ts';
import type { ForwardEvent } from '../../../src/core/forwardState.ts';
import type { SshTarget } from '../../../src/core/sshTarget.ts';
import type { PlaneEvents } from '../../../src/protocol/messages.ts';
import type { RpcEvent } from '../../../src/protocol/rpc.ts';
import type { Preparation } from '../../../src/ui/forwardRunner.ts';
import { asked, fixed, here, onServer } from '../../support/poles.ts';
import { deferred, define, DYNAMIC, FAILOVER, failure, LOCAL, NOW, RANGE, RELAY, REMOTE, REMOTE_DYNAMIC, SOCKETS, UDP } from './samples.ts';
import { MAX_CONNECTIONS, PARKING, QUEUED, setup, TARGET, turn } from './runnerSetup.ts';

const lost = (generation: number, isUnbound = false, given: Failure = failure('connection-lost')): RpcEvent<PlaneEvents> => (
  { name: 'lost', payload: { id: 'a', generation, failure: given, isUnbound } });

describe('a connection of a proxy that did not reach what it asked for', () => {
  it.each<[FailureCode, boolean]>([['destination-refused', false], ['destination-unreachable', false], ['forwarding-prohibited', true]])('is told of the forward for %s: %s', async (code, isTold) => {
    const { host, runner, events } = setup();
    runner.start(define('a', { spec: DYNAMIC }), 1);
    await turn();
    host.events.fire({ name: 'destination', payload: { id: 'a', generation: 1, failure: failure(code, { destination: 'db:5432' }) } });
    const complaint = isTold ? { code, context: { destination: 'db:5432', isProxy: true } } : undefined;
    expect(events).toMatchObject(isTold ? [{ event: { type: 'destination', generation: 1, failure: complaint } }] : []);
  });

  it.each<FailureCode>(['too-many-connections', 'too-much-queued', 'too-many-open-files'])('is told of the forward where there was no room for it, whatever it asked for: %s', async (code) => {
    const { host, runner, events } = setup();
    runner.start(define('a', { spec: DYNAMIC }), 1);
    await turn();
    host.events.fire({ name: 'destination', payload: { id: 'a', generation: 1, failure: failure(code, { limit: 5 }) } });
    expect(events).toMatchObject([{ event: { type: 'destination', failure: { code, context: { limit: 5 } } } }]);
  });

  it('is told of that connection alone where the user\'s own PermitRemoteOpen forbids it', async () => {
    const { host, runner, events } = setup();
    runner.start(define('a', { spec: REMOTE_DYNAMIC }), 1);
    await turn();
    host.events.fire({ name: 'destination', payload: { id: 'a', generation: 1, failure: failure('forwarding-prohibited', { destination: 'db:5432' }) } });
    expect(events).toEqual([]);
  });
});

describe('starting', () => {
  it('asks for leave, finds the server, and tells the plane all that it needs', async () => {
    const order: string[] = [];
    const { host, runner } = setup({
      allowBind: async ({ id }) => { order.push(`allow ${id}`); },
      resolveTarget: async ({ target }) => { order.push(`resolve ${target.host}`); return TARGET; },
    });
    runner.start(define('a'), 7);
    await turn();
    expect(order).toEqual(['allow a', 'resolve bastion']);
    expect(host.requests).toEqual([{
      method: 'start',
      params: { id: 'a', generation: 7, parking: PARKING, maxConnections: MAX_CONNECTIONS, queued: QUEUED, listen: here({ host: '127.0.0.1', port: 5432 }, { host: '::1', port: 5432 }), connect: fixed({ host: 'db', port: 5432 }), target: TARGET },
    }]);
  });

  it('tells the plane what the clients of a proxy must show, and never starts it without', async () => {
    const credentials = { user: 'me', password: 'geheim' };
    const { host, runner, log } = setup({ proxyCredentials: async () => credentials });
    runner.start(define('a', { spec: DYNAMIC, login: 'me' }), 7);
    await turn();
    expect(host.requests).toMatchObject([{ method: 'start', params: { connect: { kind: 'asked', credentials } } }]);
    expect(log.lines.join()).not.toContain('geheim');
    const refusing = setup({ proxyCredentials: async () => { throw new ForwardError('auth-cancelled', 'no password'); } });
    refusing.runner.start(define('a', { spec: DYNAMIC, login: 'me' }), 7);
    await turn();
    expect(refusing.methods()).toEqual([]);
    expect(refusing.events).toMatchObject([{ event: { type: 'lost', failure: { code: 'auth-cancelled' } } }]);
  });

  it.each<[ForwardSpec, unknown, unknown]>([
    [REMOTE, onServer({ host: 'localhost', port: 9000 }), fixed({ host: 'localhost', port: 3000 })],
    [{ ...REMOTE, listen: { host: '*', port: 0 } }, onServer({ host: '*', port: 0 }), fixed({ host: 'localhost', port: 3000 })],
    [{ ...REMOTE, listen: { host: '192.0.2.7', port: 80 } }, onServer({ host: '192.0.2.7', port: 80 }), fixed({ host: 'localhost', port: 3000 })],
    [DYNAMIC, here({ host: '127.0.0.1', port: 1080 }, { host: '::1', port: 1080 }), asked()],
    [REMOTE_DYNAMIC, onServer({ host: 'localhost', port: 9000 }), asked(['db:5432', '*:443'])],
  ])('says on which side it listens and where its connections go: %#', async (spec, listen, connect) => {
    const target = { ...TARGET, permitRemoteOpen: ['db:5432', '*:443'] };
    const { host, runner } = setup({ resolveTarget: async () => target });
    runner.start(define('a', { spec }), 7);
    await turn();
    expect(host.requests).toEqual([{ method: 'start', params: { id: 'a', generation: 7, parking: PARKING, maxConnections: MAX_CONNECTIONS, queued: QUEUED, listen, connect, target } }]);
  });

  it.each<[ForwardSpec, unknown, unknown]>([
    [SOCKETS, { side: 'here-socket', path: join(homedir(), 'a.sock') }, { kind: 'fixed', address: { path: '/run/b.sock' } }],
    [{ ...LOCAL, listen: { path: '~/a/b.sock' }, connect: { path: '/run/c.sock' } }, { side: 'here-socket', path: join(homedir(), 'a/b.sock') }, { kind: 'fixed', address: { path: '/run/c.sock' } }],
    [{ ...LOCAL, listen: { path: String.raw`\\.\pipe\x` } }, { side: 'here-socket', path: String.raw`\\.\pipe\x` }, fixed({ host: 'db', port: 5432 })],
    // The server expands nothing, and what is there is its own.
    [{ ...LOCAL, connect: { path: '~/c.sock' } }, here({ host: '127.0.0.1', port: 5432 }, { host: '::1', port: 5432 }), { kind: 'fixed', address: { path: '~/c.sock' } }],
    [{ ...REMOTE, listen: { path: '/run/a.sock' }, connect: { path: '~/b.sock' } }, { side: 'server', address: { path: '/run/a.sock' } }, { kind: 'fixed', address: { path: join(homedir(), 'b.sock') } }],
    [UDP, { side: 'here-udp', addresses: [{ host: '127.0.0.1', port: 5353 }, { host: '::1', port: 5353 }] }, fixed({ host: '10.0.0.2', port: 53 })],
    [RANGE, { side: 'here', addresses: [{ host: '127.0.0.1', port: 8000 }, { host: '::1', port: 8000 }], portCount: 11 }, fixed({ host: 'far', port: 9000 })],
    [{ ...REMOTE, portCount: 2 }, { side: 'server', address: { host: 'localhost', port: 9000 }, portCount: 2 }, fixed({ host: 'localhost', port: 3000 })],
    [{ ...FAILOVER, fallbacks: [{ host: 'db2', port: 5433 }, { path: '~/db.sock' }] }, here({ host: '127.0.0.1', port: 5432 }, { host: '::1', port: 5432 }),
      { kind: 'fixed', address: { host: 'db1', port: 5432 }, fallbacks: [{ host: 'db2', port: 5433 }, { path: join(homedir(), 'db.sock') }] }],
    [{ ...RELAY, sendsProxyHeader: true }, here({ host: '127.0.0.1', port: 8080 }, { host: '::1', port: 8080 }), { kind: 'fixed', address: { host: 'far', port: 80 }, sendsProxyHeader: true }],
  ])('spells out sockets, datagrams, ranges and further destinations: %#', async (spec, listen, connect) => {
    const { host, runner } = setup();
    runner.start(define('a', { spec }), 7);
    await turn();
    expect(host.requests).toEqual([{ method: 'start', params: { id: 'a', generation: 7, parking: PARKING, maxConnections: MAX_CONNECTIONS, queued: QUEUED, listen, connect, ...('target' in spec ? { target: TARGET } : {}) } }]);
  });

  it('needs no server for a relay', async () => {
    const { host, runner } = setup({ resolveTarget: () => Promise.reject(new Error('asked')) });
    runner.start(define('a', { spec: { ...RELAY, listen: { host: '*', port: 80 } } }), 1);
    await turn();
    expect(host.requests).toEqual([{
      method: 'start', params: { id: 'a', generation: 1, parking: PARKING, maxConnections: MAX_CONNECTIONS, queued: QUEUED, listen: here({ host: '0.0.0.0', port: 80 }, { host: '::', port: 80 }), connect: fixed({ host: 'far', port: 80 }) },
    }]);
  });

  it.each<[string, Partial<Preparation>, string]>([
    ['the user', { allowBind: () => Promise.reject(new ForwardError('bind-not-allowed', 'no')) }, 'bind-not-allowed'],
    ['ssh_config', { resolveTarget: () => Promise.reject(new ForwardError('config-invalid', 'no')) }, 'config-invalid'],
    ['a bug', { resolveTarget: () => { throw new TypeError('oops'); } }, 'internal'],
  ])('ends when %s refuses, before anything reaches the plane', async (_, preparation, code) => {
    const { runner, events, methods } = setup(preparation);
    runner.start(define('a'), 3);
    await turn();
    expect(methods()).toEqual([]);
    expect(events).toMatchObject([{ id: 'a', event: { type: 'lost', generation: 3, at: NOW, failure: { code }, isUnbound: false } }]);
  });

  it('ends when the plane does not take the order', async () => {
    const { host, runner, events } = setup();
    host.answer = () => Promise.reject(new ForwardError('plane-crashed', 'gone'));
    runner.start(define('a'), 1);
    await turn();
    expect(events).toMatchObject([{ event: { type: 'lost', failure: { code: 'plane-crashed' } } }]);
  });

  it('tells of a failure even when nobody can explain it further', async () => {
    const { host, runner, events } = setup({ explain: () => Promise.reject(new Error('explaining failed')) });
    runner.start(define('a'), 1);
    await turn();
    host.events.fire(lost(1));
    await turn();
    expect(events).toMatchObject([{ event: { type: 'lost', failure: { code: 'connection-lost' } } }]);
  });

  it('adds what this machine can tell', async () => {
    const { host, runner, events } = setup({ explain: async (given) => ({ ...given, context: { freePort: 5433 } }) });
    runner.start(define('a'), 1);
    await turn();
    host.events.fire(lost(1, true, failure('address-in-use', {}, 'taken')));
    await turn();
    expect(events).toMatchObject([{ event: { failure: { code: 'address-in-use', context: { freePort: 5433 } }, isUnbound: true } }]);
  });
});

describe('stopping', () => {
  it('while the server is being looked up aborts that, and starts nothing', async () => {
    const resolved = deferred<SshTarget>();
    let seen: AbortSignal | undefined;
    const { runner, types, methods } = setup({ resolveTarget: (_, signal) => { seen = signal; return resolved.promise; } });
    runner.start(define('a'), 1);
    await turn();
    runner.stop('a', 1);
    expect(seen?.aborted).toBe(true);
    expect(types()).toEqual(['a stopped 1']);
    resolved.resolve(TARGET);
    await turn();
    expect(methods()).toEqual([]);
    expect(types()).toEqual(['a stopped 1']);
  });

  it('while a question is on the screen says nothing of its failing later', async () => {
    const asked = deferred<undefined>();
    const { runner, types } = setup({ allowBind: () => asked.promise });
    runner.start(define('a'), 1);
    await turn();
    runner.stop('a', 1);
    asked.reject(new ForwardError('bind-not-allowed', 'no'));
    await turn();
    expect(types()).toEqual(['a stopped 1']);
  });

  it('is over when the plane says so', async () => {
    const { host, runner, types } = setup();
    runner.start(define('a'), 1);
    await turn();
    const stopped = deferred<undefined>();
    host.answer = () => stopped.promise;
    runner.stop('a', 1);
    await turn();
    expect(host.requests.at(-1)).toEqual({ method: 'stop', params: { id: 'a' } });
    expect(types()).toEqual([]);
    stopped.resolve(undefined);
    await turn();
    expect(types()).toEqual(['a stopped 1']);
  });

  it('is over when the worker dies over it', async () => {
    const { host, runner, types, log } = setup();
    runner.start(define('a'), 1);
    await turn();
    host.answer = () => Promise.reject(new ForwardError('plane-crashed', 'gone'));
    runner.stop('a', 1);
    await turn();
    expect(types()).toEqual(['a stopped 1']);
    expect(log.lines).toEqual(['warn Stopping: gone']);
  });

  it('wakes no worker', () => {
    const { runner, types, methods } = setup();
    runner.stop('a', 4);
    expect(types()).toEqual(['a stopped 4']);
    expect(methods()).toEqual([]);
  });

  it('keeps the explanation of an earlier failure to itself', async () => {
    const explained = deferred<Failure>();
    const { host, runner, types } = setup({ explain: () => explained.promise });
    runner.start(define('a'), 1);
    await turn();
    host.events.fire(lost(1));
    runner.stop('a', 1);
    explained.resolve(failure('connection-lost'));
    await turn();
    expect(types()).toEqual(['a stopped 1']);
  });
});

describe('runs that follow one another', () => {
  it('end each other: the earlier one neither starts nor speaks', async () => {
    const targets = [deferred<SshTarget>(), deferred<SshTarget>()];
    let calls = 0;
    const { host, runner, types } = setup({ resolveTarget: () => targets[calls++]!.promise });
    runner.start(define('a'), 1);
    await turn();
    runner.start(define('a'), 2);
    await turn();
    targets[0]!.reject(new ForwardError('config-invalid', 'no'));
    targets[1]!.resolve(TARGET);
    await turn();
    expect(types()).toEqual([]);
    expect(host.requests).toMatchObject([{ method: 'start', params: { generation: 2 } }]);
  });

  it('do not mix: a loss of an earlier run, or of a forward that is gone, is dropped', async () => {
    const { host, runner, types } = setup();
    host.events.fire(lost(1));
    runner.start(define('a'), 2);
    await turn();
    host.events.fire(lost(1));
    await turn();
    expect(types()).toEqual([]);
  });
});

describe('the plane\'s events', () => {
  it('become the model\'s, each with its run and its time', async () => {
    const { host, runner, events, log } = setup();
    runner.start(define('a'), 1);
    await turn();
    const bound = { addresses: [{ host: '127.0.0.1', port: 1 }] };
    const complaint = failure('destination-refused');
    host.events.fire({ name: 'progress', payload: { id: 'a', generation: 1, progress: { step: 'handshake', host: 'jump' } } });
    host.events.fire({ name: 'bound', payload: { id: 'a', generation: 1, bound } });
    host.events.fire({ name: 'up', payload: { id: 'a', generation: 1 } });
    host.events.fire({ name: 'destination', payload: { id: 'a', generation: 1, failure: complaint } });
    host.events.fire({ name: 'destination', payload: { id: 'a', generation: 1 } });
    host.events.fire({ name: 'loggedIn', payload: { hop: 'h', user: 'me', host: 'h', port: 22 } });
    host.events.fire({ name: 'log', payload: { level: 'debug', text: 'hello' } });
    host.events.fire({ name: 'log', payload: { level: 'warn', text: 'of a', id: 'a' } });
    host.events.fire({ name: 'log', payload: { level: 'warn', text: 'of one that is gone', id: 'gone' } });
    expect(events.map(({ event }) => event)).toMatchObject([
      { type: 'progress', generation: 1, progress: { step: 'handshake', host: 'jump' } },
      { type: 'bound', generation: 1, bound },
      { type: 'up', generation: 1, at: NOW },
      { type: 'destination', generation: 1, at: NOW, failure: complaint },
      { type: 'destination', generation: 1, failure: undefined },
    ] satisfies Partial<ForwardEvent>[]);
    expect(log.lines).toEqual(['debug hello', 'warn 5432:db:5432 me@bastion: of a', 'warn of one that is gone']);
  });

  it('of traffic go their own way', () => {
    const { host, runner } = setup();
    const seen: unknown[] = [];
    runner.onTraffic((traffic) => seen.push(traffic));
    host.events.fire({ name: 'traffic', payload: { id: 'a', traffic: NO_TRAFFIC } });
    expect(seen).toEqual([{ id: 'a', traffic: NO_TRAFFIC }]);
  });

  it('are not heard after dispose', async () => {
    const { host, runner, types, methods } = setup();
    runner.start(define('a'), 1);
    runner.dispose();
    await turn();
    host.events.fire(lost(1));
    host.crash();
    await turn();
    expect(types()).toEqual([]);
    expect(methods()).toEqual([]);
  });
});

describe('a forward on demand', () => {
  it('is one for the plane, and may let its connections finish when it stops', async () => {
    const { host, runner, types } = setup();
    runner.start(define('a', { isOnDemand: true }), 1);
    await turn();
    for (const name of ['idle', 'waking'] as const) host.events.fire({ name, payload: { id: 'a', generation: 1 } });
    runner.stop('a', 1, 60_000);
    await turn();
    expect(host.requests).toMatchObject([{ params: { onDemand: { idleMs: 300_000 } } }, { method: 'stop', params: { id: 'a', drainMs: 60_000 } }]);
    expect(types()).toEqual(['a idle 1', 'a waking 1', 'a stopped 1']);
  });
});

describe('a worker that dies', () => {
  it('takes every forward with it, those that were stopped apart', async () => {
    const { host, runner, events } = setup();
    runner.start(define('a'), 1);
    runner.start(define('b'), 2);
    runner.start(define('c'), 3);
    await turn();
    runner.stop('c', 3);
    await turn();
    events.length = 0;
    host.crash();
    expect(events).toMatchObject(['a', 'b'].map((id, index) => (
      { id, event: { type: 'lost', generation: index + 1, at: NOW, failure: { code: 'plane-crashed' }, isUnbound: true } })));
  });

  it('is told again that somebody watches, before anything else', async () => {
    const { host, runner, methods } = setup();
    runner.setWatching(true);
    expect(methods()).toEqual([]);
    runner.start(define('a'), 1);
    await turn();
    expect(methods()).toEqual(['watch', 'start']);
    host.crash();
    runner.start(define('a'), 2);
    await turn();
    expect(methods().slice(2)).toEqual(['watch', 'start']);
    expect(host.requests[2]).toEqual({ method: 'watch', params: { isWatching: true } });
    runner.setWatching(true);
    runner.setWatching(false);
    expect(host.requests.slice(4)).toEqual([{ method: 'watch', params: { isWatching: false } }]);
    host.crash();
    runner.start(define('a'), 3);
    await turn();
    expect(methods().slice(5)).toEqual(['start']);
  });

  it('goes on counting while anybody watches, here or in another window', async () => {
    const { host, runner } = setup();
    runner.start(define('a'), 1);
    await turn();
    for (const [isIt, who] of [[true, 'other-windows'], [true, 'view'], [false, 'view'], [false, 'other-windows']] as const) runner.setWatching(isIt, who);
    expect(host.requests.slice(1)).toEqual([true, false].map((isWatching) => ({ method: 'watch', params: { isWatching } })));
  });

  it('and comes back: the forwards that were up run again, under the model, and the others do not', async () => {
    const { host, runner, clock } = setup();
    const model = new ForwardModel(runner, clock, () => 0);
    for (const id of ['up', 'starting', 'stopped']) model.put(define(id));
    model.start('up');
    model.start('starting');
    await turn();
    const generation = (id: string): number => { const { state } = model.get(id)!; return 'generation' in state ? state.generation : 0; };
    host.events.fire({ name: 'bound', payload: { id: 'up', generation: generation('up'), bound: { addresses: [{ host: '127.0.0.1', port: 5432 }] } } });
    host.events.fire({ name: 'up', payload: { id: 'up', generation: generation('up') } });
    host.crash();
    const phases = (): string[] => model.forwards.map(({ state }) => state.phase);
    expect(phases()).toEqual(['retrying', 'failed', 'stopped']);
    host.requests.length = 0;
    clock.advance(clock.nextInMs ?? 0);
    await turn();
    expect(phases()).toEqual(['starting', 'failed', 'stopped']);
    expect(host.requests).toMatchObject([{ method: 'start', params: { id: 'up', generation: generation('up') } }]);
    model.dispose();
  });
});
