import { createServer, type RequestListener } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { formatForward } from '../../src/core/forwardText.ts';
import type { CheckOutcome, HealthCheck } from '../../src/core/healthCheck.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort, findFreeRange } from '../support/freePort.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { Route } from '../support/planeRoutes.ts';
import { fixed, here } from '../support/poles.ts';
import { dial, outcomeOfDialling, readAll, serve } from '../support/tcpPeers.ts';

const HTTP: HealthCheck = { kind: 'http', path: '/health' };
const CONNECT: HealthCheck = { kind: 'connect' };
const KINDS = ['relay', 'local', 'remote', 'socket relay', 'socket local', 'socket remote'] as const;
const ANY_PORT = { host: '127.0.0.1', port: 0 };

/** Undone in the reverse order. */
let cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  const actions = cleanUps.reverse();
  cleanUps = [];
  for (const action of actions) await action();
});

function owned<T extends { close(): Promise<unknown> }>(thing: T): T {
  cleanUps.push(() => thing.close());
  return thing;
}

async function openRoute(...parameters: Parameters<typeof Route.open>): Promise<Route> {
  return owned(await Route.open(...parameters));
}

/** What a real web server does with a connection. */
function web(handle: RequestListener): (socket: NodeJS.EventEmitter) => void {
  const server = createServer(handle);
  return (socket) => { server.emit('connection', socket); };
}

function check({ id, generation }: StartedForward, plane: PlaneClient, asked: HealthCheck): Promise<CheckOutcome> {
  return plane.request('check', { id, generation, check: asked });
}

describe.each(KINDS)('a health check of a %s', (kind) => {
  it('looks at the status of a real web server\'s answer, follows no redirect, and is no connection of the forward', async () => {
    const route = await openRoute(kind);
    const requests: string[] = [];
    let status = 200;
    const server = owned(await route.serve(web(({ method, url, headers }, response) => {
      requests.push(`${method ?? ''} ${url ?? ''} ${headers.connection ?? ''}`);
      response.writeHead(status, { location: '/elsewhere' }).end('x'.repeat(200_000));
    })));
    const { plane } = route;
    const { forward } = await route.forward(server, { maxConnections: 1 });
    expect(await check(forward, plane, HTTP)).toEqual({ kind: 'passed' });
    status = 302;
    expect(await check(forward, plane, HTTP)).toEqual({ kind: 'passed' });
    expect(await check(forward, plane, { ...HTTP, status: 200 })).toMatchObject({ kind: 'failed', failure: { code: 'destination-unhealthy', context: { status: 302, expected: '200' } } });
    status = 503;
    expect(await check(forward, plane, HTTP)).toMatchObject({ kind: 'failed', failure: { code: 'destination-unhealthy', context: { status: 503 } } });
    expect(await check(forward, plane, CONNECT)).toEqual({ kind: 'passed' });
    expect(requests).toEqual(Array.from({ length: 4 }, () => 'GET /health close'));
    expect(await plane.connections(forward)).toEqual([]);
    await eventually(() => server.sockets.size === 0);
  });

  it('goes on while the forward is full, and leaves its clients alone', async () => {
    const route = await openRoute(kind);
    const server = owned(await route.serve((socket) => { socket.pipe(socket); }));
    const { plane } = route;
    const { forward, dial: connect } = await route.forward(server, { maxConnections: 1 });
    const client = await connect();
    await eventually(async () => (await plane.connections(forward))[0]?.phase === 'established');
    expect(await check(forward, plane, CONNECT)).toEqual({ kind: 'passed' });
    // What echoes says the request itself.
    expect(await check(forward, plane, HTTP)).toMatchObject({ failure: { code: 'destination-unhealthy', context: { said: expect.stringMatching(/^GET \/health/) as string } } });
    expect(await plane.connections(forward)).toHaveLength(1);
    client.end('still here');
    expect((await readAll(client)).toString()).toBe('still here');
  });

  it('that waits for an answer goes with the forward at once, and nothing is left of it', async () => {
    const route = await openRoute(kind);
    const server = owned(await route.serve((socket) => { socket.resume().on('end', () => socket.end()); }));
    const { plane } = route;
    const { forward } = await route.forward(server);
    const outcome = check(forward, plane, { ...HTTP, timeoutSeconds: 300, intervalSeconds: 300 });
    await eventually(() => server.sockets.size === 1);
    await plane.stop(forward);
    expect(await outcome).toEqual({ kind: 'unknown' });
    await eventually(() => server.sockets.size === 0);
    expect(await check(forward, plane, HTTP)).toEqual({ kind: 'unknown' });
    expect(server.accepted()).toBe(1);
  });
});

