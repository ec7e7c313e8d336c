import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { eventually } from './eventually.ts';
import { findFreePort } from './freePort.ts';
import { descendantsOf, isAlive, signalProcess } from './processes.ts';
import { createSshKey, type SshKeyFile, type SshKeyType } from './sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from './temporaryFolder.ts';

const SSHD = '/usr/sbin/sshd';
const SFTP_SERVER = '/usr/lib/openssh/sftp-server';

export interface SshdOptions {
  /** Where it listens; 127.0.0.1, or in a network namespace the address that it has there. */
  readonly host?: string;
  /** A random free port, or 22 in a network namespace. */
  readonly port?: number;
  /** The name of a network namespace to run in (needs root). */
  readonly namespace?: string;
  /** One key of each type; ed25519 alone by default. */
  readonly hostKeyTypes?: readonly SshKeyType[];
  /** Lines of authorized_keys, good for every user. */
  readonly authorizedKeys?: readonly string[];
  /** Password and keyboard-interactive logins, through PAM; needs root and a {@link TestUser}. */
  readonly allowsPasswords?: boolean;
  /** Lines of sshd_config that go first, so that they win over the defaults here. */
  readonly extraConfig?: readonly string[];
}

/** A real OpenSSH server of its own: own port, own host keys, own configuration. */
export class Sshd {
  private child: ChildProcess | undefined;

  private constructor(
    private readonly folder: TemporaryFolder,
    private readonly options: SshdOptions,
    readonly host: string,
    readonly port: number,
    readonly hostKeys: readonly SshKeyFile[],
  ) {}

  static async start(options: SshdOptions = {}): Promise<Sshd> {
    const folder = await createTemporaryFolder('sshd');
    const host = options.host ?? '127.0.0.1';
    const port = options.port ?? (options.namespace === undefined ? await findFreePort(host) : 22);
    const hostKeys: SshKeyFile[] = [];
    for (const type of options.hostKeyTypes ?? ['ed25519']) {
      hostKeys.push(await createSshKey(folder.join(`host_${type}`), type));
    }
    const sshd = new Sshd(folder, options, host, port, hostKeys);
    await sshd.setAuthorizedKeys(options.authorizedKeys ?? []);
    await writeFile(sshd.configPath, sshd.configText());
    await sshd.launch();
    return sshd;
  }

  /** The user that can log in with a key from `authorizedKeys`: the one who runs the tests. */
  get userName(): string {
    return userInfo().username;
  }

  get hostKey(): SshKeyFile {
    const [first] = this.hostKeys;
    if (first === undefined) throw new Error('This sshd has no host key.');
    return first;
  }

  get isRunning(): boolean {
    return this.child !== undefined;
  }

  /** The listener's process id; the sessions are its children. */
  get pid(): number {
    if (this.child?.pid === undefined) throw new Error('This sshd is not running.');
    return this.child.pid;
  }

  /** Everything the server logged so far, over restarts. */
  logText(): string {
    return existsSync(this.logPath) ? readFileSync(this.logPath, 'utf8') : '';
  }

  async setAuthorizedKeys(lines: readonly string[]): Promise<void> {
    await writeFile(this.authorizedKeysPath, lines.map((line) => `${line}\n`).join(''), { mode: 0o644 });
  }

  /** Replaces the host key of the first type; takes effect at the next `restart()`. */
  async changeHostKey(): Promise<SshKeyFile> {
    const { path, type } = this.hostKey;
    const key = await createSshKey(`${path}_${Date.now()}`, type);
    (this.hostKeys as SshKeyFile[])[0] = key;
    await writeFile(this.configPath, this.configText());
    return key;
  }

  /** Ends the sessions and leaves the listener: every client loses its connection and may come back. */
  async dropConnections(): Promise<void> {
    await endProcesses(descendantsOf(this.pid), 'SIGKILL');
  }

  /** Stops listener and sessions where they are: connections stay open and nothing answers, until `thaw()`. */
  freeze(): void {
    for (const pid of this.allPids()) signalProcess(pid, 'SIGSTOP');
  }

