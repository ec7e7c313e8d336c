import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { Duplex } from 'node:stream';
import { untrustedText } from '../../core/failure.ts';

/** No line of a proxy's complaints is longer. */
const LINE_MAX_LENGTH = 1_000;

/**
 * A ProxyCommand's standard input and output as a stream. The command line comes from the user's own ssh_config, its
 * tokens expanded, and is meant for a shell, as ssh(1) runs it. Ends with its process, and ends it.
 */
export class ProxyCommandStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #onLine: (line: string) => void;
  #lastWords = '';
  #partialLine = '';
  #outcome: string | undefined;

  /** `onLine` gets what the command writes to its standard error, cleaned. */
  constructor(command: string, onLine: (line: string) => void) {
    super({ allowHalfOpen: false });
    this.#onLine = onLine;
    this.on('error', () => undefined);
    this.#child = launch(command);
    const { stdin, stdout, stderr } = this.#child;
    this.#child.on('error', (error) => {
      this.#outcome = error.message;
      this.destroy(error);
    });
    this.#child.on('exit', (code, signal) => { this.#outcome ??= signal === null ? `exit code ${code ?? 0}` : `signal ${signal}`; });
    // After the exit, and after everything it wrote has been read.
    this.#child.on('close', () => this.push(null));
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
    endProcess(this.#child);
    callback(error);
  }

  #takeComplaint(text: string): void {
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = (lines.pop() ?? '').slice(0, LINE_MAX_LENGTH);
    for (const line of lines.map((each) => untrustedText(each)).filter((each) => each !== '')) {
      this.#lastWords = line;
      this.#onLine(line);
    }
  }
}

function launch(command: string): ChildProcessWithoutNullStreams {
  if (process.platform === 'win32') {
    return spawn('cmd.exe', ['/d', '/s', '/c', `"${command}"`], { windowsHide: true, windowsVerbatimArguments: true });
  }
  // A process group of its own, so that a whole pipeline can be ended. With exec, as ssh does, for one process less.
  return spawn('/bin/sh', ['-c', `exec ${command}`], { detached: true });
}

function endProcess(child: ChildProcessWithoutNullStreams): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    if (process.platform === 'win32') child.kill();
    else process.kill(-child.pid, 'SIGHUP');
  } catch {
    // The group is gone already.
  }
}
