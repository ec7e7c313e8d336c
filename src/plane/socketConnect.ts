import { connect, type Socket } from 'node:net';
import { ForwardError } from '../core/failure.ts';
import { isNamedPipe, socketPathLimit } from '../core/socketPathLimit.ts';
import type { Clock } from '../core/ports.ts';
import { untilAborted } from './abort.ts';
import { systemCode, systemError, timedOut } from './tcpConnect.ts';

/** How long to wait for a listener that has no room for another connection: TCP would try again by itself, a Unix socket says EAGAIN. */
const FULL_WAIT_MS = 20;

export interface SocketConnectOptions {
  readonly path: string;
  readonly allowHalfOpen: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Connects to a Unix socket or a named pipe. Rejects with the system's error, `ETIMEDOUT` when its listener has had no
 * room for `timeoutMs`, or with a `ForwardError` of `cancelled` when the signal aborts.
 */
export async function connectSocket(options: SocketConnectOptions, signal: AbortSignal): Promise<Socket> {
  const { path, timeoutMs, clock } = options;
  // libuv would cut the path and connect to another name (uv_pipe_connect).
  if (!isNamedPipe(path, process.platform) && Buffer.byteLength(path) > socketPathLimit(process.platform)) throw systemError('ENAMETOOLONG', 'its path is too long for a socket');
  const deadline = clock.now() + timeoutMs;
  for (;;) {
    try {
      return await connectOnce(options, signal);
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw error;
      if (clock.now() >= deadline) throw timedOut(timeoutMs);
    }
    await untilAborted(new Promise<void>((resolve) => { clock.after(FULL_WAIT_MS, resolve); }), signal).catch(() => { throw cancelled(path); });
  }
}

function connectOnce({ path, allowHalfOpen }: SocketConnectOptions, signal: AbortSignal): Promise<Socket> {
  if (signal.aborted) return Promise.reject(cancelled(path));
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen });
    const onAbort = (): void => { fail(cancelled(path)); };
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    signal.addEventListener('abort', onAbort);
    // Stays for good: an error must find a listener at any time.
    socket.on('error', fail);
    socket.once('connect', () => {
      signal.removeEventListener('abort', onAbort);
      resolve(socket);
    });
  });
}

function cancelled(path: string): ForwardError {
  return new ForwardError('cancelled', `connecting to ${path} was cancelled`);
}
