import { createSocket, type Socket } from 'node:dgram';
import { lookup } from 'node:dns';
import { isIP } from 'node:net';

/** For several datagrams of the largest size, 65,507 bytes, that come faster than they are read. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;
/** macOS sends no datagram that does not fit in here, which is 9 kB by itself. */
const SEND_BUFFER_BYTES = 256 * 1024;

/** What may wait to be sent before datagrams are dropped. */
const SEND_QUEUE_MAX_BYTES = 1024 * 1024;

/** An address of a machine. */
export interface Address {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a name in the resolver's order, or the address itself; rejects with `ENOTFOUND` and the like. */
export function resolveHost(host: string): Promise<readonly Address[]> {
  const family = isIP(host);
  if (family !== 0) return Promise.resolve([{ address: host, family }]);
  return new Promise((resolve, reject) => {
    lookup(host, { all: true }, (error: Error | null, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });
}

/** A socket that is not bound yet; of IPv6 alone, so that 0.0.0.0 can be bound beside ::. It looks up no names. */
export function createDatagramSocket(family: number): Socket {
  return createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    lookup: (address, _options, callback) => { callback(null, address, isIP(address)); },
  });
}

/** Makes room for large datagrams, as far as the system grants it; after binding. */
export function widenBuffers(socket: Socket): void {
  for (const widen of [() => { socket.setRecvBufferSize(RECEIVE_BUFFER_BYTES); }, () => { socket.setSendBufferSize(SEND_BUFFER_BYTES); }]) {
    try {
      widen();
    } catch {
      // ENOBUFS where the system's limit is lower: then it is as large as it was.
    }
  }
}

/** True when a datagram is to be dropped, as a router would. */
export function isCongested(socket: Pick<Socket, 'getSendQueueSize'>): boolean {
  return socket.getSendQueueSize() > SEND_QUEUE_MAX_BYTES;
}
