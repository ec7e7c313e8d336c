import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, readdir } from 'node:fs/promises';
import { findFreePort } from './freePort.ts';
import { eventually } from './eventually.ts';
import { run } from './processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

/** Debian's package keeps the server's programs here, one folder for each version. */
const VERSIONS = '/usr/lib/postgresql';
const USER = 'culvert';

/** A real PostgreSQL with an empty cluster of its own on 127.0.0.1, which lets everybody in and forgets everything. */
export class Postgres {
  readonly host = '127.0.0.1';

  private constructor(
    private readonly folder: TemporaryFolder,
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(): Promise<Postgres> {
    const folder = await createTemporaryFolder('postgres');
    const programs = await newestPrograms();
    const user = await unprivilegedUser();
    if (user !== undefined) await chown(folder.path, user.uid, user.gid);
    const options = { ...user, cwd: folder.path };
    const initdb = spawn(`${programs}/initdb`, ['--pgdata', folder.join('data'), '--auth=trust', `--username=${USER}`, '--encoding=UTF8', '--locale=C', '--no-sync'], { ...options, stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = await once(initdb, 'exit') as [number | null];
    if (code !== 0) throw new Error(`initdb ended with ${String(code)}`);
    const port = await findFreePort();
    const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'fsync=off', 'synchronize_seqscans=off'];
    const child = spawn(`${programs}/postgres`, ['-D', folder.join('data'), '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])], { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    child.stderr.on('data', (chunk: Buffer) => { log += chunk.toString(); });
    await eventually(() => {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${String(child.exitCode)}`);
      return log.includes('ready to accept connections');
    }, { deadlineMs: 30_000, explain: () => log });
    return new Postgres(folder, child, port);
  }

  /** Cuts every session off, ends the server and removes its files. */
  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) {
      const exit = once(this.child, 'exit');
      this.child.kill('SIGINT');
      await exit;
    }
    await this.folder.remove();
  }
}

/** The arguments with which psql(1) reads no settings of the user's, prints bare values, and stops at the first mistake. */
export function psqlArguments(port: number, ...more: readonly string[]): readonly string[] {
  return ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', `host=127.0.0.1 port=${String(port)} user=${USER} dbname=postgres connect_timeout=20`, ...more];
}

async function newestPrograms(): Promise<string> {
  const newest = (await readdir(VERSIONS)).map(Number).sort((one, other) => one - other).at(-1);
  if (newest === undefined) throw new Error(`no PostgreSQL in ${VERSIONS}`);
  return `${VERSIONS}/${String(newest)}/bin`;
}

/** The server refuses to run as root. */
async function unprivilegedUser(): Promise<{ readonly uid: number; readonly gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const [uid, gid] = await Promise.all([run('id', ['-u', 'nobody']), run('id', ['-g', 'nobody'])]);
  return { uid: Number(uid), gid: Number(gid) };
}
