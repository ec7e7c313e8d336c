import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from './eventually.ts';

/** A person at a real telnet(1): reads what it prints and types lines into it. */
export class TelnetClient {
  readonly #child: ChildProcessWithoutNullStreams;
  #printed = '';

  constructor(host: string, port: number) {
    this.#child = spawn('telnet', [host, String(port)], { stdio: 'pipe' });
    this.#child.stdout.on('data', (chunk: Buffer) => { this.#printed += chunk.toString(); });
    this.#child.stderr.on('data', (chunk: Buffer) => { this.#printed += chunk.toString(); });
    // It may end before the last line has been typed into it.
    this.#child.stdin.on('error', () => undefined);
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('telnet did not start.');
    return this.#child.pid;
  }

  get printed(): string {
    return this.#printed;
  }

  async waitFor(text: string | RegExp): Promise<void> {
    await eventually(() => (typeof text === 'string' ? this.#printed.includes(text) : text.test(this.#printed)), {
      deadlineMs: 20_000, explain: () => `telnet printed: ${this.#printed}`,
    });
  }

  type(line: string): void {
    this.#child.stdin.write(`${line}\r\n`);
  }

  async logIn(user: string, password: string): Promise<void> {
    await this.waitFor(/login: /);
    this.type(user);
    await this.waitFor(/Password: /);
    this.type(password);
    await this.waitFor(/[$#] /);
  }

  /** Types `exit` and waits until telnet itself has ended. */
  async logOut(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.type('exit');
    await exit;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
