import { readFile } from 'node:fs/promises';
import type { HostPort } from '../core/address.ts';
import { findHolders, type Program } from './linuxSockets.ts';
import { isInTheWay } from './portConflict.ts';
import { parseProcNetTcp, type TcpSocket } from './socketTable.ts';

/** Which program receives the datagrams of a port that somebody else wants; undefined when the system does not tell. Linux only; never rejects. */
export async function findUdpHolder(wanted: HostPort): Promise<Program | undefined> {
  if (process.platform !== 'linux') return undefined;
  try {
    const inTheWay = (await listUdpSockets()).filter(({ local }) => isInTheWay(local, wanted));
    const holders = await findHolders(new Set(inTheWay.map(({ inode }) => inode)));
    return [...holders.values()][0];
  } catch {
    return undefined;
  }
}

/** Every address of this machine at which datagrams are received, as far as the system tells. Never rejects. */
export async function listUdpReceivers(): Promise<readonly HostPort[]> {
  return process.platform === 'linux' ? (await listUdpSockets()).map(({ local }) => local) : [];
}

/** The tables have the columns of those of TCP (udp4_format_sock of Linux' net/ipv4/udp.c). */
async function listUdpSockets(): Promise<TcpSocket[]> {
  const texts = await Promise.all(['/proc/net/udp', '/proc/net/udp6'].map((path) => readFile(path, 'latin1').catch(() => '')));
  return texts.flatMap((text) => parseProcNetTcp(text));
}
