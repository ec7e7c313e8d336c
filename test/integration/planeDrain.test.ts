import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { dial, outcome, outcomeOfDialling, readAll } from '../support/tcpPeers.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { Route, type RouteKind } from '../support/planeRoutes.ts';
import { ignoreRequests, scriptedSshServer, targetAt, type ChannelScript } from '../support/scriptedSshServer.ts';
import { serve, type TestServer } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

const KINDS = ['relay', 'local', 'remote'] as const satisfies readonly RouteKind[];

/** What a client sees that is cut off: SSH has no reset, so a client of the server sees an end. */
const CUT = { relay: 'reset', local: 'reset', remote: 'ended' } as const;

describe.each(KINDS)('a %s that stops after its connections', (kind) => {
  let route: Route;
  let echo: TestServer;

  beforeEach(async () => {
    route = await Route.open(kind);
    echo = await serve((socket) => { socket.pipe(socket); });
  });

  afterEach(async () => {
    await route.close();
    await echo.close();
  });

  it('lets them finish, accepts no more, and is stopped with the last', async () => {
    const { forward, port, dial: connect } = await route.forward(echo);
    const client = await connect();
    client.write('hello');
    await once(client, 'data');
    const stopped = route.plane.request('stop', { id: forward.id, drainMs: 60_000 });
    await eventually(() => outcomeOfDialling(port).then((seen) => seen === 'reset', () => true));
    client.end(' world');
    expect((await readAll(client)).toString()).toBe(' world');
    await stopped;
    await expect(dial(port)).rejects.toThrow('ECONNREFUSED');
  });

  it('resets what is left after its time, and at once when it is told to stop', async () => {
    const { forward, dial: connect } = await route.forward(echo);
    const seen = outcome(await connect());
    await eventually(async () => (await route.plane.connections(forward)).some(({ phase }) => phase === 'established'));
    await route.plane.request('stop', { id: forward.id, drainMs: 50 });
    expect(await seen).toBe(CUT[kind]);

    const second = await route.forward(echo);
    const left = outcome(await second.dial());
    await eventually(async () => (await route.plane.connections(second.forward)).some(({ phase }) => phase === 'established'));
    const draining = route.plane.request('stop', { id: second.forward.id, drainMs: 3_600_000 });
    await route.plane.stop(second.forward);
    await draining;
    expect(await left).toBe(CUT[kind]);
  });
});

describe('after the machine has slept', () => {
  it('a server that is there stays, and one that does not answer is lost within seconds', async () => {
    const tunnels = await Tunnels.open();
    const { plane } = tunnels;
    const [alive, frozen] = [await tunnels.startServer(), await tunnels.startServer()];
    const one = await tunnels.forward([tunnels.hop(alive)]);
    const other = await tunnels.forward([tunnels.hop(frozen)]);
    frozen.freeze();
    await plane.request('probe', undefined);
    expect((await plane.untilLost(other.forward)).failure).toMatchObject({ code: 'keepalive-timeout' });
    expect(await tunnels.echoThrough(one.port)).toBe('hello');
    expect(plane.of('lost', one.forward)).toEqual([]);
    frozen.thaw();
    await tunnels.close();
  });

  it('a server that has more to send than its line carries in seconds is there, as long as it comes', async () => {
    const plane = await PlaneClient.start({ verifyHostKey: async () => ({ isAccepted: true }) });
    let ticking: NodeJS.Timeout | undefined;
    const talks: ChannelScript = (open) => {
      const channel = open();
      ticking = setInterval(() => { channel.write('more'); }, 200);
    };
    // What is asked of them waits behind what they send.
    const [busy, mute] = [await scriptedSshServer(talks, ignoreRequests), await scriptedSshServer((open) => { open(); }, ignoreRequests)];
    const [one, other] = [await plane.forward({ host: 'db', port: 1 }, targetAt(busy)), await plane.forward({ host: 'db', port: 1 }, { ...targetAt(mute), key: 'mute' })];
    const client = await dial(one.port);
    await once(client, 'data');
    await plane.request('probe', undefined);
    expect((await plane.untilLost(other.forward)).failure).toMatchObject({ code: 'keepalive-timeout' });
    expect(plane.of('lost', one.forward)).toEqual([]);
    await once(client, 'data');
    client.destroy();
    clearInterval(ticking);
    await Promise.all([plane.close(), busy.close(), mute.close()]);
  });

  it('answers to probes are not mistaken for other answers of the server', async () => {
    const tunnels = await Tunnels.open();
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    for (let times = 0; times < 20; times += 1) await tunnels.plane.request('probe', undefined);
    const client = await dial(port);
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    expect(tunnels.plane.of('lost', forward)).toEqual([]);
    await tunnels.close();
  });
});
