import { describe, expect, it } from 'vitest';
import { formatEndpoint, type Endpoint } from '../../../src/core/address.ts';
import { ForwardError } from '../../../src/core/failure.ts';
import type { HealthCheck } from '../../../src/core/healthCheck.ts';
import type { Dialer } from '../../../src/plane/dialer.ts';
import type { End } from '../../../src/plane/end.ts';
import { HealthChecker } from '../../../src/plane/healthChecker.ts';
import { createRoute } from '../../../src/plane/route.ts';
import type { StartForward } from '../../../src/protocol/messages.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';
import { fixed, here } from '../../support/poles.ts';

const HTTP: HealthCheck = { kind: 'http', path: '/health' };
const WEB: Endpoint = { host: 'web', port: 8000 };
const REQUEST = 'GET /health HTTP/1.1\r\nHost: web:8000\r\nUser-Agent: Culvert\r\nAccept: */*\r\nConnection: close\r\n\r\n';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A checker whose dialler gives ends of the test's, or waits, or fails. */
function setup(changes: Partial<StartForward> = {}) {
  const clock = new FakeClock();
  const ends: FakeEnd[] = [];
  const dialled: string[] = [];
  const world = { dial: async (): Promise<End> => { const end = new FakeEnd(); ends.push(end); return end; } };
  const dialer = { dial: async (_origin: Endpoint, destination: Endpoint, signal: AbortSignal) => { dialled.push(formatEndpoint(destination)); return untilAborted(world.dial(), signal); } } as unknown as Dialer;
  const request: StartForward = { id: 'a', generation: 1, listen: here({ host: '127.0.0.1', port: 80 }), connect: fixed(WEB), ...changes };
  const checker = new HealthChecker(clock);
  const way = { request, route: createRoute(request, clock), dialer };
  return { world, clock, ends, dialled, checker, check: (check: HealthCheck = HTTP) => checker.run(way, check) };
}

async function untilAborted(dialling: Promise<End>, signal: AbortSignal): Promise<End> {
  return Promise.race([dialling, new Promise<never>((_resolve, reject) => { signal.addEventListener('abort', () => { reject(signal.reason as Error); }); })]);
}

const never = (): Promise<End> => new Promise(() => undefined);

describe('a check that connects', () => {
  it('passes once the destination takes the connection, and leaves in good order', async () => {
    const { check, ends, clock } = setup();
    const outcome = check({ kind: 'connect' });
    await turn();
    expect(ends[0]?.asked).toEqual(['end']);
    ends[0]?.ends();
    expect(await outcome).toEqual({ kind: 'passed' });
    expect(ends[0]?.asked).toEqual(['end', 'reset']);
    expect(clock.pending).toBe(0);
  });

  it('waits for the goodbye of a destination no longer than 300 ms', async () => {
    const { check, clock } = setup();
    const outcome = check({ kind: 'connect' });
    await turn();
    clock.advance(300);
    expect(await outcome).toEqual({ kind: 'passed' });
  });

  it('tells why there was no connection, as any connection would', async () => {
    const { check, world } = setup();
    world.dial = async () => { throw new ForwardError('destination-refused', 'web:8000: connect ECONNREFUSED', { context: { host: 'web', port: 8000 } }); };
    expect(await check({ kind: 'connect' })).toMatchObject({ kind: 'failed', failure: { code: 'destination-refused', context: { host: 'web' } } });
  });

  it('says that nobody answered when its time is over', async () => {
    const { check, world, clock } = setup();
    world.dial = never;
    const outcome = check({ kind: 'connect', timeoutSeconds: 2 });
    await turn();
    clock.advance(2_000);
    expect(await outcome).toMatchObject({ kind: 'failed', failure: { code: 'destination-unreachable', context: { destination: 'web:8000', reason: 'ETIMEDOUT' } } });
    expect(clock.pending).toBe(0);
  });

  it('knows nothing of the destination when the tunnel breaks', async () => {
    const { check, world, ends } = setup();
    world.dial = async () => { throw new ForwardError('connection-lost', 'there is no SSH connection'); };
    expect(await check()).toEqual({ kind: 'unknown' });
    world.dial = async () => { const end = new FakeEnd(); ends.push(end); return end; };
    const outcome = check();
    await turn();
    ends[0]?.closes('lost');
    expect(await outcome).toEqual({ kind: 'unknown' });
  });
});

