import { isLoopback, isWildcard, type HostPort } from '../core/address.ts';
import type { Program } from './linuxSockets.ts';
import { isInTheWay } from './portConflict.ts';
import { findPortHolder, listListeners } from './portHolder.ts';

/** Somebody else answers at the other loopback of a port, so that `localhost` leads there as well. */
export interface LoopbackShadow {
  readonly address: HostPort;
  /** Undefined where the system does not tell. */
  readonly holder: Program | undefined;
}

/**
 * Who answers at a loopback of the port where these addresses do not, while they have the other one. Programs try 127.0.0.1
 * and ::1 for `localhost` in an order of their own. Never rejects.
 */
export async function findLoopbackShadow(bound: readonly HostPort[]): Promise<LoopbackShadow | undefined> {
  const [address] = uncovered(bound);
  if (address === undefined) return undefined;
  if (!(await listListeners()).some((listener) => isInTheWay(listener, address) && !isOwn(listener, bound))) return undefined;
  return { address, holder: await findPortHolder(address) };
}

/** The loopbacks of a port that is had on one of them alone. */
export function uncovered(bound: readonly HostPort[]): HostPort[] {
  const [first] = bound;
  // Wildcards are bound for each version of IP by itself.
  const hasV4 = bound.some(({ host }) => host === '127.0.0.1' || (isWildcard(host) && !host.includes(':')));
  const hasV6 = bound.some(({ host }) => (isLoopback(host) || isWildcard(host)) && host.includes(':'));
  if (first === undefined || hasV4 === hasV6) return [];
  return [{ host: hasV4 ? '::1' : '127.0.0.1', port: first.port }];
}

/** `::` seems to be in the way of 127.0.0.1 as well: no table tells whether it takes IPv4, but our own does not. */
function isOwn(listener: HostPort, bound: readonly HostPort[]): boolean {
  return bound.some(({ host, port }) => host === listener.host && port === listener.port);
}
