import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { ServerChannel } from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { openDescriptors } from '../support/planeRoutes.ts';
import { scriptedSshServer, targetAt, type ChannelScript, type ScriptedSshServer } from '../support/scriptedSshServer.ts';
import { dial, outcome, readAll, readSlowly, settled, sha256, testBytes } from '../support/tcpPeers.ts';

const MiB = 1024 * 1024;
/** Fits into the channel's window, so that the server can have handed it over whole. */
const SENT = testBytes(2 * MiB - 1);

describe('a channel whose server behaves as OpenSSH\'s does not', () => {
  let plane: PlaneClient;
  let server: ScriptedSshServer;
  let forward: StartedForward;

  beforeEach(async () => { plane = await PlaneClient.start({ verifyHostKey: async () => ({ isAccepted: true }) }); });
  afterEach(async () => {
    await plane.stop(forward);
    await server.close();
    await plane.close();
  });

  async function startWith(script: ChannelScript): Promise<number> {
    server = await scriptedSshServer(script);
    const started = await plane.forward({ host: 'destination', port: 1 }, targetAt(server));
    forward = started.forward;
    return started.port;
  }

  it('goes on over a key exchange under the same host key, and ends with a reset in one under another', async () => {
    const port = await startWith((open) => {
      const channel = open();
      channel.pipe(channel);
    });
    const client = await dial(port);
    const echo = async (text: string): Promise<string> => {
      client.write(text);
      const [data] = await once(client, 'data') as [Buffer];
      return data.toString();
    };
    expect(await echo('before')).toBe('before');
    await server.rekey('same');
    expect(await echo('after')).toBe('after');
    const end = outcome(client);
    await server.rekey('another');
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'host-key-mismatch', context: { hop: 'scripted', keyType: 'ssh-ed25519' } });
    expect(await end).toBe('reset');
    expect(plane.questions.map(({ method }) => method)).toEqual(['verifyHostKey']);
  });

  it.each([{ reader: 'fast', read: readAll }, { reader: 'slow', read: readSlowly }])('delivers what came before a close without an end, to a $reader reader', async ({ read }) => {
    const port = await startWith(sendAndClose);
    const client = await dial(port);
    expect(sha256(await read(client))).toBe(sha256(SENT));
    client.end();
    await eventually(async () => (await plane.connections(forward))[0]?.closeReason === 'destination-ended');
  });

  it('delivers what came together with the opening and the close', async () => {
    const port = await startWith((open) => {
      const channel = open();
      channel.write('a greeting');
      channel.close();
    });
    const client = await dial(port);
    expect((await readAll(client)).toString()).toBe('a greeting');
    client.end();
  });

  it('lets go of a client that writes without reading when the server has closed', async () => {
    const channels: ServerChannel[] = [];
    const port = await startWith((open) => { channels.push(open()); });
    const client = await unreadClient(port);
    await eventually(() => channels.length === 1);
    // More than everything on the way holds, so that some of it waits in the plane.
    channels[0]!.write(testBytes(64 * MiB));
    await settled(bytesDown);
    const uploaded = new Promise<void>((resolve) => { client.write(testBytes(32 * MiB), () => { resolve(); }); });
    await settled(async () => (await openConnection()).bytesUp);
    channels[0]!.close();
    // Taken whole only if somebody goes on reading it after the close.
    await uploaded;
    client.destroy();
  });

  it('resets the client when the SSH connection breaks before the destination ended', async () => {
    const connections: object[] = [];
    const port = await startWith((open, connection) => {
      connections.push(connection);
      open().write('half of it');
    });
    const client = await dial(port);
    await once(client, 'data');
    const seen = outcome(client);
    for (const connection of connections) destroyTransport(connection);
    expect(await seen).toBe('reset');
    expect((await plane.untilLost(forward)).failure.code).toBe('connection-lost');
    expect((await plane.connections(forward))[0]).toMatchObject({ closeReason: 'tunnel-lost' });
  });

  it('delivers to the last byte, and ends in order, when the destination had ended before the SSH connection broke', async () => {
    const granted: { readonly channel: ServerChannel; readonly connection: object }[] = [];
    const port = await startWith((open, connection) => { granted.push({ channel: open(), connection }); });
    const probe = await unreadClient(port);
    await eventually(() => granted.length === 1);
    granted[0]!.channel.write(testBytes(64 * MiB));
    const held = await settled(bytesDown);
    probe.destroy();

    // Of this some waits in the plane, behind what the kernel holds for a client that does not read.
    const sent = testBytes(held + MiB);
    const client = await unreadClient(port);
    await eventually(() => granted.length === 2);
    granted[1]!.channel.end(sent);
    await eventually(() => granted[1]!.channel.writableFinished);
    expect(await settled(bytesDown)).toBeLessThan(sent.length);
    destroyTransport(granted[1]!.connection);
    await plane.untilLost(forward);
    expect(sha256(await readSlowly(client.resume()))).toBe(sha256(sent));
    client.end();
    await eventually(async () => (await plane.connections(forward)).every(({ phase }) => phase === 'closed'));
  });

  it('closes a channel whose client reset while it was being opened, 200 of 200', async () => {
    const asked: (() => ServerChannel)[] = [];
    const port = await startWith((open) => { asked.push(open); });
    const clients = await Promise.all(Array.from({ length: 200 }, () => dial(port)));
    await eventually(() => asked.length === 200);
    const descriptors = openDescriptors();
    for (const client of clients) client.resetAndDestroy();
    const open = new Set<ServerChannel>();
    for (const grant of asked) {
      const channel = grant();
      open.add(channel);
      channel.resume().on('close', () => open.delete(channel));
    }
    await eventually(() => open.size === 0);
    await eventually(() => openDescriptors() <= descriptors - 400);
    expect((await plane.connections(forward)).map(({ closeReason }) => closeReason)).toEqual(Array.from({ length: 10 }, () => 'client-reset'));
  });

  it('closes a channel that opens when its forward has been stopped, while another forward keeps the SSH connection', async () => {
    const asked: (() => ServerChannel)[] = [];
    const port = await startWith((open) => { asked.push(open); });
    const other = await plane.forward({ host: 'destination', port: 1 }, targetAt(server));
    const client = await dial(port);
    const seen = outcome(client);
    await eventually(() => asked.length === 1);
    await plane.stop(forward);
    expect(await seen).toBe('reset');
    const channel = asked[0]!().resume();
    await once(channel, 'close');
    await plane.stop(other.forward);
  });

  /** A client that reads nothing until it is told to. */
  async function unreadClient(port: number): Promise<Socket> {
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined);
    client.pause();
    await once(client, 'connect');
    return client;
  }

  /** The latest connection that is open. */
  async function openConnection(): Promise<{ readonly bytesUp: number; readonly bytesDown: number }> {
    const open = (await plane.connections(forward)).filter(({ phase }) => phase !== 'closed');
    return open.at(-1) ?? { bytesUp: 0, bytesDown: 0 };
  }

  async function bytesDown(): Promise<number> {
    return (await openConnection()).bytesDown;
  }

  /** As servers in Go often do: a close, and no end before it. */
  function sendAndClose(open: Parameters<ChannelScript>[0]): void {
    const channel = open();
    channel.write(SENT, () => channel.close());
  }

  function destroyTransport(connection: object): void {
    (connection as { readonly _sock: { destroy(): void } })._sock.destroy();
  }
});
