import { isSocketPath, type Endpoint } from '../../core/address.ts';
import type { ServerPort } from './serverPorts.ts';

/**
 * Has the server listen on ports in a row, all of them or none, as one whose address is the first. Rejects as `listen` does
 * for the first that the server refuses, once it has freed the others.
 */
export async function listenOnRange(first: Endpoint, portCount: number | undefined, listen: (address: Endpoint) => Promise<ServerPort>): Promise<ServerPort> {
  if (portCount === undefined || isSocketPath(first)) return listen(first);
  const outcomes = await Promise.allSettled(Array.from({ length: portCount }, (_, index) => listen({ host: first.host, port: first.port + index })));
  const ports = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const close = async (): Promise<void> => { await Promise.all(ports.map((port) => port.close())); };
  const refused = outcomes.find((outcome) => outcome.status === 'rejected');
  if (refused === undefined) return { address: first, close };
  await close();
  throw refused.reason;
}
