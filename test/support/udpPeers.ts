import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { HostPort } from '../../src/core/address.ts';

/** A UDP server of a test, on a port of its own. */
export interface UdpServer extends HostPort {
  readonly socket: Socket;
  /** The port of each origin that it has heard of. */
  readonly origins: ReadonlySet<number>;
  close(): Promise<void>;
}

/** Answers each datagram with `answer(datagram)`, or with itself. */
export async function serveUdp(answer: (datagram: Buffer) => Buffer = (datagram) => datagram, host = '127.0.0.1', port = 0): Promise<UdpServer> {
  const origins = new Set<number>();
  const socket = await bound(host, port);
  socket.on('message', (datagram: Buffer, from: RemoteInfo) => {
    origins.add(from.port);
    socket.send(answer(datagram), from.port, from.address);
  });
  return { host, port: socket.address().port, socket, origins, close: () => closed(socket) };
}

/** A socket that talks to one port, and what comes from there. */
export class UdpClient {
  private readonly waiting: ((datagram: Buffer) => void)[] = [];
  /** What came and was not asked for. */
  readonly received: Buffer[] = [];

  private constructor(private readonly socket: Socket) {
    socket.on('message', (datagram) => {
      const next = this.waiting.shift();
      if (next === undefined) this.received.push(datagram);
      else next(datagram);
    });
    socket.on('error', () => undefined);
  }

  static async open(port: number, host = '127.0.0.1'): Promise<UdpClient> {
    const socket = await bound(host, 0);
    socket.connect(port, host);
    await once(socket, 'connect');
    return new UdpClient(socket);
  }

  get port(): number {
    return this.socket.address().port;
  }

  send(datagram: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.send(datagram, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  next(): Promise<Buffer> {
    const ready = this.received.shift();
    return ready === undefined ? new Promise((resolve) => { this.waiting.push(resolve); }) : Promise.resolve(ready);
  }

  /** Sends a datagram and gives the next that comes. */
  async ask(datagram: Buffer): Promise<Buffer> {
    await this.send(datagram);
    return this.next();
  }

  close(): Promise<void> {
    return closed(this.socket);
  }
}

async function bound(host: string, port: number): Promise<Socket> {
  const socket = createSocket({ type: host.includes(':') ? 'udp6' : 'udp4', recvBufferSize: 1024 * 1024, sendBufferSize: 256 * 1024 });
  socket.bind(port, host);
  await once(socket, 'listening');
  return socket;
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => { socket.close(resolve); });
}
