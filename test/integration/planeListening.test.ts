import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import { eventually } from '../support/eventually.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { planeBundle } from '../support/planeBundle.ts';
import { fixed, here } from '../support/poles.ts';
import { dial, outcome, readAll, serve, type TestServer } from '../support/tcpPeers.ts';

const FIRST: HostPort = { host: '127.0.0.1', port: 0 };

describe('a listener of the plane', () => {
  let plane: PlaneClient;
  let server: TestServer;
  beforeAll(async () => {
    plane = await PlaneClient.start();
    server = await serve((socket) => { socket.pipe(socket); });
  });
  afterAll(async () => {
    await plane.close();
    await server.close();
  });

  async function echo(host: string, port: number): Promise<string> {
    const client = await dial(port, host);
    client.end('hello');
    return (await readAll(client)).toString();
  }

  it('binds both loopbacks to one port', async () => {
    const { forward, port } = await plane.forward(server, undefined, [FIRST, { host: '::1', port: 0 }]);
    expect(plane.boundOf(forward)).toEqual({ addresses: [{ host: '127.0.0.1', port }, { host: '::1', port }] });
    expect(await echo('127.0.0.1', port)).toBe('hello');
    expect(await echo('::1', port)).toBe('hello');
    const connections = await plane.connections(forward);
    expect(connections.map(({ accepted }) => (accepted as HostPort).host).sort()).toEqual(['127.0.0.1', '::1']);
    await plane.stop(forward);
  });

  it('binds every interface, of both families side by side', async () => {
    const { forward, port } = await plane.forward(server, undefined, [{ host: '0.0.0.0', port: 0 }, { host: '::', port: 0 }]);
    expect(await echo('127.0.0.1', port)).toBe('hello');
    expect(await echo('::1', port)).toBe('hello');
    await plane.stop(forward);
  });

  it('does without the second loopback when somebody else has it, and says so', async () => {
    const other = await serve(() => undefined, 0, '::1');
    const { forward, port } = await plane.forward(server, undefined, [{ host: '127.0.0.1', port: other.port }, { host: '::1', port: other.port }]);
    expect(port).toBe(other.port);
    const address = { host: '::1', port };
    expect(plane.boundOf(forward)).toMatchObject({ addresses: [{ host: '127.0.0.1', port }], missing: { address, failure: { code: 'address-in-use', context: address } } });
    await plane.stop(forward);
    await other.close();
  });

  it('does without an address that this machine has not, and says so', async () => {
    const absent = { host: '203.0.113.7', port: 0 };
    const { forward, port } = await plane.forward(server, undefined, [absent, FIRST]);
    expect(plane.boundOf(forward)).toMatchObject({ addresses: [{ host: '127.0.0.1', port }], missing: { address: absent, failure: { code: 'address-not-available' } } });
    await plane.stop(forward);
  });

  it('fails when the first address is taken, and holds nothing then', async () => {
    const other = await serve(() => undefined);
    const forward = await plane.begin({ connect: fixed(FIRST), listen: here({ host: '127.0.0.1', port: other.port }, { host: '::1', port: other.port }) });
    const lost = await plane.untilLost(forward);
    expect(lost).toMatchObject({ isUnbound: true, failure: { code: 'address-in-use', context: { host: '127.0.0.1', port: other.port } } });
    const free = await serve(() => undefined, other.port, '::1');
    await free.close();
    await other.close();
  });

  it('fails when it has none of its addresses', async () => {
    const forward = await plane.begin({ connect: fixed(FIRST), listen: here({ host: '203.0.113.7', port: 0 }) });
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code: 'address-not-available' } });
  });

  it('can be started again after it failed to bind', async () => {
    const other = await serve(() => undefined);
    const listen = here({ host: '127.0.0.1', port: other.port });
    const connect = fixed(server);
    const forward = await plane.begin({ connect, listen });
    await plane.untilLost(forward);
    await other.close();
    const again = await plane.begin({ id: forward.id, generation: 2, connect, listen });
    await plane.untilUp(again);
    expect(await echo('127.0.0.1', other.port)).toBe('hello');
    await plane.stop(again);
  });

  it('moves to other addresses when it is started with them', async () => {
    const { forward, port } = await plane.forward(server);
    const connect = fixed(server);
    const moved = await plane.begin({ id: forward.id, generation: 2, connect, listen: here({ host: '127.0.0.2', port }) });
    await plane.untilUp(moved);
    expect(await echo('127.0.0.2', port)).toBe('hello');
    await expect(dial(port, '127.0.0.1')).rejects.toThrow('ECONNREFUSED');
    await plane.stop(moved);
  });

  it('keeps its address when it is started again with the same', async () => {
    const { forward, port } = await plane.forward(server);
    const again = await plane.begin({ id: forward.id, generation: 2, connect: fixed(server), listen: here(FIRST) });
    await plane.untilUp(again);
    expect(plane.boundOf(again)).toEqual({ addresses: [{ host: '127.0.0.1', port }] });
    expect(await echo('127.0.0.1', port)).toBe('hello');
    await plane.stop(again);
  });

  it('stops at once while it still binds, and then nothing listens', async () => {
    const port = (await serveAndFree()).port;
    const forward = await plane.begin({ connect: fixed(FIRST), listen: here({ host: '127.0.0.1', port }) });
    await plane.stop(forward);
    const free = await serve(() => undefined, port);
    await free.close();
    expect(plane.of('lost', forward)).toEqual([]);
  });

  it('tells the traffic while somebody watches, and only then', async () => {
    const { forward, port } = await plane.forward(server);
    await plane.request('watch', { isWatching: true });
    const trafficOf = (): { connections: readonly object[]; bytesUp: number } | undefined => plane.payloads('traffic').filter(({ id }) => id === forward.id).at(-1)?.traffic;
    expect(await plane.until(trafficOf)).toEqual({ openConnections: 0, totalConnections: 0, bytesUp: 0, bytesDown: 0, connections: [] });
    const client = await dial(port);
    client.write('hello');
    await once(client, 'data');
    const established = { openConnections: 1, totalConnections: 1, bytesUp: 5, bytesDown: 5, connections: [{ phase: 'established', origin: { host: '127.0.0.1', port: client.localPort }, accepted: { host: '127.0.0.1', port } }] };
    await eventually(() => { expect(trafficOf()).toMatchObject(established); return true; });
    client.end();
    await eventually(() => { expect(trafficOf()).toMatchObject({ openConnections: 0, bytesUp: 5, connections: [{ phase: 'closed', closeReason: 'client-ended' }] }); return true; });
    await plane.request('watch', { isWatching: false });
    const told = plane.payloads('traffic').length;
    expect(await echo('127.0.0.1', port)).toBe('hello');
    await eventually(async () => (await plane.connections(forward)).length === 2);
    expect(plane.payloads('traffic')).toHaveLength(told);
    await plane.stop(forward);
  });

  it('keeps at most ten closed connections in sight', async () => {
    const { forward, port } = await plane.forward(server);
    for (let count = 0; count < 12; count += 1) await echo('127.0.0.1', port);
    await eventually(async () => (await plane.connections(forward)).every(({ phase }) => phase === 'closed'));
    expect((await plane.connections(forward)).map(({ id }) => id)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    await plane.stop(forward);
  });

  it('resets the clients of a plane that shuts down', async () => {
    const other = await PlaneClient.start();
    const { port } = await other.forward(server);
    const client = await dial(port);
    client.write('x');
    await once(client, 'data');
    const seen = outcome(client);
    await other.close();
    expect(await seen).toBe('reset');
    await expect(dial(port)).rejects.toThrow('ECONNREFUSED');
  });

  async function serveAndFree(): Promise<TestServer> {
    const freed = await serve(() => undefined);
    await freed.close();
    return freed;
  }
});

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('a plane without the right to low ports', () => {
  it('says so', async () => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const worker = new Worker(${JSON.stringify(await planeBundle())});
      worker.on('message', (message) => {
        if (message.type !== 'event' || message.name !== 'lost') return;
        console.log(JSON.stringify(message.payload));
        process.exit();
      });
      const params = { id: 'low', generation: 1, connect: { kind: 'fixed', address: { host: '127.0.0.1', port: 1 } }, listen: { side: 'here', addresses: [{ host: '127.0.0.1', port: 81 }] } };
      worker.postMessage({ type: 'request', id: 1, method: 'start', params });`;
    const command = ['--bounding-set=-net_bind_service', process.execPath, '-e', script];
    const child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString(); });
    await once(child, 'close');
    expect(JSON.parse(output)).toMatchObject({ isUnbound: true, failure: { code: 'permission-denied', context: { host: '127.0.0.1', port: 81 } } });
  });
});
