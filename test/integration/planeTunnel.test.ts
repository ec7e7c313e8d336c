import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { openDescriptors } from '../support/planeRoutes.ts';
import { descendantsOf } from '../support/processes.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, outcome, outcomeOfDialling, pour, readAll, serve, sha256, testBytes } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

const MiB = 1024 * 1024;

let tunnels: Tunnels;
let plane: PlaneClient;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
});

afterEach(() => tunnels.close());

function acceptedLogins(sshd: Sshd): number {
  return sshd.logText().match(/Accepted publickey/g)?.length ?? 0;
}

describe('a tunnel whose SSH connection breaks', () => {
  it('resets its clients, keeps the port, and serves again in the next run', async () => {
    const sshd = await tunnels.startServer();
    const pouring = await serve((socket) => { pour(socket); });
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)], pouring);
    const clients = await Promise.all([dial(port), dial(port)]);
    await Promise.all(clients.map((client) => once(client, 'data')));
    const outcomes = clients.map((client) => outcome(client));
    const begun = performance.now();
    await sshd.dropConnections();
    const lost = await plane.untilLost(forward);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(lost).toMatchObject({ isUnbound: false, failure: { code: 'connection-lost', context: { hop: 'test-server', host: sshd.host, port: sshd.port } } });
    expect(await Promise.all(outcomes)).toEqual(['reset', 'reset']);
    expect(await plane.connections(forward)).toMatchObject([{ closeReason: 'tunnel-lost' }, { closeReason: 'tunnel-lost' }]);

    const parked = await dial(port);
    parked.end('hello');
    await eventually(async () => (await plane.connections(forward)).some(({ phase }) => phase === 'parked'));
    const again = await tunnels.begin([tunnels.hop(sshd)], forward);
    await plane.untilUp(again);
    expect(plane.boundOf(again).addresses).toEqual([{ host: '127.0.0.1', port }]);
    expect((await readAll(parked)).toString()).toBe('hello');
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(again);
    await pouring.close();
  });

  it('is noticed when the server freezes', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd, { keepaliveIntervalMs: 300, keepaliveCountMax: 2 })]);
    const client = await dial(port);
    client.write('x');
    await once(client, 'data');
    const seen = outcome(client);
    sshd.freeze();
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'keepalive-timeout' });
    expect(await seen).toBe('reset');
    sshd.thaw();
    await plane.stop(forward);
  });

  it('lets go of clients that gave up while they waited, and serves those that have ended in good order', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    await sshd.dropConnections();
    await plane.untilLost(forward);
    const [reset, closed, waiting] = [await dial(port), await dial(port), await dial(port)];
    waiting.end('hello');
    const answer = readAll(waiting);
    const parked = async (): Promise<number> => (await plane.connections(forward)).filter(({ phase }) => phase === 'parked').length;
    await eventually(async () => await parked() === 3);
    reset.resetAndDestroy();
    closed.end('said it all', () => { closed.destroy(); });
    await eventually(async () => await parked() === 2, { deadlineMs: 20_000 });
    expect((await plane.connections(forward)).map(({ closeReason }) => closeReason).filter((reason) => reason !== undefined)).toEqual(['client-reset']);
    const late = await dial(port);
    await eventually(async () => await parked() === 3);
    late.resetAndDestroy();
    const again = await tunnels.begin([tunnels.hop(sshd)], forward);
    await plane.untilUp(again);
    expect((await answer).toString()).toBe('hello');
    // The one that only waited, and the one that had left with everything said.
    await eventually(() => tunnels.echo.accepted() === 2);
    await plane.stop(again);
  });

  it('parks at most 64 clients and resets the others, until those that are gone have made room', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    await sshd.dropConnections();
    await plane.untilLost(forward);
    const clients = await Promise.all(Array.from({ length: 64 }, () => dial(port)));
    await eventually(async () => (await plane.connections(forward)).filter(({ phase }) => phase === 'parked').length === 64);
    expect(await outcomeOfDialling(port)).toBe('reset');
    expect((await plane.connections(forward)).at(-1)).toMatchObject({ phase: 'closed', closeReason: 'too-many-parked' });
    for (const client of clients.splice(0, 8)) client.destroy();
    await eventually(async () => (await plane.connections(forward)).filter(({ phase }) => phase === 'parked').length === 56, { deadlineMs: 20_000 });
    const outcomes = clients.map((client) => outcome(client));
    await plane.stop(forward);
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set(['reset']));
  });
});

