import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { Duplex } from 'node:stream';
import { untrustedText } from '../../core/failure.ts';
import type { Disposable } from '../../core/lifecycle.ts';
import type { Clock } from '../../core/ports.ts';

/** No line of a proxy's complaints is longer, and no more of them are told. */
const LINE_MAX_LENGTH = 1_000;
const LINES_MAX = 200;

/** What a proxy may take to end after it was asked to; a loss of its terminal is what ssh(1) pretends. */
const GRACE_MS = 1_000;

export interface ProxyCommandOptions {
  /** Its tokens expanded. From the user's own ssh_config, and meant for a shell. */
  readonly command: string;
  /** The user's shell; `/bin/sh` where none is known. */
  readonly shell: string | undefined;
  readonly clock: Clock;
  /** Gets what the command writes to its standard error, cleaned. */
  readonly onLine: (line: string) => void;
}

/**
 * A ProxyCommand's standard input and output as a stream. Ends with its process, and ends it; 'close' comes once the
 * process is gone, and with it whoever it left behind with its standard error.
 */
export class ProxyCommandStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #clock: Clock;
  readonly #onLine: (line: string) => void;
  #lastWords = '';
  #partialLine = '';
  #lines = 0;
  #outcome: string | undefined;
  #isGone = false;
  #onGone: (() => void) | undefined;

  constructor({ command, shell, clock, onLine }: ProxyCommandOptions) {
    super({ allowHalfOpen: false });
    this.#clock = clock;
    this.#onLine = onLine;
    this.on('error', () => undefined);
    this.#child = launch(command, shell);
    const { stdin, stdout, stderr } = this.#child;
    this.#child.on('error', (error) => { this.#outcome = error.message; });
    this.#child.on('exit', (code, signal) => { this.#outcome ??= signal === null ? `exit code ${code ?? 0}` : `signal ${signal}`; });
    // After the exit, and after everything it wrote has been read; of a shell that could not be started, at once.
    this.#child.on('close', () => { this.#onClose(); });
    stdout.on('data', (chunk: Buffer) => { if (!this.push(chunk)) stdout.pause(); });
    stderr.on('data', (chunk: Buffer) => { this.#takeComplaint(chunk.toString('utf8')); });
    // The process may go while we write; its exit tells it.
    for (const stream of [stdin, stdout, stderr]) stream.on('error', () => undefined);
  }

  /** What is known about its end: how it ended and the last line it wrote to its standard error. */
  get epitaph(): string {
    return [this.#outcome, this.#lastWords].filter((text) => text !== undefined && text !== '').join(': ');
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (!this.#child.stdin.writable) callback();
    else this.#child.stdin.write(chunk, () => { callback(); });
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#child.stdin.end(() => { callback(); });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    if (this.#isGone) {
      callback(error);
      return;
    }
    signalGroup(this.#child, 'SIGHUP');
    const impatience: Disposable = this.#clock.after(GRACE_MS, () => {
      signalGroup(this.#child, 'SIGKILL');
      this.#child.stderr.destroy();
    });
    this.#onGone = () => {
      impatience.dispose();
      callback(error);
    };
  }

  #onClose(): void {
    this.#isGone = true;
    this.#takeComplaint('\n');
    this.push(null);
    this.#onGone?.();
  }

  #takeComplaint(text: string): void {
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = (lines.pop() ?? '').slice(0, LINE_MAX_LENGTH);
    for (const line of lines.map((each) => untrustedText(each)).filter((each) => each !== '')) {
      this.#lastWords = line;
      this.#lines += 1;
      if (this.#lines <= LINES_MAX) this.#onLine(line);
      else if (this.#lines === LINES_MAX + 1) this.#onLine('(it writes more, which is left out here)');
    }
  }
}

function launch(command: string, shell = '/bin/sh'): ChildProcessWithoutNullStreams {
  if (process.platform === 'win32') {
    return spawn('cmd.exe', ['/d', '/s', '/c', `"${command}"`], { windowsHide: true, windowsVerbatimArguments: true });
  }
  // A process group of its own, so that a whole pipeline can be ended. With exec, as ssh does, for one process less.
  return spawn(shell, ['-c', `exec ${command}`], { detached: true });
}

/** Reaches what a shell left behind too; while somebody holds its standard error, its number cannot be another's. */
function signalGroup(child: ChildProcessWithoutNullStreams, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    if (process.platform === 'win32') child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // The group is gone already.
  }
}
