import { isIP, type Socket } from 'node:net';
import { ForwardError } from '../../core/failure.ts';
import type { Disposable } from '../../core/lifecycle.ts';
import type { Clock } from '../../core/ports.ts';
import type { SshHop } from '../../core/sshTarget.ts';
import { untilAborted } from '../abort.ts';
import { addressesOf, connectTcp, systemCode } from '../tcpConnect.ts';

/** What ssh sleeps between two of its ConnectionAttempts (ssh_connect_direct of OpenSSH's sshconnect.c). */
const PAUSE_MS = 1_000;

/**
 * Dials the first hop of a chain as AddressFamily, BindAddress and ConnectionAttempts say. Rejects as `connectTcp`, with the
 * error of the last attempt; a name that has no address is not asked for again.
 */
export async function dialFirstHop(hop: SshHop, clock: Clock, signal: AbortSignal): Promise<Socket> {
  for (let left = hop.connectionAttempts ?? 1; ; left -= 1) {
    try {
      return await dialOnce(hop, clock, signal);
    } catch (error) {
      if (left <= 1 || error instanceof ForwardError || isUnresolved(error)) throw error;
    }
    await pause(clock, signal);
  }
}

async function dialOnce(hop: SshHop, clock: Clock, signal: AbortSignal): Promise<Socket> {
  const { host, port, bindAddress, addressFamily: family, connectTimeoutMs: timeoutMs } = hop;
  const shared = { allowHalfOpen: false, timeoutMs, clock };
  if (bindAddress === undefined) {
    return connectTcp({ ...shared, address: { host, port }, ...(family === undefined ? {} : { family }) }, signal);
  }
  // Node tries one address only when it has to bind, so that each gets a socket of its own here.
  const addresses = await untilAborted(addressesOf(host, isIP(bindAddress) === 6 ? 6 : 4), signal);
  let failure: unknown;
  for (const address of addresses) {
    try {
      return await connectTcp({ ...shared, address: { host: address, port }, bindAddress }, signal);
    } catch (error) {
      if (error instanceof ForwardError) throw error;
      failure = error;
    }
  }
  throw failure;
}

function isUnresolved(error: unknown): boolean {
  return ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL', 'EAI_NONAME'].includes(systemCode(error));
}

async function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  let timer: Disposable | undefined;
  const over = new Promise<void>((resolve) => { timer = clock.after(PAUSE_MS, resolve); });
  try {
    await untilAborted(over, signal);
  } finally {
    timer?.dispose();
  }
}