describe('an SSH connection', () => {
  it('survives rekeying in both directions, and its key is asked about once', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['RekeyLimit 1M'] });
    const [up, down] = [testBytes(20_000_000), testBytes(20_000_001)];
    let received: Promise<Buffer> | undefined;
    const server = await serve((socket) => {
      received = readAll(socket);
      socket.end(down);
    });
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)], server);
    const client = await dial(port);
    client.end(up);
    expect(sha256(await readAll(client))).toBe(sha256(down));
    expect(sha256(await received!)).toBe(sha256(up));
    expect(plane.questions.filter(({ method }) => method === 'verifyHostKey')).toHaveLength(1);
    await plane.stop(forward);
    await server.close();
  });

  it('is shared by all forwards to one target, and ends with the last', async () => {
    const sshd = await tunnels.startServer();
    const hops = [tunnels.hop(sshd)];
    const [one, two] = await Promise.all([tunnels.forward(hops), tunnels.forward(hops)]);
    expect(await tunnels.echoThrough(one.port)).toBe('hello');
    expect(await tunnels.echoThrough(two.port)).toBe('hello');
    expect(acceptedLogins(sshd)).toBe(1);
    expect(plane.questions.filter(({ method }) => method === 'verifyHostKey')).toHaveLength(1);
    await plane.stop(one.forward);
    expect(await tunnels.echoThrough(two.port)).toBe('hello');
    await plane.stop(two.forward);
    await eventually(() => descendantsOf(sshd.pid).length === 0);
    expect(sshd.logText()).toContain('Received disconnect');
  });

  it('is not held up for one forward by another that no longer wants it', async () => {
    const sshd = await tunnels.startServer();
    const hops = [tunnels.hop(sshd)];
    let answer: (() => void) | undefined;
    plane.answers.verifyHostKey = () => new Promise((resolve) => { answer = () => resolve({ isAccepted: true }); });
    const leaving = await tunnels.begin(hops);
    const staying = await tunnels.begin(hops);
    await plane.until(() => answer);
    await plane.stop(leaving);
    answer!();
    await plane.untilUp(staying);
    expect(await tunnels.echoThrough(plane.boundOf(staying).addresses[0]!.port)).toBe('hello');
    await plane.stop(staying);
  });

  it('leaves nothing behind of clients that reset while their channel opens', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    const [descriptors, processes] = [openDescriptors(), descendantsOf(sshd.pid).length];
    for (let round = 0; round < 200; round += 1) (await dial(port)).resetAndDestroy();
    await eventually(() => tunnels.echo.sockets.size === 0);
    await eventually(() => openDescriptors() <= descriptors);
    expect(descendantsOf(sshd.pid)).toHaveLength(processes);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(forward);
  });

  it('stays within its write budget when the server stops reading, and goes on after', async () => {
    const sshd = await tunnels.startServer();
    const sinks = await serve((socket) => { socket.resume().on('end', () => socket.end()); });
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)], sinks);
    const clients = await Promise.all(Array.from({ length: 40 }, () => dial(port)));
    await eventually(() => sinks.sockets.size === 40);
    const memory = process.memoryUsage.rss();
    sshd.freeze();
    const block = testBytes(4 * MiB);
    for (const client of clients) client.end(block);
    await eventually(async () => {
      const before = await sumUp(forward);
      await new Promise((resolve) => setTimeout(resolve, 300));
      return before > 0 && before === await sumUp(forward);
    });
    // 160 MB wait in the clients; what the plane has taken is bounded.
    expect(await sumUp(forward)).toBeLessThan(24 * MiB);
    expect(process.memoryUsage.rss() - memory).toBeLessThan(80 * MiB);
    sshd.thaw();
    await Promise.all(clients.map((client) => readAll(client)));
    expect(await sumUp(forward)).toBeLessThanOrEqual(160 * MiB);
    await plane.stop(forward);
    await sinks.close();
  });

  async function sumUp(forward: StartedForward): Promise<number> {
    return (await plane.connections(forward)).reduce((sum, { bytesUp }) => sum + bytesUp, 0);
  }
});

describe('starting and stopping', () => {
  it('a hundred times leaves descriptors and memory where they were', async () => {
    const sshd = await tunnels.startServer();
    const hops = [tunnels.hop(sshd)];
    const round = async (): Promise<void> => {
      const { forward, port } = await tunnels.forward(hops);
      expect(await tunnels.echoThrough(port)).toBe('hello');
      await plane.stop(forward);
    };
    for (let count = 0; count < 20; count += 1) await round();
    const [descriptors, memory] = [openDescriptors(), process.memoryUsage.rss()];
    for (let count = 0; count < 100; count += 1) await round();
    await eventually(() => openDescriptors() <= descriptors);
    expect(process.memoryUsage.rss() - memory).toBeLessThan(60 * MiB);
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  });

  it('frees the port at once while the server does not answer', async () => {
    const sshd = await tunnels.startServer();
    const silent = await serve((socket) => { socket.resume().on('end', () => socket.end()); });
    const forward = await tunnels.begin([tunnels.hop(sshd, { port: silent.port })]);
    const { addresses: [bound] } = await plane.untilBound(forward);
    await plane.until(() => silent.sockets.size === 1);
    const begun = performance.now();
    await plane.stop(forward);
    expect(performance.now() - begun).toBeLessThan(1_000);
    await (await serve(() => undefined, bound!.port)).close();
    await eventually(() => silent.sockets.size === 0);
    await silent.close();
  });

  it('resets the clients that wait, and stops within a second on a frozen link', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    const client = await dial(port);
    client.write('x');
    await once(client, 'data');
    sshd.freeze();
    const dialing = await dial(port);
    await eventually(async () => (await plane.connections(forward)).some(({ phase }) => phase === 'dialing'));
    const outcomes = [outcome(client), outcome(dialing)];
    const begun = performance.now();
    await plane.stop(forward);
    expect(performance.now() - begun).toBeLessThan(1_000);
    expect(await Promise.all(outcomes)).toEqual(['reset', 'reset']);
    sshd.thaw();
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  });

  it.runIf(canCreateNetworkNamespace())('gives up a connection attempt to an address that swallows everything', async () => {
    const sshd = await tunnels.startServer();
    const elsewhere = await NetworkNamespace.create();
    try {
      // Nobody answers for the address any more.
      await elsewhere.exec('ip', 'address', 'flush', 'to', '10.200.0.0/16');
      const forward = await tunnels.begin([tunnels.hop(sshd, { host: elsewhere.thereAddress, connectTimeoutMs: 60_000 })]);
      await plane.until(() => plane.of('progress', forward).some(({ progress }) => progress.step === 'connecting'));
      const descriptors = openDescriptors();
      await plane.stop(forward);
      expect(openDescriptors()).toBeLessThan(descriptors);
      expect(plane.of('lost', forward)).toEqual([]);
    } finally {
      await elsewhere.remove();
    }
  });
});