describe.each(['relay', 'local', 'remote'] as const)('a health check of a %s tells apart', (kind) => {
  it('a destination that refuses, one that hangs up and one that says nothing', async () => {
    const route = await openRoute(kind);
    const { plane } = route;
    const nobody = await route.forward({ host: '127.0.0.1', port: await findFreePort() });
    for (const asked of [CONNECT, HTTP]) expect(await check(nobody.forward, plane, asked)).toMatchObject({ kind: 'failed', failure: { code: 'destination-refused' } });
    const closing = await route.forward(owned(await serve((socket) => { socket.resume().end(); })));
    expect(await check(closing.forward, plane, HTTP)).toMatchObject({ failure: { code: 'destination-unhealthy', context: { reason: 'ended' } } });
    const silent = await route.forward(owned(await serve((socket) => { socket.resume().on('end', () => socket.end()); })));
    expect(await check(silent.forward, plane, { ...HTTP, timeoutSeconds: 3 })).toMatchObject({ failure: { code: 'destination-unhealthy', context: { reason: 'late' } } });
    expect(plane.payloads('destination')).toEqual([]);
  });

  it.runIf(canCreateNetworkNamespace())('a black hole, when its time is over', async () => {
    const namespace = await NetworkNamespace.create();
    cleanUps.push(() => namespace.remove());
    await namespace.exec('nft', 'add table ip hole; add chain ip hole input { type filter hook input priority 0; policy drop; }');
    const route = await openRoute(kind);
    const { forward } = await route.forward({ host: namespace.thereAddress, port: 80 });
    expect(await check(forward, route.plane, { ...CONNECT, timeoutSeconds: 0.5 })).toMatchObject({ failure: { code: 'destination-unreachable', context: { reason: 'ETIMEDOUT' } } });
  });
});

describe('what a health check has found', () => {
  it('is taken back by a client that gets through, and takes back what a client has met', async () => {
    const route = await openRoute('relay');
    const { plane } = route;
    const port = await findFreePort();
    const { forward, port: own } = await route.forward({ host: '127.0.0.1', port });
    const told = (): (string | undefined)[] => plane.of('destination', forward).map(({ failure }) => failure?.code);
    expect(await check(forward, plane, CONNECT)).toMatchObject({ failure: { code: 'destination-refused' } });
    const server = await serve((socket) => { socket.resume().end(); }, port);
    await readAll(await dial(own));
    await plane.until(() => told().length === 1);
    await server.close();
    await outcomeOfDialling(own);
    await plane.until(() => told().length === 2);
    const again = await serve((socket) => { socket.resume().end(); }, port);
    expect(await check(forward, plane, CONNECT)).toEqual({ kind: 'passed' });
    await again.close();
    // Within the second in which the same is not told twice.
    await outcomeOfDialling(own);
    await plane.until(() => told().length === 3);
    expect(told()).toEqual([undefined, 'destination-refused', 'destination-refused']);
  });
});

