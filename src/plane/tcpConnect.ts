import { lookup, type LookupAddress } from 'node:dns';
import { connect, isIP, type LookupFunction, type Socket } from 'node:net';
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
  /** Only addresses of this family. */
  readonly family?: 4 | 6;
  /** An address of this machine to connect from; of the addresses of a name only the first is tried then. */
  readonly bindAddress?: string;
}

/**
 * Connects with noDelay, trying every address of a name. Rejects with the system's error, `ETIMEDOUT` after
 * `timeoutMs`, or with a `ForwardError` of `cancelled` when the signal aborts.
 */
export function connectTcp(options: TcpConnectOptions, signal: AbortSignal): Promise<Socket> {
  const { address, allowHalfOpen, timeoutMs, clock, family, bindAddress } = options;
  if (signal.aborted) return Promise.reject(cancelled(address));
  if (isOfOtherFamily(address.host, family)) return Promise.reject(withoutAddress(address.host, family));
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...address,
      allowHalfOpen,
      noDelay: true,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_TIMEOUT_MS,
      // Not `family`, with which Node would try the first address only.
      ...(family === undefined ? {} : { lookup: lookupOf(family) }),
      ...(bindAddress === undefined ? {} : { localAddress: bindAddress }),
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
      if (isConnectedToItself(socket, address.port)) fail(systemError('ECONNREFUSED', 'nobody listens there'));
      else resolve(socket);
    });
  });
}

/** Every address that a name has, of one family where that is given, or the address itself; rejects with `ENOTFOUND` and the like. */
export async function addressesOf(host: string, family: 4 | 6 | undefined): Promise<readonly string[]> {
  if (isOfOtherFamily(host, family)) throw withoutAddress(host, family);
  return new Promise((resolve, reject) => {
    lookup(host, { all: true, family: family ?? 0 }, (error: Error | null, addresses: readonly LookupAddress[]) => {
      if (error === null) resolve(addresses.map(({ address }) => address));
      else reject(error);
    });
  });
}

function lookupOf(family: 4 | 6): LookupFunction {
  return (host, options, callback) => { lookup(host, { ...options, family }, callback); };
}

/** Names are looked up in the right family; an address has one already. */
function isOfOtherFamily(host: string, family: 4 | 6 | undefined): boolean {
  const own = isIP(host);
  return family !== undefined && own !== 0 && own !== family;
}

function withoutAddress(host: string, family: 4 | 6 | undefined): Error {
  return systemError('ENOTFOUND', `${host} has no IPv${String(family ?? '')} address`);
}

/** The system's code of an error (`ECONNREFUSED` …), or an empty string. */
export function systemCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** Whether the system has no room for another socket: it is no fault of whoever is dialled, or of the address. */
export function isOutOfDescriptors(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes(systemCode(error));
}

/** Of the errors of several addresses the one that says most: somebody answered, rather than nobody. */
function mostTelling(error: Error): Error {
  if (!(error instanceof AggregateError)) return error;
  const errors = error.errors.filter((each) => each instanceof Error);
  return errors.find((each) => systemCode(each) === 'ECONNREFUSED') ?? errors[0] ?? error;
}

/** TCP lets a socket that dials a free port of the ephemeral range meet itself (simultaneous open, RFC 9293 section 3.5). */
function isConnectedToItself(socket: Socket, remotePort: number): boolean {
  // Each of these asks the system.
  return socket.localPort === remotePort && socket.localAddress === socket.remoteAddress;
}

/** The error of a dialling that had no answer. */
export function timedOut(timeoutMs: number): Error {
  return systemError('ETIMEDOUT', `no answer within ${timeoutMs} ms`);
}

/** An error as the system would throw it. */
export function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function cancelled(address: HostPort): ForwardError {
  return new ForwardError('cancelled', `connecting to ${address.host} was cancelled`);
}
