import { connect, type Socket } from 'node:net';
import type { HostPort } from '../../src/core/address.ts';
import { pour } from './tcpPeers.ts';

/** What a server does with a connection. */
export type Behaviour = (socket: Socket) => void;

const IDENTIFICATION = 'SSH-2.0-bad_server\r\n';

/** SSH_MSG_IGNORE before a key exchange: what a client must take and may forget (RFC 4253 sections 6 and 11.2). */
const IGNORED = packet(Buffer.concat([Buffer.of(2, 0, 0, 0x7f, 0x00), Buffer.alloc(0x7f00)]));

/** An SSH packet as it is before the first key exchange. */
export function packet(payload: Buffer): Buffer {
  const padding = 8 - ((payload.length + 5) % 8) + 8;
  const head = Buffer.alloc(5);
  head.writeUInt32BE(payload.length + padding + 1);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

/** Sends this and nothing more, and keeps the connection open. */
export function says(text: string | Buffer): Behaviour {
  return (socket) => {
    socket.resume().on('end', () => socket.end());
    socket.write(text);
  };
}

export function closesAfter(text: string | Buffer): Behaviour {
  return (socket) => { socket.resume().end(text); };
}

/** Begins as an SSH server and then sends without end. */
export function floods(): Behaviour {
  return (socket) => {
    socket.write(IDENTIFICATION);
    pour(socket, Buffer.concat([IGNORED, IGNORED]));
  };
}

/** Begins as an SSH server and goes on with this. */
export function continuesWith(bytes: Buffer): Behaviour {
  return says(Buffer.concat([Buffer.from(IDENTIFICATION), bytes]));
}

/** A real server whose bytes are changed, by where they stand; undefined swallows this and everything after it. */
export function through(server: HostPort, change: (chunk: Buffer, position: number) => Buffer | undefined): Behaviour {
  return (socket) => {
    const upstream = connect(server).on('error', () => socket.destroy());
    socket.on('error', () => upstream.destroy()).on('close', () => upstream.destroy()).pipe(upstream);
    let position = 0;
    upstream.on('end', () => socket.end()).on('data', (chunk: Buffer) => {
      const changed = change(chunk, position);
      position += chunk.length;
      if (changed !== undefined && !socket.destroyed) socket.write(changed);
    });
  };
}

/** A real server whose first bytes come one by one. */
export function hesitating(server: HostPort, count: number): Behaviour {
  return (socket) => {
    socket.setNoDelay(true);
    const upstream = connect(server).on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy()).pipe(upstream);
    upstream.once('data', (chunk: Buffer) => {
      upstream.pause();
      const send = (position: number): void => {
        if (socket.destroyed) return;
        if (position < count) {
          socket.write(chunk.subarray(position, position + 1), () => setTimeout(send, 2, position + 1));
          return;
        }
        socket.write(chunk.subarray(position));
        upstream.pipe(socket);
      };
      send(0);
    });
  };
}
