import { createServer, type RequestListener, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { HostPort, SocketPath } from '../../src/core/address.ts';

/** An HTTP server of a test on a port and on a Unix socket, as the one of a container engine. */
export interface HttpBackend {
  readonly port: HostPort;
  readonly socket: SocketPath;
  close(): Promise<void>;
}

/** Serves on a free port of 127.0.0.1 and at `path`. */
export async function httpBackend(path: string, handle: RequestListener): Promise<HttpBackend> {
  const servers = [createServer(handle).listen(0, '127.0.0.1'), createServer(handle).listen(path)] as const;
  await Promise.all(servers.map((server) => once(server, 'listening')));
  return {
    port: { host: '127.0.0.1', port: (servers[0].address() as AddressInfo).port },
    socket: { path },
    close: async () => { await Promise.all(servers.map(close)); },
  };
}

async function close(server: Server): Promise<void> {
  server.close();
  server.closeAllConnections();
  await once(server, 'close');
}
