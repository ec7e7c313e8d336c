import { connect, type Socket } from 'node:net';
import type { Disposable } from '../core/lifecycle.ts';
import { LineReader } from './lineReader.ts';
import { formatRequest, MAX_REPORT_LENGTH, MAX_REQUEST_LENGTH, readReport, type WindowRequest, type WindowRun } from './windowMessages.ts';

export interface LinkEvents {
  /** It has said what runs there. */
  onReport(): void;
  /** It is over. `isDead` when nobody listens there; whoever does answers at least the connection. */
  onClose(isDead: boolean): void;
}

/** The connection to one other window. One that hangs keeps what it said last: its forwards go on. */
export class WindowLink implements Disposable {
  readonly openedAt: number;
  readonly #socket: Socket;
  #runs: readonly WindowRun[] | undefined;

  constructor(address: string, openedAt: number, events: LinkEvents) {
    this.openedAt = openedAt;
    const lines = new LineReader(MAX_REPORT_LENGTH);
    const socket = connect(address);
    this.#socket = socket;
    let isDead = false;
    socket.unref();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const complete = lines.push(chunk);
      if (complete === undefined) socket.destroy();
      for (const line of complete ?? []) this.#runs = readReport(line) ?? this.#runs;
      if (complete !== undefined && complete.length > 0) events.onReport();
    });
    socket.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      isDead = code === 'ECONNREFUSED' || (code === 'ENOENT' && process.platform === 'win32');
    });
    socket.on('close', () => { events.onClose(isDead); });
  }

  /** What runs there, as it said last; undefined until it has said anything. */
  get runs(): readonly WindowRun[] | undefined {
    return this.#runs;
  }

  send(request: WindowRequest): void {
    // For one that hangs, no more is kept than that.
    if (this.#socket.writableLength < MAX_REQUEST_LENGTH) this.#socket.write(formatRequest(request));
  }

  /** `onClose` is called all the same. */
  dispose(): void {
    this.#socket.destroy();
  }
}
