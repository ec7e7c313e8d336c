import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Server, type Connection, type ServerChannel } from 'ssh2';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { generateHostKey } from '../tools/hostKey.mjs';

/** What a scripted server does when a channel is asked for: `open` grants it, now or later. */
export type ChannelScript = (open: () => ServerChannel, connection: Connection) => void;

/** An SSH server that lets everybody in and does what OpenSSH's does not do on request. */
export interface ScriptedSshServer {
  readonly host: string;
  readonly port: number;
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
    close: async () => {
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => { server.close(() => resolve()); });
    },
  };
}

/** How to reach it. */
export function targetAt({ host, port }: Pick<ScriptedSshServer, 'host' | 'port'>): SshTarget {
  const hop = {
    name: 'scripted', host, port, user: 'anybody', hostKeyAlgorithms: [], identitiesOnly: false, identities: [],
    authenticationMethods: [], numberOfPasswordPrompts: 0, connectTimeoutMs: 5_000, keepaliveIntervalMs: 0, keepaliveCountMax: 0,
  };
  return { key: 'scripted', hops: [hop] };
}
