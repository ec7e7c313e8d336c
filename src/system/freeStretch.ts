import { MAX_PORT, type HostPort } from '../core/address.ts';
import { isInTheWay } from './portConflict.ts';

/**
 * The first of `portCount` ports in a row, at or above `from`, on which nobody of `taken` is in the way on `host`; undefined
 * when there is no such stretch.
 */
export function findFreeStretch(taken: readonly HostPort[], host: string, from: number, portCount: number): number | undefined {
  let first = Math.max(1, from);
  for (let port = first; port <= MAX_PORT; port += 1) {
    if (taken.some((address) => isInTheWay(address, { host, port }))) first = port + 1;
    else if (port - first + 1 === portCount) return first;
  }
  return undefined;
}
