import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { Connection } from '../../src/core/forward.ts';
import { eventually } from '../support/eventually.ts';
import { findFreeRange } from '../support/freePort.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { targetOf } from '../support/planeTargets.ts';
import { fixed } from '../support/poles.ts';
import { run } from '../support/processes.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, readAll, serve, type TestServer } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

let tunnels: Tunnels;
let plane: PlaneClient;
let servers: TestServer[];

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  servers = [];
});

afterEach(async () => {
  for (const server of servers) await server.close();
  await tunnels.close();
});

/** Servers on ports in a row, each of which says its own port. */
async function destinations(count: number): Promise<HostPort> {
  const first = await findFreeRange(count);
  for (let port = first; port < first + count; port += 1) servers.push(await serve((socket) => { socket.end(String(port)); }, port));
  return { host: '127.0.0.1', port: first };
}

function here(first: number, portCount: number, connect: HostPort, hosts = ['127.0.0.1', '::1']): Promise<StartedForward> {
  return plane.begin({ listen: { side: 'here', addresses: hosts.map((host) => ({ host, port: first })), portCount }, connect: fixed(connect) });
}

function onServer(sshd: Sshd, first: number, portCount: number, connect: HostPort, after?: StartedForward): Promise<StartedForward> {
  return plane.begin({
    listen: { side: 'server', address: { host: '127.0.0.1', port: first }, portCount }, connect: fixed(connect), target: targetOf(tunnels.hop(sshd)),
    ...(after === undefined ? {} : { id: after.id, generation: after.generation + 1 }),
  });
}

/** In the order of their arrival. */
async function connectionsOf(forward: StartedForward): Promise<readonly Connection[]> {
  return [...await plane.connections(forward)].sort((one, other) => one.id - other.id);
}

async function said(port: number, host = '127.0.0.1'): Promise<number> {
  const client = await dial(port, host);
  client.end();
  return Number((await readAll(client)).toString());
}

/** Which ports of a range somebody listens on, once for each address. */
async function listening(first: number, count: number): Promise<readonly number[]> {
  const lines = (await run('ss', ['-Hltn', `sport >= :${first} and sport <= :${first + count - 1}`])).split('\n').filter((line) => line !== '');
  return lines.map((line) => Number(/:(\d+)$/.exec(line.split(/\s+/)[3] ?? '')?.[1])).sort();
}

describe('a range of ports here', () => {
  it('leads the nth port to the nth, on every address', async () => {
    const connect = await destinations(3);
    const first = await findFreeRange(3);
    const forward = await here(first, 3, connect);
    await plane.untilUp(forward);
    expect(plane.boundOf(forward)).toEqual({ addresses: [{ host: '127.0.0.1', port: first }, { host: '::1', port: first }] });
    for (const host of ['127.0.0.1', '::1']) {
      for (const offset of [2, 0, 1]) expect(await said(first + offset, host)).toBe(connect.port + offset);
    }
    const rows = await connectionsOf(forward);
    expect(rows.slice(0, 3).map(({ accepted, destination }) => [(accepted as HostPort).port, destination])).toEqual([2, 0, 1].map((offset) => [first + offset, `127.0.0.1:${connect.port + offset}`]));
    await plane.stop(forward);
    expect(await listening(first, 3)).toEqual([]);
  });

  it('has room for 1,000 ports on both loopbacks, and a stop frees them all', async () => {
    const first = await findFreeRange(1_000);
    const forward = await here(first, 1_000, tunnels.echo);
    await plane.untilUp(forward);
    expect(await listening(first, 1_000)).toHaveLength(2_000);
    await plane.stop(forward);
    expect(await listening(first, 1_000)).toEqual([]);
  });

  it('takes none when one in the middle is taken, says which, and can be started once it is free', async () => {
    const connect = await destinations(5);
    const first = await findFreeRange(5);
    const taken = { host: '127.0.0.1', port: first + 3 };
    const taker = await serve(() => undefined, taken.port);
    const forward = await here(first, 5, connect);
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code: 'address-in-use', context: taken } });
    expect(await listening(first, 5)).toEqual([taken.port]);
    await taker.close();
    const again = await here(first, 5, connect);
    await plane.untilUp(again);
    expect(await said(taken.port)).toBe(connect.port + 3);
    await plane.stop(again);
  });

  it('does without the second loopback when one port of it is taken, and says so once', async () => {
    const connect = await destinations(5);
    const first = await findFreeRange(5);
    const taken = { host: '::1', port: first + 3 };
    const takers = await Promise.all([serve(() => undefined, taken.port, '::1'), serve(() => undefined, first + 4, '::1')]);
    const forward = await here(first, 5, connect);
    await plane.untilUp(forward);
    expect(plane.boundOf(forward)).toMatchObject({ addresses: [{ host: '127.0.0.1', port: first }], missing: { address: taken, failure: { code: 'address-in-use', context: taken } } });
    expect(await listening(first, 5)).toEqual([0, 1, 2, 3, 3, 4, 4].map((offset) => first + offset));
    expect(await said(first + 3)).toBe(connect.port + 3);
    await plane.stop(forward);
    for (const taker of takers) await taker.close();
  });
});

describe('a range of ports on the server', () => {
  it('leads the nth port to the nth, in each run', async () => {
    const connect = await destinations(3);
    const first = await findFreeRange(3);
    const sshd = await tunnels.startServer();
    const forward = await onServer(sshd, first, 3, connect);
    await plane.untilUp(forward);
    expect(plane.boundOf(forward)).toEqual({ addresses: [{ host: '127.0.0.1', port: first }] });
    for (const offset of [2, 0, 1]) expect(await said(first + offset)).toBe(connect.port + offset);
    expect((await connectionsOf(forward)).map(({ destination }) => destination)).toEqual([2, 0, 1].map((offset) => `127.0.0.1:${connect.port + offset}`));
    await sshd.dropConnections();
    await plane.untilLost(forward);
    const again = await onServer(sshd, first, 3, connect, forward);
    await plane.untilUp(again);
    expect(await said(first + 2)).toBe(connect.port + 2);
    await plane.stop(again);
    expect(await listening(first, 3)).toEqual([]);
  });

  it('takes none when one in the middle is taken, says which, and others go on over the same SSH connection', async () => {
    const first = await findFreeRange(5);
    const sshd = await tunnels.startServer();
    const local = await tunnels.forward([tunnels.hop(sshd)]);
    const client = await dial(local.port);
    const taker = await serve(() => undefined, first + 3);
    const forward = await onServer(sshd, first, 5, tunnels.echo);
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code: 'remote-bind-refused', context: { address: `127.0.0.1:${first + 3}` } } });
    await eventually(async () => { expect(await listening(first, 5)).toEqual([first + 3]); return true; });
    client.write('x');
    await once(client, 'data');
    client.end();
    await taker.close();
    await plane.stop(local.forward);
  });

  it('has room for 200 ports, and a stop frees them all', async () => {
    const first = await findFreeRange(200);
    const sshd = await tunnels.startServer();
    const forward = await onServer(sshd, first, 200, tunnels.echo);
    await plane.untilUp(forward);
    expect(await listening(first, 200)).toHaveLength(200);
    await plane.stop(forward);
    await eventually(async () => { expect(await listening(first, 200)).toEqual([]); return true; });
  });
});
