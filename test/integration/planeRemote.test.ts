import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { StartForward } from '../../src/protocol/messages.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { targetOf } from '../support/planeTargets.ts';
import { asked, fixed, here, onServer } from '../support/poles.ts';
import { descendantsOf } from '../support/processes.ts';
import { dialSocks5 } from '../support/socksClient.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, outcome, readAll, serve, sha256, testBytes } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

const ANY_PORT: HostPort = { host: '127.0.0.1', port: 0 };

let tunnels: Tunnels;
let plane: PlaneClient;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
});

afterEach(() => tunnels.close());

type Poles = Partial<Pick<StartForward, 'listen' | 'connect'>>;

/** Begins `-R` over this server, on a port of its choice and to the echo unless told otherwise. */
function begin(sshd: Sshd, poles: Poles = {}, after?: StartedForward): Promise<StartedForward> {
  return plane.begin({
    listen: onServer(ANY_PORT), connect: fixed(tunnels.echo), ...poles, target: targetOf(tunnels.hop(sshd)),
    ...(after === undefined ? {} : { id: after.id, generation: after.generation + 1 }),
  });
}

async function start(sshd: Sshd, poles: Poles = {}): Promise<{ forward: StartedForward; port: number }> {
  const forward = await begin(sshd, poles);
  await plane.untilUp(forward);
  return { forward, port: plane.boundOf(forward).addresses[0]!.port };
}

function logins(sshd: Sshd): number {
  return sshd.logText().match(/Accepted publickey/g)?.length ?? 0;
}

