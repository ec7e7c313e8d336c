import { readdir, readFile, readlink } from 'node:fs/promises';
import { parseProcNetTcp, type TcpSocket } from './socketTable.ts';

/** A running program. */
export interface Program {
  readonly pid: number;
  readonly program: string;
}

/** How many processes are looked through at once. */
const BATCH_SIZE = 32;

/** Every TCP socket of this network namespace, or those that have one of these ports here. */
export async function listSockets(localPorts?: ReadonlySet<number>): Promise<TcpSocket[]> {
  const texts = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => readFile(path, 'latin1').catch(() => '')));
  return texts.flatMap((text) => parseProcNetTcp(text, localPorts));
}

/** Who holds the sockets, by inode, in one walk over all processes; those of other users stay unknown. */
export async function findHolders(inodes: ReadonlySet<number>): Promise<Map<number, Program>> {
  const found = new Map<number, Program>();
  const wanted = new Set([...inodes].filter((inode) => inode !== 0));
  const pids = wanted.size === 0 ? [] : (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  for (let at = 0; at < pids.length && found.size < wanted.size; at += BATCH_SIZE) {
    await Promise.all(pids.slice(at, at + BATCH_SIZE).map(async (pid) => {
      const held = (await socketsOf(pid)).filter((inode) => wanted.has(inode) && !found.has(inode));
      if (held.length === 0) return;
      const program = await programName(pid);
      for (const inode of held) found.set(inode, { pid, program });
    }));
  }
  return found;
}

async function socketsOf(pid: number): Promise<number[]> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => [] as string[]);
  const links = await Promise.all(descriptors.map((name) => readlink(`${folder}/${name}`).catch(() => '')));
  return links.flatMap((link) => {
    const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
    return inode === undefined ? [] : [Number(inode)];
  });
}

/** The file that runs; the command name, which a program can change and which has 15 characters, where it is not shown. */
async function programName(pid: number): Promise<string> {
  const path = await readlink(`/proc/${pid}/exe`).catch(() => '');
  const name = path.replace(/ \(deleted\)$/, '').replace(/^.*\//s, '');
  if (name !== '') return name;
  return (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
}