describe('a health check through SSH', () => {
  it('says that the server forbids it', async () => {
    const route = await openRoute('local', ['AllowTcpForwarding no']);
    const { forward } = await route.forward({ host: '127.0.0.1', port: 80 });
    expect(await check(forward, route.plane, HTTP)).toMatchObject({ kind: 'failed', failure: { code: 'forwarding-prohibited' } });
  });

  it('asks the first port of a range', async () => {
    const route = await openRoute('local');
    const first = await findFreeRange(3);
    owned(await serve(web((_request, response) => { response.end('well'); }), first));
    const forward = await route.plane.begin({
      listen: { side: 'here', addresses: [{ host: '127.0.0.1', port: await findFreeRange(3) }], portCount: 3 }, connect: fixed({ host: '127.0.0.1', port: first }), target: route.target!,
    });
    await route.plane.untilUp(forward);
    expect(await check(forward, route.plane, HTTP)).toEqual({ kind: 'passed' });
  });

  it('opens no tunnel on demand, and keeps none open', async () => {
    const route = await openRoute('local');
    const { plane } = route;
    const server = owned(await serve((socket) => { socket.resume().on('end', () => socket.end()); }));
    const forward = await plane.begin({ listen: here(ANY_PORT), connect: fixed(server), target: route.target!, onDemand: { idleMs: 2_000 } });
    await plane.until(() => plane.of('idle', forward).length === 1);
    expect(await check(forward, plane, CONNECT)).toEqual({ kind: 'unknown' });
    expect(route.sshd.logText()).not.toContain('Connection from');
    const client = await dial(plane.boundOf(forward).addresses[0]!.port);
    await plane.untilUp(forward);
    client.end();
    await readAll(client);
    const outcome = check(forward, plane, { ...HTTP, timeoutSeconds: 300, intervalSeconds: 300 });
    await plane.until(() => plane.of('idle', forward).length === 2);
    expect(await outcome).toEqual({ kind: 'unknown' });
    await eventually(() => server.sockets.size === 0);
    expect(plane.of('waking', forward)).toHaveLength(1);
  });
});

describe('a forward whose health is checked in the background', () => {
  it('complains when its destination fails, though clients get through, and is proved again when it is well', async () => {
    const lines: string[] = [];
    const control = owned(await ControlSide.start({ answers: {}, target: () => { throw new Error('no target'); }, log: { write: (level, text) => { lines.push(`${level} ${text}`); } } }));
    let status = 200;
    const server = owned(await serve(web((_request, response) => { response.writeHead(status).end('well'); })));
    const spec = { kind: 'relay', listen: ANY_PORT, connect: { host: server.host, port: server.port } } as const;
    const port = await control.forward('a', server, { spec, healthCheck: { ...HTTP, path: '/health?token=canary', intervalSeconds: 0.05 } });
    const complaint = (): string | undefined => {
      const state = control.stateOf('a');
      return state?.phase === 'listening' ? state.complaint?.failure.code : state?.phase;
    };
    await eventually(() => control.model.get('a')?.provedAt);
    status = 503;
    await eventually(() => complaint() === 'destination-unhealthy');
    const client = await dial(port);
    client.end('GET / HTTP/1.0\r\n\r\n');
    expect((await readAll(client)).toString()).toContain('503');
    expect(complaint()).toBe('destination-unhealthy');
    status = 200;
    await eventually(() => complaint() === undefined);
    const before = control.model.get('a')?.provedAt ?? Infinity;
    await eventually(() => (control.model.get('a')?.provedAt ?? 0) > before);
    const forward = formatForward(spec);
    expect(lines.filter((line) => line.includes(forward))).toEqual([expect.stringMatching(/^warn .*: destination-unhealthy: .*answered 503/), `info ${forward}: no longer: destination-unhealthy`]);
    expect(lines.join('\n')).toContain('GET /health?…');
    expect(lines.join('\n')).not.toContain('canary');
    await control.stop('a');
    await eventually(() => server.sockets.size === 0);
    expect(control.model.get('a')).not.toHaveProperty('provedAt');
  });
});
