import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import { findFreePort } from './freePort.ts';
import { descendantsOf, run, signalProcess } from './processes.ts';
import { dial } from './tcpPeers.ts';

/** Neither the machine's settings and proxies nor a question at a terminal. */
const ENVIRONMENT = [
  '-i', `PATH=${process.env['PATH'] ?? ''}`, 'GIT_CONFIG_GLOBAL=/dev/null', 'GIT_CONFIG_NOSYSTEM=1', 'GIT_TERMINAL_PROMPT=0',
  ...['AUTHOR', 'COMMITTER'].flatMap((who) => [`GIT_${who}_NAME=Culvert`, `GIT_${who}_EMAIL=culvert@localhost`]), 'git',
];

/** Runs the real git(1) in a folder and gives what it printed. */
export async function git(folder: string, ...programArguments: readonly string[]): Promise<string> {
  return (await run('env', [...ENVIRONMENT, '-C', folder, ...programArguments])).trim();
}

/** git-daemon(1): every repository in a folder, for everybody to read and to write, on 127.0.0.1. */
export class GitDaemon {
  readonly host = '127.0.0.1';

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(folder: string): Promise<GitDaemon> {
    const port = await findFreePort();
    const child = spawn('env', [...ENVIRONMENT, 'daemon', '--export-all', '--enable=receive-pack', '--reuseaddr', `--base-path=${folder}`, '--listen=127.0.0.1', `--port=${String(port)}`, folder], { stdio: 'ignore' });
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`git daemon ended with ${String(child.exitCode)}`);
      (await dial(port)).destroy();
      return true;
    });
    return new GitDaemon(child, port);
  }

  async stop(): Promise<void> {
    const { pid, exitCode, signalCode } = this.child;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const exit = once(this.child, 'exit');
    for (const each of [pid, ...descendantsOf(pid)]) signalProcess(each, 'SIGKILL');
    await exit;
  }
}
