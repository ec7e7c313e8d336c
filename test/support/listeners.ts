import { run } from './processes.ts';

/** One TCP socket of this machine that listens. */
export interface Listener {
  /** `127.0.0.1:8080`, `[::1]:8080`. */
  readonly address: string;
  /** The kernel's own name for the socket: another one on the same address has another number. */
  readonly inode: number;
}

/** Who listens on this port of this machine, on whatever address. */
export async function listenersOn(port: number): Promise<Listener[]> {
  const lines = (await run('ss', ['-Hltne', `sport = :${String(port)}`])).split('\n').filter((line) => line !== '');
  return lines.map((line) => ({ address: line.split(/\s+/)[3] ?? '', inode: Number(/\bino:(\d+)/.exec(line)?.[1]) }));
}
