import type { Socket } from 'node:net';
import type { Clock } from '../../core/ports.ts';
import { borrowReads } from '../borrowedReads.ts';

/** Some eight packets of the size that servers send in bulk. */
const BUFFER_BYTES = 256 * 1024;

/**
 * Has the socket of an SSH connection read into one large buffer, and answers what takes its place: fewer system calls, and
 * fewer packets that come in two pieces. Its chunks are copies until they may be borrowed. One full buffer in a turn of the
 * loop, so that other sockets have theirs. Where Node is not as expected the socket stays the stream that it was.
 */
export function borrowTransportReads(old: Socket, clock: Clock): { readonly socket: Socket; readonly mayBorrow: (isAllowed: boolean) => void } {
  let isAllowed = false;
  let isWaiting = false;
  const socket: Socket = borrowReads(old, (chunk, isFull) => {
    socket.emit('data', isAllowed ? chunk : Buffer.from(chunk));
    if (!isFull || isWaiting) return !isWaiting;
    isWaiting = true;
    clock.after(0, () => {
      isWaiting = false;
      socket.resume();
    });
    return false;
  }, BUFFER_BYTES) ?? old;
  // An error must find a listener at any time; ssh2 comes later.
  socket.on('error', () => undefined);
  return { socket, mayBorrow: (isAllowedNow) => { isAllowed = isAllowedNow; } };
}
