import { isLoopback, type HostPort } from '../core/address.ts';
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

/**
 * Whether nobody holds the other ends of these connections from this machine any more, in the order of the question; false
 * where it cannot be told. Linux only; never rejects.
 */
export async function findGoneOrigins(connections: readonly AcceptedConnection[]): Promise<boolean[]> {
  if (process.platform !== 'linux' || connections.length === 0) return connections.map(() => false);
  const sockets = (await listSockets()).filter(({ isListening }) => !isListening);
  const ours = new Set(sockets.map(({ local, remote }) => pairKey(local, remote)));
  const inodes = new Map<string, number>();
  // By its own address alone: a rule of the firewall may have led it here from another one.
  for (const { local, inode } of sockets) inodes.set(addressKey(local), Math.max(inode, inodes.get(addressKey(local)) ?? 0));
  return connections.map(({ origin, accepted }) => {
    // Without our own end the list is of another network, or the connection is over.
    if (!ours.has(pairKey(accepted, origin))) return false;
    const inode = inodes.get(addressKey(origin));
    // A socket outlives its program while it has something to send, and then goes; one of another machine was never there.
    return inode === undefined ? isLoopback(origin.host) : inode === 0;
  });
}

function pairKey(one: HostPort, other: HostPort): string {
  return `${addressKey(one)} ${addressKey(other)}`;
}

function addressKey({ host, port }: HostPort): string {
  return `${host.toLowerCase().replace(/^::ffff:(?=\d+\.)/, '')} ${port}`;
}
