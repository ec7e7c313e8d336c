import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { HostPort } from '../../src/core/address.ts';
import { socks5 } from './proxyRequests.ts';
import { dial } from './tcpPeers.ts';

/** Connects through a SOCKS 5 proxy here; rejects with the number of its reply when that is not "succeeded". */
export async function dialSocks5(proxyPort: number, { host, port }: HostPort): Promise<Socket> {
  const socket = await dial(proxyPort);
  socket.write(socks5(host, port));
  try {
    const [, method] = await readExactly(socket, 2);
    if (method !== 0) throw new Error(`SOCKS method ${String(method)}`);
    const [, reply] = await readExactly(socket, 10);
    if (reply !== 0) throw new Error(`SOCKS reply ${String(reply)}`);
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** The next bytes, however they are cut; what comes behind them stays in the socket. */
export async function readExactly(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes?.length === length) return bytes;
    if (bytes !== null) throw new Error(`only ${String(bytes.length)} bytes`);
    const over = new AbortController();
    try {
      await Promise.race([
        once(socket, 'readable', { signal: over.signal }),
        once(socket, 'close', { signal: over.signal }).then(() => { throw new Error('closed by the proxy'); }),
      ]);
    } finally {
      over.abort();
    }
  }
}
