import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { eventually } from '../support/eventually.ts';
import { findFreeRange } from '../support/freePort.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { targetOf } from '../support/planeTargets.ts';
import { asked, fixed, here, hereAt, hereUdp, portOf } from '../support/poles.ts';
import { socks5WithLogin } from '../support/proxyRequests.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, dialPath, outcome, readAll, serve } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { Tunnels } from '../support/tunnels.ts';
import { serveUdp, UdpClient } from '../support/udpPeers.ts';

/*
 * What two of the features do with each other: each is tried by itself elsewhere.
 */

const ANY_PORT: HostPort = { host: '127.0.0.1', port: 0 };
const ON_DEMAND = { idleMs: 100 };
const LONG_MS = 60_000;

let tunnels: Tunnels;
let plane: PlaneClient;
let sshd: Sshd;
let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await createTemporaryFolder('combinations');
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  sshd = await tunnels.startServer();
  plane.answers = { ...plane.answers, ...socketHandlers(new SocketFiles()) };
});

afterEach(async () => {
  await tunnels.close();
  await folder.remove();
});

type Poles = Omit<Parameters<PlaneClient['begin']>[0], 'id' | 'generation'>;

function throughServer(poles: Poles): Poles {
  return { ...poles, target: targetOf(tunnels.hop(sshd)) };
}

function rests(forward: StartedForward, times: number): Promise<unknown> {
  return plane.until(() => plane.of('idle', forward).length === times);
}

function nextRun(forward: StartedForward): { readonly id: string; readonly generation: number } {
  return { id: forward.id, generation: forward.generation + 1 };
}

function boundPort(forward: StartedForward): number {
  return portOf(plane.boundOf(forward).addresses[0]);
}

describe('a forward on demand', () => {
  it('that is a proxy with a login wakes for nobody who does not show it', async () => {
    const credentials = { user: 'me', password: 'geheim' };
    const forward = await plane.begin(throughServer({ listen: here(ANY_PORT), connect: asked(undefined, credentials), onDemand: ON_DEMAND }));
    await rests(forward, 1);
    const request = (password: string): Buffer => socks5WithLogin('me', password, tunnels.echo.host, tunnels.echo.port);
    const stranger = await dial(boundPort(forward));
    stranger.write(request('guess'));
    await readAll(stranger);
    stranger.end();
    expect(plane.of('waking', forward)).toEqual([]);
    const client = await dial(boundPort(forward));
    client.end(Buffer.concat([request('geheim'), Buffer.from('hello')]));
    expect((await readAll(client)).subarray(-5).toString()).toBe('hello');
    await rests(forward, 2);
    await plane.stop(forward);
  });

  it('that listens at a socket keeps it while it rests, and gives it back', async () => {
    const path = folder.join('a.sock');
    const forward = await plane.begin(throughServer({ listen: hereAt(path), connect: fixed(tunnels.echo), onDemand: ON_DEMAND }));
    for (let times = 1; times <= 2; times += 1) {
      await rests(forward, times);
      const client = await dialPath(path);
      client.end('hello');
      expect((await readAll(client)).toString()).toBe('hello');
    }
    await rests(forward, 3);
    expect(existsSync(path)).toBe(true);
    await plane.stop(forward);
    expect(existsSync(path)).toBe(false);
  });

  it('that is a range wakes through any of its ports', async () => {
    const first = await findFreeRange(3);
    const connect = { host: '127.0.0.1', port: tunnels.echo.port - 2 };
    const forward = await plane.begin(throughServer({ listen: { side: 'here', addresses: [{ host: '127.0.0.1', port: first }], portCount: 3 }, connect: fixed(connect), onDemand: ON_DEMAND }));
    await rests(forward, 1);
    expect(await tunnels.echoThrough(first + 2)).toBe('hello');
    await rests(forward, 2);
    await plane.stop(forward);
  });

  it('is looked at by a diagnosis without waking', async () => {
    const forward = await plane.begin(throughServer({ listen: here(ANY_PORT), connect: fixed(tunnels.echo), onDemand: ON_DEMAND }));
    await rests(forward, 1);
    await plane.request('diagnose', { ...throughServer({ listen: here(ANY_PORT), connect: fixed(tunnels.echo) }), id: 'look', forwardId: forward.id, isListening: true });
    await plane.request('probe', undefined);
    expect(plane.of('waking', forward)).toEqual([]);
    expect(await tunnels.echoThrough(boundPort(forward))).toBe('hello');
    await plane.stop(forward);
  });
});

