import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server, utils, type AuthContext, type Connection, type ServerChannel } from 'ssh2';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { generateHostKey } from '../tools/hostKey.mjs';

/** What a scripted server does when a channel is asked for: `open` grants it, now or later. */
export type ChannelScript = (open: () => ServerChannel, connection: Connection) => void;

export interface ServerScript {
  readonly channel?: ChannelScript;
  /** Shown before the login (RFC 4252 section 5.4). */
  readonly banner?: string;
  /** Instead of letting everybody in. */
  readonly login?: (attempt: AuthContext, connection: Connection) => void;
  /** Why no channel is opened, and with which reason (RFC 4254 section 5.1), instead of `channel`. */
  readonly refusal?: { readonly reason: number; readonly text: string };
}

/** An SSH server that lets everybody in and does what OpenSSH's does not do on request. */
export interface ScriptedSshServer {
  readonly host: string;
  readonly port: number;
  /** Exchanges keys anew on every connection, under the host key that it has or under another one. */
  rekey(key: 'same' | 'another'): Promise<void>;
  close(): Promise<void>;
}

/** The part of ssh2's connection that its types leave out: messages with texts of our own. */
interface ConnectionInternals {
  readonly _protocol: {
    readonly _packetRW: { readonly write: { readonly allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer } };
    readonly _cipher: { encrypt(packet: Buffer): void };
    readonly _handlers: { CHANNEL_OPEN(protocol: unknown, info: { readonly sender: number }): void; GLOBAL_REQUEST(): void };
    channelOpenFail(channel: number, reason: number, text: string): void;
  };
}

const USERAUTH_BANNER = 53;

/** Sends one more banner, at any time of a login (RFC 4252 section 5.4); ssh2 itself sends one at most. */
export function sendBanner(connection: Connection, text: string): void {
  const { _packetRW: { write }, _cipher: cipher } = (connection as Connection & ConnectionInternals)._protocol;
  const words = Buffer.from(text);
  const start = write.allocStart;
  const packet = write.alloc(9 + words.length);
  packet[start] = USERAUTH_BANNER;
  packet.writeUInt32BE(words.length, start + 1);
  packet.set(words, start + 5);
  packet.writeUInt32BE(0, start + 5 + words.length);
  cipher.encrypt(write.finalize(packet));
}

/** Answers no global request of this connection from now on. */
export function ignoreRequests(connection: Connection): void {
  (connection as Connection & ConnectionInternals)._protocol._handlers.GLOBAL_REQUEST = () => undefined;
}

/** `onReady` is called with every connection that has logged in. */
export async function scriptedSshServer(script: ServerScript | ChannelScript, onReady: (connection: Connection) => void = () => undefined): Promise<ScriptedSshServer> {
  const { channel, banner, login, refusal }: ServerScript = typeof script === 'function' ? { channel: script } : script;
  const connections = new Set<Connection>();
  const server = new Server({ hostKeys: [generateHostKey().private], ...(banner === undefined ? {} : { banner }) }, (connection) => {
    connections.add(connection);
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
    connection.on('ready', () => { onReady(connection); });
    connection.on('authentication', (attempt) => (login === undefined ? attempt.accept() : login(attempt, connection)));
    if (refusal !== undefined) refuseChannels(connection, refusal);
    connection.on('tcpip', (accept) => channel?.(() => accept().on('error', () => undefined), connection));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as AddressInfo).port,
    rekey: async (key) => {
      const another = utils.parseKey(generateHostKey().private);
      await Promise.all([...connections].map((connection) => new Promise<void>((resolve) => {
        connection.once('close', () => { resolve(); });
        if (key === 'another') hostKeysOf(connection)['ssh-ed25519'] = another;
        connection.rekey(() => { resolve(); });
      })));
    },
    close: async () => {
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    },
  };
}

/** ssh2's own table of them: no server changes its key under a connection, so it has no other way. */
function hostKeysOf(connection: Connection): Record<string, unknown> {
  return (connection as unknown as { readonly _protocol: { readonly _hostKeys: Record<string, unknown> } })._protocol._hostKeys;
}

/** How to reach it. */
export function targetAt({ host, port }: Pick<ScriptedSshServer, 'host' | 'port'>): SshTarget {
  const hop = {
    name: 'scripted', host, port, user: 'anybody', hostKeyAlgorithms: [], identitiesOnly: false, identities: [],
    authenticationMethods: [], numberOfPasswordPrompts: 0, connectTimeoutMs: 5_000, keepaliveIntervalMs: 0, keepaliveCountMax: 0,
  };
  return { key: 'scripted', hops: [hop] };
}

function refuseChannels(connection: Connection, { reason, text }: NonNullable<ServerScript['refusal']>): void {
  const { _protocol: protocol } = connection as Connection & ConnectionInternals;
  protocol._handlers.CHANNEL_OPEN = (_from, { sender }) => { protocol.channelOpenFail(sender, reason, text); };
}