describe('a check over HTTP', () => {
  it('asks for the path, takes what comes of the answer, and passes for an expected status', async () => {
    const { check, ends } = setup();
    const outcome = check();
    await turn();
    expect(ends[0]?.asked).toEqual([`write ${REQUEST}`]);
    ends[0]?.says('HTTP/1.1 ');
    ends[0]?.says('204 No Content\r\n');
    await turn();
    ends[0]?.says('Connection: close\r\n\r\n');
    ends[0]?.ends();
    expect(await outcome).toEqual({ kind: 'passed' });
    expect(ends[0]?.asked.slice(1)).toEqual(['end', 'reset']);
  });

  it.each<[HealthCheck, Endpoint, string]>([
    [{ kind: 'http' }, { host: 'web', port: 80 }, 'GET / HTTP/1.1\r\nHost: web\r\n'], [{ kind: 'http', path: '/a?b' }, { host: '::1', port: 8080 }, 'GET /a?b HTTP/1.1\r\nHost: [::1]:8080\r\n'], [{ kind: 'http' }, { path: '/run/a.sock' }, 'GET / HTTP/1.1\r\nHost: localhost\r\n'],
  ])('asks %j of %j as %j', async (asked, destination, begin) => {
    const { check, ends, checker } = setup({ connect: { kind: 'fixed', address: destination } });
    const outcome = check(asked);
    await turn();
    expect(ends[0]?.asked[0]).toContain(`write ${begin}`);
    checker.stop();
    await outcome;
  });

  it.each<[string, string, object]>([
    ['another status', 'HTTP/1.1 503 Service Unavailable\r\n\r\n', { status: 503, expected: '2xx or 3xx' }],
    ['what is no HTTP', 'SSH-2.0-x\u001b[2J\r\n', { said: 'SSH-2.0-x [2J' }],
  ])('fails for %s', async (_, answer, context) => {
    const { check, ends } = setup();
    const outcome = check();
    await turn();
    ends[0]?.says(answer);
    await turn();
    ends[0]?.ends();
    expect(await outcome).toMatchObject({ kind: 'failed', failure: { code: 'destination-unhealthy', context: { ...context, destination: 'web:8000', request: 'GET /health' } } });
  });

  it.each(['HTTP/1.1 503 Service Unavailable\r\n\r\n', 'ECHO GET /health?token=canary HTTP/1.1\r\n', 'GET /health?token=canary', ''])('asks with a query, and tells nobody of it, whatever the answer: %j', async (answer) => {
    const { check, ends } = setup();
    const outcome = check({ kind: 'http', path: '/health?token=canary' });
    await turn();
    expect(ends[0]?.asked[0]).toContain('GET /health?token=canary HTTP/1.1');
    if (answer !== '') ends[0]?.says(answer);
    await turn();
    ends[0]?.ends();
    const told = await outcome;
    expect(told).toMatchObject({ kind: 'failed', failure: { detail: expect.stringContaining('web:8000: GET /health?…: ') as string, context: { request: 'GET /health?…' } } });
    expect(JSON.stringify(told)).not.toContain('canary');
  });

  it.each(['ended', 'reset'] as const)('fails when the connection is %s without an answer', async (how) => {
    const { check, ends } = setup();
    const outcome = check();
    await turn();
    ends[0]?.closes(how);
    expect(await outcome).toMatchObject({ kind: 'failed', failure: { code: 'destination-unhealthy', context: { reason: 'ended' } } });
  });

  it('fails when there is no answer in time, and the time of both is one', async () => {
    const { check, ends, clock } = setup();
    const outcome = check({ kind: 'http', timeoutSeconds: 3 });
    await turn();
    clock.advance(2_999);
    ends[0]?.says('HTTP/1.');
    clock.advance(1);
    expect(await outcome).toMatchObject({ kind: 'failed', failure: { code: 'destination-unhealthy', context: { reason: 'late', timeoutMs: 3_000 } } });
    expect(ends[0]?.asked.at(-1)).toBe('reset');
    expect(clock.pending).toBe(0);
  });

  it('reads no more of a body than 64 KiB', async () => {
    const { check, ends } = setup();
    const outcome = check();
    await turn();
    ends[0]?.says('HTTP/1.1 200 OK\r\n\r\n');
    await turn();
    ends[0]?.receives(Buffer.alloc(70_000));
    expect(await outcome).toEqual({ kind: 'passed' });
    expect(ends[0]?.asked.at(-1)).toBe('reset');
  });
});

describe('a checker', () => {
  it('leaves at once when it is stopped, wherever it is, and knows nothing then', async () => {
    const { check, checker, world, ends, clock } = setup();
    const answering = check();
    await turn();
    checker.stop();
    expect(await answering).toEqual({ kind: 'unknown' });
    expect(ends[0]?.asked.at(-1)).toBe('reset');
    world.dial = never;
    const dialling = check();
    await turn();
    checker.stop();
    expect(await dialling).toEqual({ kind: 'unknown' });
    expect(clock.pending).toBe(0);
  });

  it('ends one check when another begins', async () => {
    const { check, checker, ends } = setup();
    const first = check();
    await turn();
    const second = check();
    expect(await first).toEqual({ kind: 'unknown' });
    await turn();
    ends[1]?.says('HTTP/1.1 200 OK\r\n\r\n');
    await turn();
    ends[1]?.ends();
    expect(await second).toEqual({ kind: 'passed' });
    checker.stop();
  });

  it('asks the first port of a range, and in place of a destination that cannot be reached the next', async () => {
    const range = setup({ listen: { side: 'here', addresses: [{ host: '127.0.0.1', port: 9000 }], portCount: 10 } });
    range.world.dial = never;
    void range.check();
    await turn();
    expect(range.dialled).toEqual(['web:8000']);
    range.checker.stop();
    const several = setup({ connect: { kind: 'fixed', address: WEB, fallbacks: [{ host: 'spare', port: 1 }] } });
    several.world.dial = async () => { throw new ForwardError('destination-refused', 'no'); };
    expect(await several.check()).toMatchObject({ kind: 'failed', failure: { code: 'destination-refused', context: { destination: 'web:8000, spare:1' } } });
    expect(several.dialled).toEqual(['web:8000', 'spare:1']);
  });

  it('tells a destination that wants a PROXY header that nobody has connected', async () => {
    const { check, ends, checker } = setup({ connect: { kind: 'fixed', address: WEB, sendsProxyHeader: true } });
    void check();
    await turn();
    expect(Buffer.from(ends[0]?.asked[0]?.slice('write '.length) ?? '', 'latin1').toString('hex')).toBe('0d0a0d0a000d0a515549540a20000000');
    expect(ends[0]?.asked[1]).toBe(`write ${REQUEST}`);
    checker.stop();
  });
});
