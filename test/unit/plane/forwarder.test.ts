import { beforeEach, describe, expect, it } from 'vitest';
import { ForwardError } from '../../../src/core/failure.ts';
import type { Bound } from '../../../src/core/forwardState.ts';
import { SilentCaller } from '../../../src/plane/caller.ts';
import type { Dialer } from '../../../src/plane/dialer.ts';
import { Forwarder } from '../../../src/plane/forwarder.ts';
import type { Arrival, Listener } from '../../../src/plane/listener.ts';
import type { StartForward } from '../../../src/protocol/messages.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';

const REQUEST: StartForward = {
  id: 'db', generation: 1, listen: { side: 'here', addresses: [{ host: '127.0.0.1', port: 8000 }], portCount: 3 },
  connect: { kind: 'fixed', address: { host: 'db', port: 9000 } },
};

describe('a forwarder', () => {
  let told: { readonly name: string; readonly payload: object }[];
  let arrive: (arrival: Arrival) => void;
  let bind: PromiseWithResolvers;
  let dialer: Dialer;
  let dialled: object[];
  let farEnds: FakeEnd[];
  let totalQueuedBytes: number;
  let clock: FakeClock;
  let forwarder: Forwarder;

  interface PromiseWithResolvers { readonly promise: Promise<Bound>; readonly resolve: (bound: Bound) => void; readonly reject: (error: Error) => void }

  beforeEach(() => {
    told = [];
    dialled = [];
    farEnds = [];
    totalQueuedBytes = 0;
    clock = new FakeClock();
    let [resolve, reject]: [PromiseWithResolvers['resolve'], PromiseWithResolvers['reject']] = [() => undefined, () => undefined];
    const promise = new Promise<Bound>((...settle) => { [resolve, reject] = settle; });
    bind = { promise, resolve, reject };
    const listener: Listener = { isLasting: true, open: () => bind.promise, onLost: undefined, endRun: async () => undefined, stopAccepting: () => undefined, close: async () => undefined };
    dialer = {
      open: async () => undefined,
      dial: async (_origin, destination) => {
        dialled.push(destination);
        const end = new FakeEnd();
        farEnds.push(end);
        return end;
      },
      onLost: undefined,
      close: async () => undefined,
    };
    const control = { emit: (name: string, payload: object) => told.push({ name, payload }), request: () => Promise.reject(new Error('nobody asks')) };
    forwarder = new Forwarder(REQUEST, { control, clock }, {
      createListener: (_request, onArrival) => {
        arrive = onArrival;
        return listener;
      },
      createCaller: (_request, arrival, onGone) => new SilentCaller(arrival, onGone),
      createDialer: () => dialer,
      totalQueuedBytes: () => totalQueuedBytes,
    });
    forwarder.start(REQUEST, Promise.resolve());
  });

  function arrival(port: number): { arrival: Arrival; refused: () => boolean } {
    let isRefused = false;
    return {
      arrival: { origin: { host: '127.0.0.1', port: 50_000 }, accepted: { host: '127.0.0.1', port }, open: () => new FakeEnd(), refuse: () => { isRefused = true; } },
      refused: () => isRefused,
    };
  }

  async function turns(): Promise<void> {
    for (let count = 0; count < 20; count += 1) await Promise.resolve();
  }

  it('turns away who came in through one port of a range of which another cannot be had', async () => {
    const early = arrival(8000);
    arrive(early.arrival);
    await turns();
    expect(forwarder.connections()).toMatchObject([{ phase: 'parked' }]);
    bind.reject(new ForwardError('address-in-use', '127.0.0.1:8002: taken'));
    await turns();
    expect(early.refused()).toBe(true);
    expect(forwarder.connections()).toMatchObject([{ phase: 'closed' }]);
    expect(told.at(-1)).toMatchObject({ name: 'lost', payload: { isUnbound: true, failure: { code: 'address-in-use' } } });
  });

  it('leads the nth port of a range to the nth', async () => {
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    await turns();
    for (const port of [8002, 8000]) arrive(arrival(port).arrival);
    await turns();
    expect(dialled).toEqual([{ host: 'db', port: 9002 }, { host: 'db', port: 9000 }]);
    expect(forwarder.connections().map(({ destination }) => destination)).toEqual(['db:9002', 'db:9000']);
  });

  it('turns away who comes when as many are connected as may be, says so once a minute, and goes on when one has ended', async () => {
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    forwarder.start({ ...REQUEST, generation: 2, maxConnections: 2 }, Promise.resolve());
    await turns();
    const ends = [new FakeEnd(), new FakeEnd(), new FakeEnd()];
    for (const end of ends.slice(0, 2)) arrive({ ...arrival(8000).arrival, open: () => end });
    const late = [arrival(8000), arrival(8000)];
    for (const { arrival: one } of late) arrive(one);
    await turns();
    expect(late.map(({ refused }) => refused())).toEqual([true, true]);
    expect(forwarder.connections().map(({ phase, closeReason }) => closeReason ?? phase)).toEqual(['established', 'established', 'too-many-connections', 'too-many-connections']);
    const lines = (): string[] => told.filter(({ name }) => name === 'log').map(({ payload }) => (payload as { text: string }).text);
    const complaints = (): unknown[] => told.filter(({ name }) => name === 'destination').map(({ payload }) => (payload as { failure?: { code: string } }).failure?.code);
    expect(lines()).toEqual(['127.0.0.1:8000: 2 connections are open, and no more are accepted']);
    // Those two that were being dialled got in afterwards, which takes nothing back.
    expect(complaints()).toEqual(['too-many-connections']);
    clock.advance(60_000);
    arrive(arrival(8000).arrival);
    expect(lines()).toHaveLength(2);
    for (const end of [ends[0]!, farEnds[0]!]) end.closes('reset');
    arrive({ ...arrival(8000).arrival, open: () => ends[2]! });
    await turns();
    expect(dialled).toHaveLength(3);
    expect(lines()).toHaveLength(2);
    // Full again, so the row still says so.
    expect(complaints().at(-1)).toBe('too-many-connections');
  });

  it('turns away who comes while as much waits in memory as may, on its SSH connection or in all', async () => {
    const queued = { perServerMaxBytes: 1_000, totalMaxBytes: 2_000 };
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    forwarder.start({ ...REQUEST, generation: 2, queued }, Promise.resolve());
    await turns();
    const come = async (serverBytes: number, totalBytes: number): Promise<string | undefined> => {
      Object.assign(dialer, { queuedBytes: serverBytes });
      totalQueuedBytes = totalBytes;
      const before = dialled.length;
      arrive(arrival(8000).arrival);
      await turns();
      return dialled.length > before ? undefined : forwarder.connections().at(-1)?.closeReason;
    };
    expect(await come(999, 1_999)).toBeUndefined();
    expect(forwarder.queuedBytes).toBe(0);
    farEnds[0]!.queuedBytes = 5;
    expect(forwarder.queuedBytes).toBe(5);
    expect(await come(1_000, 1_999)).toBe('too-much-queued');
    expect(told.at(-1)).toMatchObject({ name: 'destination', payload: { failure: { code: 'too-much-queued', context: { limit: 1_000, isOfServer: true } } } });
    expect(await come(0, 2_000)).toBe('too-much-queued');
    expect(await come(0, 0)).toBeUndefined();
    expect(told.at(-1)).toEqual({ name: 'destination', payload: { id: 'db', generation: 2 } });
    forwarder.start({ ...REQUEST, generation: 3, listen: { side: 'here-udp', addresses: [] }, queued }, Promise.resolve());
    await turns();
    expect(await come(9_999, 9_999)).toBeUndefined();
  });

  it('takes a destination for reached when it was dialled, and of datagrams only when it answered', async () => {
    Object.assign(dialer, { isProvedByAnswers: true });
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    await turns();
    dialer.onDestination?.(new ForwardError('destination-refused', 'db:9000: nobody'));
    arrive(arrival(8000).arrival);
    await turns();
    const destinations = (): readonly object[] => told.filter(({ name }) => name === 'destination').map(({ payload }) => payload);
    expect(destinations()).toMatchObject([{ generation: 1, failure: { code: 'destination-refused' } }]);
    dialer.onDestination?.(undefined);
    expect(destinations()).toHaveLength(2);
    expect(destinations()[1]).not.toHaveProperty('failure');
  });

  it('lets nobody wait for a tunnel once it stops after its connections', async () => {
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    await turns();
    let fail: (error: Error) => void = () => undefined;
    dialer.dial = () => new Promise((_resolve, reject) => { fail = reject; });
    const dialling = arrival(8000);
    arrive(dialling.arrival);
    await turns();
    let isDrained = false;
    void forwarder.drain(60_000).then(() => { isDrained = true; });
    fail(new ForwardError('connection-lost', 'the SSH connection is gone'));
    await turns();
    expect(dialling.refused()).toBe(true);
    expect(isDrained).toBe(true);
  });

  it('wakes for one that may not wait, so that the next one need not', async () => {
    forwarder.start({ ...REQUEST, generation: 2, onDemand: { idleMs: 1_000 }, parking: { maxCount: 0, maxMs: 30_000 } }, Promise.resolve());
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    await turns();
    const [first, second] = [arrival(8000), arrival(8000)];
    arrive(first.arrival);
    await turns();
    expect(first.refused()).toBe(true);
    expect(told.map(({ name }) => name)).toEqual(['bound', 'idle', 'waking', 'up']);
    arrive(second.arrival);
    await turns();
    expect(second.refused()).toBe(false);
  });

  it('tells that somebody waits for the next run, once, and of who came during the last one when that is over', async () => {
    const wanted = (): number => told.filter(({ name }) => name === 'wanted').length;
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    await turns();
    dialer.onLost?.(new ForwardError('connection-lost', 'gone'));
    expect(wanted()).toBe(0);
    for (let count = 0; count < 3; count += 1) arrive(arrival(8000).arrival);
    await turns();
    expect(wanted()).toBe(1);
    expect(told.at(-1)).toEqual({ name: 'wanted', payload: { id: 'db', generation: 1 } });
    let fail: (error: Error) => void = () => undefined;
    dialer.open = () => new Promise((_resolve, reject) => { fail = reject; });
    forwarder.start({ ...REQUEST, generation: 2 }, Promise.resolve());
    await turns();
    arrive(arrival(8000).arrival);
    await turns();
    expect(wanted()).toBe(1);
    fail(new ForwardError('host-unreachable', 'still away'));
    await turns();
    expect(told.slice(-2)).toMatchObject([{ name: 'lost', payload: { generation: 2 } }, { name: 'wanted', payload: { generation: 2 } }]);
  });

  it('tells that its destination is reached the first time, and then every 10 s at most', async () => {
    bind.resolve({ addresses: [{ host: '127.0.0.1', port: 8000 }] });
    await turns();
    const destinations = (): readonly object[] => told.filter(({ name }) => name === 'destination').map(({ payload }) => payload);
    const come = async (): Promise<void> => {
      arrive(arrival(8000).arrival);
      await turns();
    };
    for (let count = 0; count < 3; count += 1) await come();
    expect(destinations()).toEqual([{ id: 'db', generation: 1 }]);
    clock.advance(9_999);
    await come();
    expect(destinations()).toHaveLength(1);
    clock.advance(1);
    await come();
    expect(destinations()).toHaveLength(2);
    dialer.dial = async () => { throw new ForwardError('destination-refused', 'db:9000: nobody'); };
    await come();
    expect(destinations().at(-1)).toMatchObject({ failure: { code: 'destination-refused' } });
  });
});
