import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server, utils, type Connection, type ServerChannel } from 'ssh2';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { generateHostKey } from '../tools/hostKey.mjs';

/** What a scripted server does when a channel is asked for: `open` grants it, now or later. */
export type ChannelScript = (open: () => ServerChannel, connection: Connection) => void;

/** An SSH server that lets everybody in and does what OpenSSH's does not do on request. */
export interface ScriptedSshServer {
  readonly host: string;
  readonly port: number;
  /** Exchanges keys anew on every connection, under the host key that it has or under another one. */
  rekey(key: 'same' | 'another'): Promise<void>;
  close(): Promise<void>;
}

/** `onReady` is called with every connection that has logged in. */
export async function scriptedSshServer(script: ChannelScript, onReady: (connection: Connection) => void = () => undefined): Promise<ScriptedSshServer> {
  const connections = new Set<Connection>();
  const server = new Server({ hostKeys: [generateHostKey().private] }, (connection) => {
    connections.add(connection);
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
    connection.on('authentication', (context) => context.accept());
    connection.on('ready', () => { onReady(connection); });
    connection.on('tcpip', (accept) => script(() => accept().on('error', () => undefined), connection));
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
