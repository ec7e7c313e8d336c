import { connect, type Socket } from 'node:net';
import type { HostPort } from '../core/address.ts';
import { ForwardError } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';

/** How long one address of a name may stay silent before the next one is tried: a dead AAAA must not hide a live A. */
const ADDRESS_TIMEOUT_MS = 1_000;

export interface TcpConnectOptions {
  readonly address: HostPort;
  readonly allowHalfOpen: boolean;
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/**
 * Connects with noDelay, trying every address of a name. Rejects with the system's error, `ETIMEDOUT` after
 * `timeoutMs`, or with a `ForwardError` of `cancelled` when the signal aborts.
 */
export function connectTcp({ address, allowHalfOpen, timeoutMs, clock }: TcpConnectOptions, signal: AbortSignal): Promise<Socket> {
  if (signal.aborted) return Promise.reject(cancelled(address));
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...address,
      allowHalfOpen,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
    });
    const onAbort = (): void => { fail(cancelled(address)); };
    const timer = clock.after(timeoutMs, () => { fail(timedOut(timeoutMs)); });
    const settle = (): void => {
      timer.dispose();
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (error: Error): void => {
      settle();
      socket.destroy();
      reject(error);
    };
    signal.addEventListener('abort', onAbort);
    // Stays for good: an error must find a listener at any time.
    socket.on('error', (error) => { fail(mostTelling(error)); });
    socket.once('connect', () => {
      settle();
      if (isConnectedToItself(socket)) fail(systemError('ECONNREFUSED', 'nobody listens there'));
      else resolve(socket);
    });
  });
}

/** The system's code of an error (`ECONNREFUSED` …), or an empty string. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Of the errors of several addresses the one that says most: somebody answered, rather than nobody. */
function mostTelling(error: Error): Error {
  if (!(error instanceof AggregateError)) return error;
  const errors = error.errors.filter((each) => each instanceof Error);
  return errors.find((each) => systemCode(each) === 'ECONNREFUSED') ?? errors[0] ?? error;
}

/** TCP lets a socket that dials a free port of the ephemeral range meet itself (simultaneous open, RFC 9293 section 3.5). */
function isConnectedToItself(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}

function timedOut(timeoutMs: number): Error {
  return systemError('ETIMEDOUT', `no answer within ${timeoutMs} ms`);
}

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function cancelled(address: HostPort): ForwardError {
  return new ForwardError('cancelled', `connecting to ${address.host} was cancelled`);
}
