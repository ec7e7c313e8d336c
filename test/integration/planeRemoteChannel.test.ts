import { once } from 'node:events';
import type { Connection, ServerChannel } from 'ssh2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { fixed, onServer } from '../support/poles.ts';
import { scriptedSshServer, targetAt, type ScriptedSshServer } from '../support/scriptedSshServer.ts';
import { serve, type TestServer } from '../support/tcpPeers.ts';

const GRANTED = 4_711;

/** What the server has been asked globally, with how to answer. */
interface Asked {
  readonly name: string;
  readonly info: unknown;
  readonly accept: ((port?: number) => void) | undefined;
}

describe('a forward that listens on a server which behaves as OpenSSH\'s does not', () => {
  let plane: PlaneClient;
  let server: ScriptedSshServer;
  let echo: TestServer;
  let connection: Connection;
  let asked: Asked[];
  /** What the server does when it is asked to listen. */
  let onAsked: (accept: (port?: number) => void) => void;

  beforeEach(async () => {
    asked = [];
    onAsked = (accept) => { accept(GRANTED); };
    echo = await serve((socket) => { socket.pipe(socket); });
    plane = await PlaneClient.start({ verifyHostKey: async () => ({ isAccepted: true }) });
    server = await scriptedSshServer((open) => { open(); }, (ready) => {
      connection = ready;
      ready.on('request', (accept, _reject, name, info) => {
        asked.push({ name, info, accept });
        if (name === 'tcpip-forward' && accept !== undefined) onAsked(accept);
        else accept?.();
      });
    });
  });

  afterEach(async () => {
    await plane.close();
    await server.close();
    await echo.close();
  });

  function begin(port = 0): Promise<StartedForward> {
    return plane.begin({ listen: onServer({ host: '127.0.0.1', port }), connect: fixed(echo), target: targetAt(server) });
  }

  /** Opens a channel for a port as if somebody had connected to it. */
  function open(port: number): Promise<ServerChannel> {
    return new Promise((resolve, reject) => {
      connection.forwardOut('127.0.0.1', port, '10.9.8.7\u001b[31m', 70_000, (error, channel) => {
        if (error === undefined) resolve(channel);
        else reject(error);
      });
    });
  }

  async function echoThrough(channel: ServerChannel): Promise<string> {
    channel.write('hello');
    let said = '';
    channel.on('data', (chunk: Buffer) => { said += chunk.toString(); });
    await eventually(() => said.length >= 'hello'.length);
    // ssh2's server closes a channel that it ends.
    channel.end();
    await once(channel, 'close');
    return said;
  }

  it('takes a connection that comes together with the grant, and cleans what the server says of its origin', async () => {
    let first: Promise<ServerChannel> | undefined;
    onAsked = (accept) => {
      accept(GRANTED);
      first = open(GRANTED);
    };
    const forward = await begin();
    await plane.untilUp(forward);
    expect(await echoThrough(await first!)).toBe('hello');
    expect(await plane.connections(forward)).toMatchObject([{ origin: { host: '10.9.8.7 [31m', port: 65_535 }, accepted: { host: '127.0.0.1', port: GRANTED } }]);
    await plane.stop(forward);
  });

  it('refuses a connection to a port that nobody asked for, or nobody listens on any more', async () => {
    const forward = await begin();
    await plane.untilUp(forward);
    onAsked = (accept) => { accept(); };
    const other = await begin(GRANTED + 1);
    await plane.untilUp(other);
    await expect(open(9)).rejects.toMatchObject({ reason: 1 });
    await plane.stop(forward);
    expect(asked.map(({ name, info }) => [name, info])).toContainEqual(['cancel-tcpip-forward', { bindAddr: '127.0.0.1', bindPort: GRANTED }]);
    await expect(open(GRANTED)).rejects.toThrow();
    expect(echo.accepted()).toBe(0);
    await plane.stop(other);
  });

  it('takes a grant without a port for a refusal', async () => {
    onAsked = (accept) => { accept(); };
    const forward = await begin();
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'remote-bind-refused' });
    await plane.stop(forward);
  });

  it('gives back a port that is granted after its forward was stopped, while another keeps the SSH connection', async () => {
    const other = await begin();
    await plane.untilUp(other);
    const grants: (() => void)[] = [];
    onAsked = (accept) => { grants.push(() => { accept(); }); };
    const late = await begin(GRANTED + 1);
    await eventually(() => grants.length === 1);
    await plane.stop(late);
    expect(asked.map(({ name }) => name)).not.toContain('cancel-tcpip-forward');
    grants[0]!();
    await eventually(() => asked.some(({ name, info }) => name === 'cancel-tcpip-forward' && (info as { bindPort: number }).bindPort === GRANTED + 1));
    await plane.stop(other);
  });

  it('keeps nothing of connections whose SSH connection breaks while their destination is dialled', async () => {
    const forward = await begin();
    await plane.untilUp(forward);
    const opening = Promise.allSettled(Array.from({ length: 50 }, () => open(GRANTED)));
    (connection as unknown as { readonly _sock: { destroy(): void } })._sock.destroy();
    await plane.untilLost(forward);
    await opening;
    await eventually(() => echo.sockets.size === 0);
    await plane.stop(forward);
  });

  it('serves 50 connections that come at once', async () => {
    const forward = await begin();
    await plane.untilUp(forward);
    const channels = await Promise.all(Array.from({ length: 50 }, () => open(GRANTED)));
    expect(new Set(await Promise.all(channels.map(echoThrough)))).toEqual(new Set(['hello']));
    await plane.stop(forward);
  });
});
