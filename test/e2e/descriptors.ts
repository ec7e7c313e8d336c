import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** What a process holds open (proc(5), `/proc/PID/fd`). */
export interface Descriptors {
  readonly count: number;
  /** Its TCP sockets, one line each as the kernel's table has them: `0100007F:1F90 0100007F:C350 01`. */
  readonly tcp: readonly string[];
}

export function descriptorsOf(pid: number): Descriptors {
  const links = readdirSync(`/proc/${String(pid)}/fd`).map((name) => linkOf(`/proc/${String(pid)}/fd/${name}`));
  const table = tcpTableOf(pid);
  return { count: links.length, tcp: links.flatMap((link) => table.get(link) ?? []) };
}

/**
 * Whether nothing stayed open: no TCP socket more than before, and fewer than ten other descriptors.
 * An editor of its own opens a log file or a pipe when it likes; a tunnel that leaked would do so at each of a hundred.
 */
export function isBackTo(before: Descriptors, now: Descriptors): boolean {
  return now.tcp.length <= before.tcp.length && now.count < before.count + 10;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return ''; // Closed since the folder was read.
  }
}

function tcpTableOf(pid: number): Map<string, string> {
  const rows = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/${String(pid)}/net/${name}`, 'utf8').split('\n').slice(1));
  return new Map(rows.filter((row) => row !== '').map((row) => {
    const [, local, remote, state, , , , , , inode] = row.trim().split(/\s+/);
    return [`socket:[${String(inode)}]`, `${String(local)} ${String(remote)} ${String(state)}`];
  }));
}
