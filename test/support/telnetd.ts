import { connect } from 'node:net';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';
import type { NetworkNamespace } from './netns.ts';
import { descendantsOf, signalProcess } from './processes.ts';

const TELNETD = '/usr/sbin/telnetd';

export interface TelnetdOptions {
  readonly host?: string;
  readonly port?: number;
  readonly namespace?: NetworkNamespace;
  /** What a client meets: the system's own login, or a shell at once. */
  readonly greets?: 'login' | 'shell';
}

/** A real telnet server: inetutils' telnetd, started for each client as inetd would. Needs root. */
export class Telnetd {
  private constructor(
    private readonly child: ChildProcess,
    readonly host: string,
    readonly port: number,
  ) {}

  static async start(options: TelnetdOptions = {}): Promise<Telnetd> {
    const host = options.host ?? '127.0.0.1';
    const port = options.port ?? 23;
    const program = options.greets === 'shell' ? `${TELNETD} --exec-login=/bin/sh` : TELNETD;
    // nofork hands the socket itself to telnetd, which asks it for its peer.
    const socat = ['socat', `TCP4-LISTEN:${port},bind=${host},reuseaddr,fork,backlog=128`, `EXEC:${program},nofork`];
    const command = options.namespace === undefined ? socat : ['ip', 'netns', 'exec', options.namespace.name, ...socat];
    const child = spawn(command[0] ?? 'socat', command.slice(1), { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    const telnetd = new Telnetd(child, host, port);
    await eventually(() => telnetd.isListening(options.namespace), { explain: () => complaint });
    return telnetd;
  }

  /** Ends the server and every session of it. */
  async stop(): Promise<void> {
    const pid = this.child.pid;
    if (pid === undefined || this.child.exitCode !== null || this.child.signalCode !== null) return;
    const sessions = descendantsOf(pid);
    const exit = once(this.child, 'exit');
    for (const each of [pid, ...sessions]) signalProcess(each, 'SIGKILL');
    await exit;
  }

  private async isListening(namespace: NetworkNamespace | undefined): Promise<boolean> {
    if (this.child.exitCode !== null) throw new Error(`telnetd's listener ended with ${this.child.exitCode}`);
    if (namespace === undefined) return accepts(this.host, this.port);
    const listeners = await namespace.exec('ss', '-Hltn', `sport = :${this.port}`);
    return listeners.includes(`:${this.port}`);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
