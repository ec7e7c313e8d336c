import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { findFreePort } from './freePort.ts';
import { descendantsOf, isAlive, run, signalProcess } from './processes.ts';
import type { SshKeyFile } from './sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';
import { createTestUser, type TestUser } from './testUser.ts';

/** A Dropbear server of its own, with its own user: it reads no other authorized_keys than that of a home folder. */
export class Dropbear {
  readonly host = '127.0.0.1';
  #child: ChildProcess | undefined;
  #log = '';

  private constructor(
    private readonly folder: TemporaryFolder,
    readonly user: TestUser,
    readonly port: number,
    /** Its one host key; there is no private key in OpenSSH's format. */
    readonly hostKeys: readonly SshKeyFile[],
  ) {}

  /** Starts it with these options more (dropbear(8)); needs root. */
  static async start(authorizedKeys: readonly string[] = [], options: readonly string[] = []): Promise<Dropbear> {
    const folder = await createTemporaryFolder('dropbear');
    const user = await createTestUser();
    await mkdir(`${user.home}/.ssh`, { mode: 0o755 });
    await writeFile(`${user.home}/.ssh/authorized_keys`, authorizedKeys.map((line) => `${line}\n`).join(''), { mode: 0o644 });
    const dropbear = new Dropbear(folder, user, await findFreePort(), [await createHostKey(folder.join('host_key'))]);
    await dropbear.launch(options);
    return dropbear;
  }

  get userName(): string {
    return this.user.name;
  }

  /** The listener's process id; each connection is a child of it. */
  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error('This dropbear is not running.');
    return this.#child.pid;
  }

  logText(): string {
    return this.#log;
  }

  /** Listener and connections die at once, as in a crash. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    this.#child = undefined;
    const connections = descendantsOf(child.pid);
    const exit = once(child, 'exit');
    for (const pid of [child.pid, ...connections]) signalProcess(pid, 'SIGKILL');
    await exit;
    await eventually(() => connections.every((pid) => !isAlive(pid)));
  }

  /** Starts again on the same port, with the same key. */
  async restart(options: readonly string[] = []): Promise<void> {
    await this.kill();
    await this.launch(options);
  }

  /** Ends everything and removes files and user. Idempotent. */
  async stop(): Promise<void> {
    await this.kill();
    await this.user.remove();
    await this.folder.remove();
  }

  private async launch(options: readonly string[]): Promise<void> {
    const listen = ['-F', '-E', '-m', '-p', `${this.host}:${this.port}`, '-P', this.folder.join('pid'), '-r', this.folder.join('host_key')];
    const child = spawn('/usr/sbin/dropbear', [...listen, ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child = child;
    const logged = this.#log.length;
    child.stderr.on('data', (chunk: Buffer) => { this.#log += chunk.toString(); });
    // Said once it listens.
    await eventually(() => this.#log.slice(logged).includes('Not backgrounding'), { explain: () => this.#log });
  }
}

async function createHostKey(path: string): Promise<SshKeyFile> {
  await run('rm', ['-f', path]);
  const listing = await run('dropbearkey', ['-t', 'ed25519', '-f', path]);
  const publicKey = /^ssh-ed25519 \S+/m.exec(listing)?.[0] ?? '';
  return { path, type: 'ed25519', publicKey, fingerprint: /SHA256:\S+/.exec(listing)?.[0] ?? '' };
}
