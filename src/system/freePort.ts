import { MAX_PORT } from '../core/address.ts';
import { isInTheWay } from './portConflict.ts';
import { listListeners } from './portHolder.ts';

/**
 * Ports at or above `from` on which nothing listens that would be in the way on `host`, lowest first. A proposal: what
 * the system hides and who comes first in the meantime, only binding can tell. Never rejects.
 */
export async function proposePorts(host: string, from: number, count = 1): Promise<number[]> {
  const listeners = await listListeners();
  const ports: number[] = [];
  for (let port = Math.max(1, from); port <= MAX_PORT && ports.length < count; port += 1) {
    if (!listeners.some((listener) => isInTheWay(listener, { host, port }))) ports.push(port);
  }
  return ports;
}