describe('a forward that listens on the server', () => {
  it('tells the port that the server granted, and who connected', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd, { listen: onServer({ host: 'localhost', port: 0 }) });
    expect(plane.boundOf(forward)).toEqual({ addresses: [{ host: 'localhost', port }] });
    expect((await listenersOn(port)).map(({ address }) => address).sort()).toEqual([`127.0.0.1:${port}`, `[::1]:${port}`]);
    const client = await dial(port);
    client.write('x');
    await once(client, 'data');
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'established', origin: { host: '127.0.0.1', port: client.localPort }, accepted: { host: 'localhost', port }, bytesUp: 1, bytesDown: 1 }]);
    expect((await plane.connections(forward))[0]).not.toHaveProperty('destination');
    client.end();
    await plane.stop(forward);
  });

  it('takes no address for the server\'s loopback, never for all of its addresses', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['GatewayPorts clientspecified'] });
    const { forward, port } = await start(sshd, { listen: onServer({ host: '', port: 0 }) });
    expect((await listenersOn(port)).map(({ address }) => address).sort()).toEqual([`127.0.0.1:${port}`, `[::1]:${port}`]);
    await plane.stop(forward);
  });

  it('listens on all addresses of the server when it is told to and the server allows it', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['GatewayPorts clientspecified'] });
    const { forward, port } = await start(sshd, { listen: onServer({ host: '*', port: 0 }) });
    expect((await listenersOn(port)).map(({ address }) => address).sort()).toEqual([`0.0.0.0:${port}`, `[::]:${port}`]);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    expect(await plane.connections(forward)).toMatchObject([{ accepted: { host: '*', port } }]);
    await plane.stop(forward);
  });

  it('logs what the server remarks when it listens elsewhere than asked', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['GatewayPorts yes'] });
    const { forward } = await start(sshd, { listen: onServer({ host: 'localhost', port: 0 }) });
    expect(plane.log()).toContain('Forwarding listen address "localhost" overridden by server GatewayPorts');
    await plane.stop(forward);
  });

  it('frees the port on the server at a stop, while others go on over the same SSH connection', async () => {
    const sshd = await tunnels.startServer();
    const [one, two] = await Promise.all([start(sshd), start(sshd)]);
    const local = await tunnels.forward([tunnels.hop(sshd)]);
    expect(logins(sshd)).toBe(1);
    const client = await dial(two.port);
    client.write('x');
    await once(client, 'data');
    await plane.stop(one.forward);
    expect(await listenersOn(one.port)).toEqual([]);
    client.end('y');
    expect((await readAll(client)).toString()).toBe('y');
    expect(await tunnels.echoThrough(two.port)).toBe('hello');
    expect(await tunnels.echoThrough(local.port)).toBe('hello');
    const again = await start(sshd, { listen: onServer({ host: '127.0.0.1', port: one.port }) });
    expect(await tunnels.echoThrough(one.port)).toBe('hello');
    for (const { forward } of [again, two, local]) await plane.stop(forward);
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  });

  it('asks for the same port in the next run, and takes no other', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd);
    await sshd.dropConnections();
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code: 'connection-lost' } });
    const again = await begin(sshd, {}, forward);
    await plane.untilUp(again);
    expect(plane.boundOf(again)).toEqual({ addresses: [{ host: '127.0.0.1', port }] });
    expect(await tunnels.echoThrough(port)).toBe('hello');

    await sshd.dropConnections();
    await plane.untilLost(again);
    const taker = await serve(() => undefined, port);
    const third = await begin(sshd, {}, again);
    expect(await plane.untilLost(third)).toMatchObject({ isUnbound: true, failure: { code: 'remote-bind-refused', context: { address: `127.0.0.1:${port}` } } });
    await taker.close();
    const fourth = await begin(sshd, {}, third);
    await plane.untilUp(fourth);
    expect(plane.boundOf(fourth).addresses[0]!.port).toBe(port);
    await plane.stop(fourth);
  });

  it('can be run anew while it is up', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd);
    const again = await begin(sshd, {}, forward);
    await plane.untilUp(again);
    expect(plane.boundOf(again).addresses[0]!.port).toBe(port);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(again);
  });

  it('stops while it is being opened, and the server listens no more', async () => {
    const sshd = await tunnels.startServer();
    const other = await tunnels.forward([tunnels.hop(sshd)]);
    const ports = await Promise.all(Array.from({ length: 20 }, () => findFreePort()));
    await Promise.all(ports.map(async (port) => {
      const forward = await begin(sshd, { listen: onServer({ host: '127.0.0.1', port }) });
      await plane.stop(forward);
    }));
    await eventually(async () => (await Promise.all(ports.map((port) => listenersOn(port)))).flat().length === 0);
    expect(await tunnels.echoThrough(other.port)).toBe('hello');
    await plane.stop(other.forward);
  });

  it.each([0, 1])('stops when the server does not answer, with %i connections', async (count) => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd);
    const clients = await Promise.all(Array.from({ length: count }, () => dial(port)));
    for (const client of clients) {
      client.write('x');
      await once(client, 'data');
    }
    sshd.freeze();
    const begun = performance.now();
    await plane.stop(forward);
    // 0.75 s, and what a slow machine adds.
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(tunnels.echo.sockets.size).toBe(0);
    sshd.thaw();
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  });

  it('loses its connections with the SSH connection', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd);
    const client = await dial(port);
    client.write('x');
    await once(client, 'data');
    const seen = outcome([...tunnels.echo.sockets][0]!);
    await sshd.dropConnections();
    await plane.untilLost(forward);
    expect(await seen).toBe('reset');
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'closed', closeReason: 'tunnel-lost' }]);
    await plane.stop(forward);
  });
});

describe('a destination here', () => {
  it('that refuses makes the server turn its client away, and is told of', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd, { connect: fixed({ host: '127.0.0.1', port: await findFreePort() }) });
    const client = await dial(port);
    expect(await readAll(client).catch(() => Buffer.alloc(0))).toHaveLength(0);
    client.destroy();
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'destination-refused' });
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'closed', closeReason: 'destination-refused' }]);
    await plane.stop(forward);
  });

  it('that resets ends the client\'s connection', async () => {
    const sshd = await tunnels.startServer();
    const server = await serve((socket) => { socket.once('data', () => socket.resetAndDestroy()); });
    const { forward, port } = await start(sshd, { connect: fixed(server) });
    const client = await dial(port);
    client.write('x');
    // SSH_MSG_CHANNEL_CLOSE is all that SSH has for it (RFC 4254 section 5.3); sshd makes an end of that.
    expect(['ended', 'reset']).toContain(await outcome(client));
    await eventually(async () => (await plane.connections(forward))[0]?.closeReason === 'destination-reset');
    await plane.stop(forward);
    await server.close();
  });
});

