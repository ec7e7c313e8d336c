import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import { startDnsServer } from '../support/dnsServer.ts';
import { eventually } from '../support/eventually.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { openDescriptors } from '../support/planeRoutes.ts';
import { fixed, hereUdp, portOf } from '../support/poles.ts';
import { run } from '../support/processes.ts';
import { settled, sha256, testBytes } from '../support/tcpPeers.ts';
import { serveUdp, UdpClient, type UdpServer } from '../support/udpPeers.ts';

const ANY: HostPort = { host: '127.0.0.1', port: 0 };
const HELLO = Buffer.from('hello');

describe('a forward of datagrams', () => {
  let plane: PlaneClient;
  let server: UdpServer;
  beforeAll(async () => {
    plane = await PlaneClient.start();
    server = await serveUdp();
  });
  afterAll(async () => {
    await plane.close();
    await server.close();
  });

  async function start(connect: HostPort, ...listen: readonly HostPort[]): Promise<{ forward: StartedForward; port: number }> {
    const forward = await plane.begin({ listen: hereUdp(...(listen.length === 0 ? [ANY] : listen)), connect: fixed(connect) });
    await plane.untilUp(forward);
    return { forward, port: portOf(plane.boundOf(forward).addresses[0]) };
  }

  async function ask(port: number, datagram = HELLO, host = '127.0.0.1'): Promise<Buffer> {
    const client = await UdpClient.open(port, host);
    try {
      return await client.ask(datagram);
    } finally {
      await client.close();
    }
  }

  it.each([0, 1, 1_472, 1_473, 9_000, 65_507])('keeps the bounds and the bytes of a datagram of %i bytes, each way', async (length) => {
    const { forward, port } = await start(server);
    const client = await UdpClient.open(port);
    const datagram = testBytes(length);
    const there = once(server.socket, 'message');
    const back = await client.ask(datagram);
    const [received] = await there as [Buffer];
    expect([received, back].map((each) => [each.length, sha256(each)])).toEqual([[length, sha256(datagram)], [length, sha256(datagram)]]);
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'established', bytesUp: length, bytesDown: length }]);
    await client.close();
    await plane.stop(forward);
  });

  it('keeps the order and the bounds of many datagrams of one origin', async () => {
    const { forward, port } = await start(server);
    const client = await UdpClient.open(port);
    const sizes = Array.from({ length: 40 }, (_, index) => index * 37 + 1);
    for (const size of sizes) await client.send(testBytes(size));
    const back: number[] = [];
    while (back.length < sizes.length) back.push((await client.next()).length);
    expect(back).toEqual(sizes);
    await client.close();
    await plane.stop(forward);
  });

  it('carries 200 flows at once, each to its own origin, and leaves nothing behind', async () => {
    const { forward, port } = await start(server);
    const before = openDescriptors();
    const clients = await Promise.all(Array.from({ length: 200 }, () => UdpClient.open(port)));
    const answers = await Promise.all(clients.map(async (client) => (await client.ask(Buffer.from(String(client.port)))).toString()));
    expect(answers).toEqual(clients.map((client) => String(client.port)));
    const flows = await plane.connections(forward);
    expect(flows.map(({ origin }) => (origin as HostPort).port).sort()).toEqual(clients.map((client) => client.port).sort());
    expect(flows.every(({ phase, accepted }) => phase === 'established' && (accepted as HostPort).port === port)).toBe(true);
    await plane.stop(forward);
    for (const client of clients) await client.close();
    expect((await plane.connections(forward))).toEqual([]);
    await eventually(() => openDescriptors() < before);
  });

  it('binds both loopbacks to one port, and answers from where it was asked', async () => {
    const { forward, port } = await start(server, ANY, { host: '::1', port: 0 });
    expect(plane.boundOf(forward)).toEqual({ addresses: [{ host: '127.0.0.1', port }, { host: '::1', port }] });
    // The client's socket is connected, so that an answer from elsewhere would not come.
    expect((await ask(port)).toString()).toBe('hello');
    expect((await ask(port, HELLO, '::1')).toString()).toBe('hello');
    await plane.stop(forward);
  });

  it('binds every interface, of both families side by side', async () => {
    const { forward, port } = await start(server, { host: '0.0.0.0', port: 0 }, { host: '::', port: 0 });
    expect((await ask(port)).toString()).toBe('hello');
    expect((await ask(port, HELLO, '::1')).toString()).toBe('hello');
    expect((await plane.connections(forward)).map(({ origin }) => (origin as HostPort).host)).toEqual(['127.0.0.1', '::1']);
    await plane.stop(forward);
  });

  it('does without the second loopback when somebody else has it, and says so', async () => {
    const other = await serveUdp(undefined, '::1');
    const { forward, port } = await start(server, { host: '127.0.0.1', port: other.port }, { host: '::1', port: other.port });
    const address = { host: '::1', port: other.port };
    expect(port).toBe(other.port);
    expect(plane.boundOf(forward)).toMatchObject({ addresses: [{ host: '127.0.0.1', port }], missing: { address, failure: { code: 'address-in-use', context: address } } });
    await plane.stop(forward);
    await other.close();
  });

  it('fails when its address is taken, and holds nothing then', async () => {
    const other = await serveUdp();
    const listen = hereUdp({ host: '127.0.0.1', port: other.port }, { host: '::1', port: other.port });
    const before = openDescriptors();
    const forward = await plane.begin({ listen, connect: fixed(server) });
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code: 'address-in-use', context: { host: '127.0.0.1', port: other.port } } });
    await eventually(() => openDescriptors() <= before);
    const free = createSocket('udp6').bind(other.port, '::1');
    await once(free, 'listening');
    free.close();
    await other.close();
    const again = await plane.begin({ id: forward.id, generation: 2, listen, connect: fixed(server) });
    await plane.untilUp(again);
    expect((await ask(other.port)).toString()).toBe('hello');
    await plane.stop(again);
  });

  it('complains when nobody listens at the destination, and works as soon as somebody does', async () => {
    const gone = await serveUdp();
    await gone.close();
    const { forward, port } = await start(gone);
    const client = await UdpClient.open(port);
    await client.send(HELLO);
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'destination-refused', context: { host: '127.0.0.1', port: gone.port } });
    const back = await serveUdp(undefined, '127.0.0.1', gone.port);
    expect((await client.ask(HELLO)).toString()).toBe('hello');
    expect(await plane.until(() => plane.of('destination', forward).at(-1)?.failure === undefined)).toBe(true);
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'established', origin: { port: client.port } }]);
    expect(plane.of('destination', forward)).toHaveLength(2);
    await client.close();
    await back.close();
    await plane.stop(forward);
  });

  it('complains of a name that nobody knows, and closes the flow', async () => {
    const { forward, port } = await start({ host: 'nowhere.invalid', port: 53 });
    const client = await UdpClient.open(port);
    await client.send(HELLO);
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'destination-unreachable', context: { host: 'nowhere.invalid', port: 53 } });
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'closed', closeReason: 'destination-unreachable' }]);
    await client.send(HELLO);
    await eventually(async () => (await plane.connections(forward)).filter(({ phase }) => phase === 'closed').length === 2);
    await client.close();
    await plane.stop(forward);
  });

  it('looks up a destination that is a name', async () => {
    const { forward, port } = await start({ host: 'localhost', port: server.port });
    expect((await ask(port)).toString()).toBe('hello');
    expect(plane.of('destination', forward).filter(({ failure }) => failure !== undefined)).toEqual([]);
    await plane.stop(forward);
  });

  it('comes to rest when it leads to itself', async () => {
    const free = await serveUdp();
    await free.close();
    const itself = { host: free.host, port: free.port };
    const { forward } = await start(itself, itself);
    const client = await UdpClient.open(free.port);
    await client.send(HELLO);
    expect(await settled(async () => Math.max(0, ...(await plane.connections(forward)).map(({ id }) => id)))).toBe(1_024);
    await client.close();
    await plane.stop(forward);
    expect(await plane.connections(forward)).toEqual([]);
  });

  it('carries the questions of a real dig, and large answers to them', async () => {
    const dns = await startDnsServer(['--address=/culvert.test/192.0.2.7', ...Array.from({ length: 8 }, (_, index) => `--txt-record=large.test,${String(index).repeat(200)}`)]);
    const { forward, port } = await start({ host: '127.0.0.1', port: dns.port });
    const dig = (...question: readonly string[]): Promise<string> => run('dig', ['@127.0.0.1', '-p', String(port), '+notcp', '+ignore', '+tries=1', ...question]);
    expect(await dig('+short', 'db.culvert.test')).toBe('192.0.2.7\n');
    const large = await dig('+bufsize=4096', 'large.test', 'TXT');
    expect(large).toMatch(/ANSWER: 8,/);
    expect(Number(/MSG SIZE\s+rcvd: (\d+)/.exec(large)?.[1])).toBeGreaterThan(1_600);
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'established' }, { phase: 'established' }]);
    await plane.stop(forward);
    await dns.stop();
  });

  it('keeps its flows when it is started again with the same addresses', async () => {
    const { forward, port } = await start(server);
    const client = await UdpClient.open(port);
    await client.ask(HELLO);
    const again = await plane.begin({ id: forward.id, generation: 2, listen: hereUdp(ANY), connect: fixed(server) });
    await plane.untilUp(again);
    expect((await client.ask(HELLO)).toString()).toBe('hello');
    expect(await plane.connections(again)).toHaveLength(1);
    await client.close();
    await plane.stop(again);
  });
});
