import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { curl } from '../support/curl.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { targetOf } from '../support/planeTargets.ts';
import { openDescriptors } from '../support/planeRoutes.ts';
import { asked, here } from '../support/poles.ts';
import { socks4, socks5 } from '../support/proxyRequests.ts';
import { dialSocks5, readExactly } from '../support/socksClient.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, outcome, readAll, serve, sha256, testBytes } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { Tunnels } from '../support/tunnels.ts';

const LISTEN = here({ host: '127.0.0.1', port: 0 });
const FILE = testBytes(50_000_000);

let tunnels: Tunnels;
let plane: PlaneClient;
let sshd: Sshd;
let web: Server;
let webPort: number;
let folder: TemporaryFolder;

beforeAll(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  sshd = await tunnels.startServer();
  web = createServer((request, response) => {
    if (request.method === 'GET') response.end(FILE);
    else void bodyOf(request).then((body) => response.end(`${String(request.url)} ${String(request.headers.host)} ${sha256(body)}`));
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  webPort = (web.address() as AddressInfo).port;
  folder = await createTemporaryFolder('dynamic');
  await writeFile(folder.join('file'), FILE);
});

afterAll(async () => {
  web.close();
  web.closeAllConnections();
  await folder.remove();
  await tunnels.close();
});

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(request, 'end');
  return Buffer.concat(chunks);
}

/** Starts `-D` over this server. */
function start(server = sshd): Promise<{ forward: StartedForward; port: number }> {
  return startWith({ target: targetOf(tunnels.hop(server)) });
}

/** Starts a proxy; without a target, one that connects from this machine itself. */
async function startWith(more: { readonly target?: SshTarget }): Promise<{ forward: StartedForward; port: number }> {
  const forward = await plane.begin({ listen: LISTEN, connect: asked(), ...more });
  await plane.untilUp(forward);
  return { forward, port: plane.boundOf(forward).addresses[0]!.port };
}

const CLIENTS: readonly { readonly name: string; readonly flags: (proxy: string) => string[]; readonly sees: string }[] = [
  { name: '--socks4', flags: (proxy) => ['--socks4', proxy], sees: '127.0.0.1' },
  { name: '--socks4a', flags: (proxy) => ['--socks4a', proxy], sees: 'localhost' },
  { name: '--socks5', flags: (proxy) => ['--ipv4', '--socks5', proxy], sees: '127.0.0.1' },
  { name: '--socks5-hostname', flags: (proxy) => ['--socks5-hostname', proxy], sees: 'localhost' },
  { name: '--proxy', flags: (proxy) => ['--proxy', `http://${proxy}`], sees: 'localhost' },
  { name: '--proxy --proxytunnel', flags: (proxy) => ['--proxy', `http://${proxy}`, '--proxytunnel'], sees: 'localhost' },
];

describe.each(CLIENTS)('curl $name', ({ flags, sees }) => {
  it('downloads 50 MB to the last byte, and the tree can show from where', async () => {
    const { forward, port } = await start();
    expect(await curl(...flags(`127.0.0.1:${port}`), `http://localhost:${webPort}/`)).toMatchObject({ code: 0, sha256: sha256(FILE) });
    expect(await plane.connections(forward)).toMatchObject([{ destination: `${sees}:${webPort}` }]);
    await plane.stop(forward);
  });

  it('uploads 50 MB to the last byte, as the web server would see it without a proxy', async () => {
    const { forward, port } = await start();
    const { text } = await curl(...flags(`127.0.0.1:${port}`), '--upload-file', folder.join('file'), `http://localhost:${webPort}/up?a=b`);
    expect(text).toBe(`/up?a=b localhost:${webPort} ${sha256(FILE)}`);
    await plane.stop(forward);
  });

  it('learns in its protocol that a destination refuses', async () => {
    const { forward, port } = await start();
    const { code, complaint, text } = await curl(...flags(`127.0.0.1:${port}`), `http://localhost:${await findFreePort()}/`);
    expect(`${code} ${complaint} ${text}`).toMatch(/\b91\b|\(5\)|502|refused the connection/);
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'destination-refused' });
    await plane.stop(forward);
  });
});

describe('a destination that is not reached', () => {
  const EXPECTED: readonly [string, string, HostPort, number][] = [
    ['refuses', 'destination-refused', { host: '127.0.0.1', port: 1 }, 5],
    ['has a name that the far end does not know', 'destination-unreachable', { host: 'no-such-host.invalid', port: 80 }, 4],
  ];
  it.each(EXPECTED)('%s: %s', async (_, closeReason, destination, reply) => {
    const { forward, port } = await start();
    await expect(dialSocks5(port, destination)).rejects.toThrow(`SOCKS reply ${String(reply)}`);
    await eventually(async () => (await plane.connections(forward))[0]?.closeReason === closeReason);
    await plane.stop(forward);
  });

  it('is forbidden by the server: told to the client, and to people', async () => {
    const strict = await tunnels.startServer({ extraConfig: ['PermitOpen 127.0.0.1:1'] });
    const { forward, port } = await start(strict);
    await expect(dialSocks5(port, tunnels.echo)).rejects.toThrow('SOCKS reply 2');
    const { complaint } = await curl('--proxy', `http://127.0.0.1:${port}`, '--proxytunnel', `http://127.0.0.1:${tunnels.echo.port}/`);
    expect(complaint).toContain('403');
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'forwarding-prohibited' });
    expect(await plane.connections(forward)).toMatchObject([{ closeReason: 'forwarding-prohibited' }, { closeReason: 'forwarding-prohibited' }]);
    await plane.stop(forward);
  });
});

