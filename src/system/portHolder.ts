import type { HostPort } from '../core/address.ts';
import { listenersOfMac, listenersOfWindows, type HeldListener } from './foreignListeners.ts';
import { findHolders, listSockets, type Program } from './linuxSockets.ts';
import { isInTheWay } from './portConflict.ts';

/**
 * Which program listens where somebody else wants to; undefined when the system does not tell, as for programs of other
 * users. Never rejects.
 */
export async function findPortHolder(wanted: HostPort): Promise<Program | undefined> {
  if (!Number.isInteger(wanted.port) || wanted.port < 1 || wanted.port > 65535) return undefined;
  try {
    if (process.platform === 'linux') return await findOnLinux(wanted);
    return (await heldListeners(wanted.port)).find(({ address, holder }) => holder !== undefined && isInTheWay(address, wanted))?.holder;
  } catch {
    return undefined;
  }
}

/** Every address of this machine on which something listens, as far as the system tells. Never rejects. */
export async function listListeners(): Promise<readonly HostPort[]> {
  try {
    if (process.platform === 'linux') return (await listSockets()).filter(({ isListening }) => isListening).map(({ local }) => local);
    return (await heldListeners()).map(({ address }) => address);
  } catch {
    return [];
  }
}

async function findOnLinux(wanted: HostPort): Promise<Program | undefined> {
  const inTheWay = (await listSockets()).filter(({ isListening, local }) => isListening && isInTheWay(local, wanted));
  const holders = await findHolders(new Set(inTheWay.map(({ inode }) => inode)));
  return [...holders.values()][0];
}

async function heldListeners(port?: number): Promise<HeldListener[]> {
  if (process.platform === 'darwin') return listenersOfMac(port);
  return process.platform === 'win32' ? listenersOfWindows(process.env.SystemRoot ?? 'C:\\Windows', port) : [];
}