describe('a server that refuses', () => {
  it.each<[string, string[], HostPort | 'taken', RegExp]>([
    ['all forwarding', ['AllowTcpForwarding no'], ANY_PORT, /Server has disabled port forwarding/],
    ['to listen', ['AllowTcpForwarding local'], ANY_PORT, /Server has disabled port forwarding/],
    ['all but some ports', ['PermitListen 127.0.0.1:1'], ANY_PORT, /port forwarding refused/],
    ['a port that somebody has', [], 'taken', /the server refuses/],
  ])('%s fails that forward alone, and is told why', async (_, extraConfig, listen, reason) => {
    const sshd = await tunnels.startServer({ extraConfig });
    const taker = await serve(() => undefined);
    const other = await tunnels.begin([tunnels.hop(sshd)]);
    await plane.untilUp(other);
    const forward = await begin(sshd, { listen: onServer(listen === 'taken' ? { host: '127.0.0.1', port: taker.port } : listen) });
    const { isUnbound, failure } = await plane.untilLost(forward);
    expect(isUnbound).toBe(true);
    expect(failure).toMatchObject({ code: 'remote-bind-refused', context: { hop: 'test-server', address: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string } });
    expect(failure.detail).toMatch(reason);
    expect(plane.of('bound', forward)).toEqual([]);
    expect(plane.of('lost', other)).toEqual([]);
    expect(logins(sshd)).toBe(1);
    await plane.stop(forward);
    await plane.stop(other);
    await taker.close();
  });

  it('nothing, with GatewayPorts no, but binds the loopback instead of what was asked', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd, { listen: onServer({ host: '*', port: 0 }) });
    expect((await listenersOn(port)).map(({ address }) => address).sort()).toEqual([`127.0.0.1:${port}`, `[::1]:${port}`]);
    await plane.stop(forward);
  });

  it('allows the port that PermitListen names', async () => {
    const listen = { host: 'localhost', port: await findFreePort() };
    const sshd = await tunnels.startServer({ extraConfig: [`PermitListen localhost:${listen.port}`] });
    const { forward, port } = await start(sshd, { listen: onServer(listen) });
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(forward);
  });
});

describe('programs of the server that go out through this machine', () => {
  it('reach what they ask for by SOCKS, and the destination is shown', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd, { connect: asked() });
    const client = await dialSocks5(port, { host: 'localhost', port: tunnels.echo.port });
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    expect(await plane.connections(forward)).toMatchObject([{ destination: `localhost:${tunnels.echo.port}` }]);
    await plane.stop(forward);
  });

  it('reach nothing that is not permitted: it is not even dialled', async () => {
    const sshd = await tunnels.startServer();
    const forbidden = await serve(() => undefined);
    const { forward, port } = await start(sshd, { connect: asked([`127.0.0.1:${tunnels.echo.port}`]) });
    await expect(dialSocks5(port, forbidden)).rejects.toThrow('SOCKS reply 2');
    await expect(dialSocks5(port, { host: 'localhost', port: tunnels.echo.port })).rejects.toThrow('SOCKS reply 2');
    const client = await dialSocks5(port, tunnels.echo);
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    expect(forbidden.accepted()).toBe(0);
    const connections = await plane.connections(forward);
    expect(connections).toContainEqual(expect.objectContaining({ closeReason: 'forwarding-prohibited', destination: `127.0.0.1:${forbidden.port}` }));
    await plane.stop(forward);
    await forbidden.close();
  });

  it('are told in their protocol that a destination refuses', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await start(sshd, { connect: asked() });
    await expect(dialSocks5(port, { host: '127.0.0.1', port: await findFreePort() })).rejects.toThrow('SOCKS reply 5');
    await plane.stop(forward);
  });
});

describe('a chain of nine, -L and -R by turns', () => {
  it('carries 20 MB each way', async () => {
    const sshd = await tunnels.startServer();
    const [up, down] = [testBytes(20_000_000), testBytes(20_000_001)];
    let received: Promise<Buffer> | undefined;
    const server = await serve((socket: Socket) => {
      received = readAll(socket);
      socket.end(down);
    });
    let next: HostPort = server;
    const forwards: StartedForward[] = [];
    for (let link = 0; link < 9; link += 1) {
      const { forward, port } = await start(sshd, { listen: link % 2 === 0 ? here(ANY_PORT) : onServer(ANY_PORT), connect: fixed(next) });
      forwards.push(forward);
      next = { host: '127.0.0.1', port };
    }
    const client = await dial(next.port);
    client.end(up);
    expect(sha256(await readAll(client))).toBe(sha256(down));
    expect(sha256(await received!)).toBe(sha256(up));
    for (const forward of forwards) await plane.stop(forward);
    await server.close();
  });
});