describe('a stop after the open connections', () => {
  it('lets go of the name of a socket at once, and lets its client finish', async () => {
    const path = folder.join('a.sock');
    const forward = await plane.begin({ listen: hereAt(path), connect: fixed(tunnels.echo) });
    await plane.untilUp(forward);
    const client = await dialPath(path);
    client.write('hello');
    await once(client, 'data');
    const stopped = plane.request('stop', { id: forward.id, drainMs: LONG_MS });
    await eventually(() => !existsSync(path));
    client.end(' world');
    expect((await readAll(client)).toString()).toBe(' world');
    await stopped;
  });

  it('answers the flows of datagrams that there are, and begins none', async () => {
    const server = await serveUdp();
    const forward = await plane.begin({ listen: hereUdp(ANY_PORT), connect: fixed(server) });
    await plane.untilUp(forward);
    const [known, other] = [await UdpClient.open(boundPort(forward)), await UdpClient.open(boundPort(forward))];
    await known.ask(Buffer.from('one'));
    const stopped = plane.request('stop', { id: forward.id, drainMs: LONG_MS });
    await other.send(Buffer.from('two'));
    expect((await known.ask(Buffer.from('three'))).toString()).toBe('three');
    expect(await plane.connections(forward)).toHaveLength(1);
    await plane.stop(forward);
    await stopped;
    await Promise.all([known.close(), other.close(), server.close()]);
  });

  it('frees every port of a range on the server, and lets who is connected finish', async () => {
    const first = await findFreeRange(2);
    const forward = await plane.begin(throughServer({ listen: { side: 'server', address: { host: '127.0.0.1', port: first }, portCount: 2 }, connect: fixed({ host: '127.0.0.1', port: tunnels.echo.port - 1 }) }));
    await plane.untilUp(forward);
    const client = await dial(first + 1);
    client.write('hello');
    await once(client, 'data');
    const stopped = plane.request('stop', { id: forward.id, drainMs: LONG_MS });
    for (const port of [first, first + 1]) await eventually(() => dial(port).then((late) => { late.destroy(); return false; }, () => true));
    client.end(' world');
    expect((await readAll(client)).toString()).toBe(' world');
    await stopped;
  });
});

describe('a next run on the same port', () => {
  it('leads to its own destination and fallback, and leaves those who are connected where they are', async () => {
    const says = (text: string): Promise<Awaited<ReturnType<typeof serve>>> => serve((socket) => { socket.write(text); });
    const [one, two] = [await says('one'), await says('two')];
    const nobody: HostPort = { host: '127.0.0.1', port: await findFreeRange(1) };
    const forward = await plane.begin({ listen: here(ANY_PORT), connect: fixed(one) });
    await plane.untilUp(forward);
    const port = boundPort(forward);
    const heard = async (): Promise<string> => {
      const client = await dial(port);
      const [text] = await once(client, 'data') as [Buffer];
      client.destroy();
      return text.toString();
    };
    const staying = await dial(port);
    await once(staying, 'data');
    const second = await plane.begin({ listen: here(ANY_PORT), connect: fixed(two), ...nextRun(forward) });
    await plane.untilUp(second);
    expect(await heard()).toBe('two');
    const third = await plane.begin({ listen: here(ANY_PORT), connect: { kind: 'fixed', address: nobody, fallbacks: [{ host: one.host, port: one.port }] }, ...nextRun(second) });
    await plane.untilUp(third);
    expect(await heard()).toBe('one');
    const seen = outcome(staying);
    await plane.stop(third);
    expect(await seen).toBe('reset');
    await Promise.all([one.close(), two.close()]);
  });

  it('that is a range of another length binds anew', async () => {
    const first = await findFreeRange(3);
    const range = (portCount: number): Poles => ({ listen: { side: 'here', addresses: [{ host: '127.0.0.1', port: first }], portCount }, connect: fixed({ host: '127.0.0.1', port: tunnels.echo.port - 2 }) });
    const forward = await plane.begin(range(2));
    await plane.untilUp(forward);
    await expect(dial(first + 2)).rejects.toThrow('ECONNREFUSED');
    const second = await plane.begin({ ...range(3), ...nextRun(forward) });
    await plane.untilUp(second);
    expect(await tunnels.echoThrough(first + 2)).toBe('hello');
    const third = await plane.begin({ ...range(2), ...nextRun(second) });
    await plane.untilUp(third);
    await expect(dial(first + 2)).rejects.toThrow('ECONNREFUSED');
    await plane.stop(third);
  });
});
