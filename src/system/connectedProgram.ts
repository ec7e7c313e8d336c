import type { HostPort } from '../core/address.ts';
import { findHolders, listSockets, type Program } from './linuxSockets.ts';

/** A connection that a listener here accepted. */
export interface AcceptedConnection {
  /** Who connected: the other end's own address. */
  readonly origin: HostPort;
  /** The address of the listener that accepted it. */
  readonly accepted: HostPort;
}

/**
 * The programs at the other ends of connections from this machine, in the order of the question, undefined where it
 * cannot be told. One look for all of them. Linux only; never rejects.
 */
export async function findConnectedPrograms(connections: readonly AcceptedConnection[]): Promise<(Program | undefined)[]> {
  if (process.platform !== 'linux' || connections.length === 0) return connections.map(() => undefined);
  try {
    const inodes = new Map<string, number>();
    // The other end's socket has the addresses the other way round.
    for (const { local, remote, isListening, inode } of await listSockets(new Set(connections.map(({ origin }) => origin.port)))) if (!isListening) inodes.set(pairKey(local, remote), inode);
    const inodeOf = ({ origin, accepted }: AcceptedConnection): number => inodes.get(pairKey(origin, accepted)) ?? 0;
    const holders = await findHolders(new Set(connections.map(inodeOf)));
    return connections.map((connection) => holders.get(inodeOf(connection)));
  } catch {
    return connections.map(() => undefined);
  }
}

/** As `findConnectedPrograms`, for one. */
export async function findConnectedProgram(origin: HostPort, accepted: HostPort): Promise<Program | undefined> {
  return (await findConnectedPrograms([{ origin, accepted }]))[0];
}

function pairKey(one: HostPort, other: HostPort): string {
  return [one, other].map(({ host, port }) => `${host.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')} ${port}`).join(' ');
}