describe('the port of a proxy', () => {
  it('tells a browser what it is', async () => {
    const { forward, port } = await start();
    const { text } = await curl('--include', `http://127.0.0.1:${port}/`);
    expect(text).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n.*This port is a proxy/s);
    expect(await plane.connections(forward)).toMatchObject([{ closeReason: 'not-understood', bytesUp: 0, bytesDown: 0 }]);
    await plane.stop(forward);
  });

  it('passes on what came with the request, and counts it, but not the request', async () => {
    const { forward, port } = await start();
    const client = await dial(port);
    client.end(Buffer.concat([socks5('127.0.0.1', tunnels.echo.port), Buffer.from('hello')]));
    const answer = await readAll(client);
    expect(answer.subarray(12).toString()).toBe('hello');
    await eventually(async () => (await plane.connections(forward))[0]?.phase === 'closed');
    expect(await plane.connections(forward)).toMatchObject([{ bytesUp: 5, bytesDown: 5, closeReason: 'client-ended' }]);
    await plane.stop(forward);
  });

  it('keeps what is malformed to itself, answers in the protocol\'s own words, and keeps nothing of it', async () => {
    const { forward, port } = await start();
    const accepted = tunnels.echo.accepted();
    const descriptors = openDescriptors();
    const proper = socks5('127.0.0.1', tunnels.echo.port);
    const damaged: readonly [Buffer, string][] = [
      [socks4('127.0.0.1', tunnels.echo.port, '', 2), '005b000000000000'],
      [Buffer.concat([proper.subarray(0, 4), Buffer.from([3]), proper.subarray(5)]), '050005070001000000000000'],
      [Buffer.concat([proper.subarray(0, 6), Buffer.from([9]), proper.subarray(7)]), '050005080001000000000000'],
      [Buffer.from([5, 1, 1]), '05ff'],
    ];
    for (const [bytes, answer] of damaged) {
      const client = await dial(port);
      client.end(bytes);
      expect((await readAll(client)).toString('hex')).toBe(answer);
    }
    const noise = await dial(port);
    const seen = outcome(noise);
    noise.write(Buffer.from([0x16, 3, 1, 2, 0]));
    expect(await seen).toBe('reset');
    expect(tunnels.echo.accepted()).toBe(accepted);
    await eventually(() => openDescriptors() <= descriptors);
    expect(new Set((await plane.connections(forward)).map(({ closeReason }) => closeReason))).toEqual(new Set(['not-understood']));
    await plane.stop(forward);
  });

  it('is free at once after a stop, whatever its clients have said so far', async () => {
    const { forward, port } = await start();
    const clients = await Promise.all(Array.from({ length: 3 }, () => dial(port)));
    clients[1]!.write(Buffer.from([5, 1, 0]));
    await readExactly(clients[1]!, 2);
    // This one is being told why; it does not read and does not end.
    clients[2]!.write('GET / HTTP/1.1\r\n\r\n');
    await eventually(async () => (await plane.connections(forward)).filter(({ closeReason }) => closeReason === 'not-understood').length === 1);
    const begun = performance.now();
    await plane.stop(forward);
    expect(performance.now() - begun).toBeLessThan(1_000);
    await (await serve(() => undefined, port)).close();
    for (const client of clients) client.destroy();
  });

  it('serves this machine\'s own network without a server, and passes a reset on', async () => {
    const { forward, port } = await startWith({});
    const resetting = await serve((socket) => { socket.once('data', () => socket.resetAndDestroy()); });
    const client = await dialSocks5(port, resetting);
    client.write('x');
    expect(await outcome(client)).toBe('reset');
    await eventually(async () => (await plane.connections(forward))[0]?.closeReason === 'destination-reset');
    await plane.stop(forward);
    await resetting.close();
  });

  it('ends the client\'s connection when the destination resets behind the server', async () => {
    const { forward, port } = await start();
    const resetting = await serve((socket) => { socket.once('data', () => socket.resetAndDestroy()); });
    const client = await dialSocks5(port, resetting);
    client.write('x');
    // sshd makes an end of a reset.
    expect(['ended', 'reset']).toContain(await outcome(client));
    client.end();
    await eventually(async () => (await plane.connections(forward))[0]?.phase === 'closed');
    await plane.stop(forward);
    await resetting.close();
  });
});

describe('a proxy whose tunnel is down', () => {
  it('hears its clients out, lets them wait, and serves them once the tunnel is back', async () => {
    const server = await tunnels.startServer();
    const { forward, port } = await start(server);
    await server.dropConnections();
    await plane.untilLost(forward);
    const waiting = dialSocks5(port, tunnels.echo);
    await eventually(async () => (await plane.connections(forward)).some(({ phase, destination }) => phase === 'parked' && destination === `127.0.0.1:${tunnels.echo.port}`));
    const again = await plane.begin({ id: forward.id, generation: 2, listen: LISTEN, connect: asked(), target: targetOf(tunnels.hop(server)) });
    await plane.untilUp(again);
    const client = await waiting;
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    expect(plane.boundOf(again).addresses[0]!.port).toBe(port);
    await plane.stop(again);
  });
});