  thaw(): void {
    for (const pid of this.allPids()) signalProcess(pid, 'SIGCONT');
  }

  /** Listener and sessions die at once, as in a crash; `restart()` brings the server back. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** Ends what is left and starts again on the same port, with the keys and the log it had. */
  async restart(): Promise<void> {
    await this.end('SIGKILL');
    await this.launch();
  }

  /** Ends listener and sessions and removes every file. Idempotent. */
  async stop(): Promise<void> {
    await this.end('SIGTERM');
    await this.folder.remove();
  }

  private get configPath(): string {
    return this.folder.join('sshd_config');
  }

  private get logPath(): string {
    return this.folder.join('sshd.log');
  }

  private get authorizedKeysPath(): string {
    return this.folder.join('authorized_keys');
  }

  private configText(): string {
    const isRoot = process.getuid?.() === 0;
    const passwords = this.options.allowsPasswords === true ? 'yes' : 'no';
    return [
      ...(this.options.extraConfig ?? []),
      `ListenAddress ${this.host.includes(':') ? `[${this.host}]` : this.host}:${this.port}`,
      ...this.hostKeys.map((key) => `HostKey ${key.path}`),
      `AuthorizedKeysFile ${this.authorizedKeysPath}`,
      `PidFile ${this.folder.join('sshd.pid')}`,
      // The folders above belong to /tmp, which StrictModes would refuse.
      'StrictModes no',
      'PubkeyAuthentication yes',
      `PasswordAuthentication ${passwords}`,
      `KbdInteractiveAuthentication ${passwords}`,
      `UsePAM ${isRoot ? passwords : 'no'}`,
      'PermitRootLogin yes',
      'AllowTcpForwarding yes',
      'AllowStreamLocalForwarding yes',
      'X11Forwarding no',
      'UseDNS no',
      'PrintMotd no',
      'LoginGraceTime 30',
      // Of this one sshd takes the last line, not the first.
      ...(this.options.extraConfig?.some((line) => line.startsWith('MaxStartups')) === true ? [] : ['MaxStartups 500:30:1000']),
      'MaxSessions 1000',
      // A test with a wrong password must not slow down the next test.
      'MaxAuthTries 20',
      'LogLevel VERBOSE',
      `Subsystem sftp ${SFTP_SERVER}`,
      '',
    ].join('\n');
  }

  private async launch(): Promise<void> {
    // sshd's privilege separation wants this folder, which a machine without a started service lacks.
    if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
    const logged = this.logText().length;
    const server = [SSHD, '-D', '-f', this.configPath, '-E', this.logPath];
    const command = this.options.namespace === undefined ? server : ['ip', 'netns', 'exec', this.options.namespace, ...server];
    const child = spawn(command[0] ?? SSHD, command.slice(1), { stdio: 'ignore' });
    this.child = child;
    await eventually(
      () => {
        if (child.exitCode !== null) throw new Error(`sshd ended with ${child.exitCode}`);
        return this.logText().slice(logged).includes('Server listening on');
      },
      { explain: () => this.logText() },
    );
  }

  private allPids(): number[] {
    return [this.pid, ...descendantsOf(this.pid)];
  }

  private async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.child;
    if (child?.pid === undefined) return;
    this.child = undefined;
    // Collected first: once the listener is gone its children belong to init.
    const sessions = descendantsOf(child.pid);
    const hasExited = child.exitCode !== null || child.signalCode !== null;
    const exit = hasExited ? Promise.resolve() : once(child, 'exit');
    signalProcess(child.pid, 'SIGCONT');
    signalProcess(child.pid, signal);
    await exit;
    await endProcesses(sessions, 'SIGKILL');
  }
}

async function endProcesses(pids: readonly number[], signal: NodeJS.Signals): Promise<void> {
  for (const pid of pids) signalProcess(pid, signal);
  await eventually(() => pids.every((pid) => !isAlive(pid)));
}
