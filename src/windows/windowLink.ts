import { connect, type Socket } from 'node:net';
import type { Disposable } from '../core/lifecycle.ts';
import { LineReader } from './lineReader.ts';
import { formatRequest, MAX_REPORT_LENGTH, readAnswered, readReport, type WindowRequest, type WindowRun } from './windowMessages.ts';

/** What a link has to tell. */
export interface LinkEvents {
  /** It has said what runs there, or that it has answered. */
  onReport(): void;
  /** It is over. `isDead` when nobody listens there; whoever does answers at least the connection. */
  onClose(isDead: boolean): void;
}

/** The connection to one other window. One that hangs, or says more than a line may hold, keeps what it said last: its forwards go on. */
export class WindowLink implements Disposable {
  readonly #socket: Socket;
  /** The latest of each kind that there was no room for. */
  readonly #unsent = new Map<WindowRequest['kind'], WindowRequest>();
  #runs: readonly WindowRun[] = [];
  #asked = 0;
  #answered = 0;
  /** The first question that is not answered. */
  #askedAt = 0;

  constructor(address: string, events: LinkEvents) {
    const lines = new LineReader(MAX_REPORT_LENGTH);
    const socket = connect(address);
    this.#socket = socket;
    let isDead = false;
    socket.unref();
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const complete = lines.push(chunk);
      for (const line of complete) this.#read(line);
      if (complete.length > 0) events.onReport();
    });
    socket.on('drain', () => { this.#sendUnsent(); });
    socket.on('error', (error) => {
      const code = 'code' in error ? error.code : undefined;
      isDead = code === 'ECONNREFUSED' || (code === 'ENOENT' && process.platform === 'win32');
    });
    socket.on('close', () => { events.onClose(isDead); });
  }

  /** What runs there, as it said last. */
  get runs(): readonly WindowRun[] {
    return this.#runs;
  }

  /** Has it say what runs there now. */
  ask(now: number): void {
    // One that has let a question wait for long is not waited for anew with each of the next.
    if (this.isAnswered) this.#askedAt = now;
    this.#asked += 1;
    this.send({ kind: 'ask', number: this.#asked });
  }

  get isAnswered(): boolean {
    return this.#answered === this.#asked;
  }

  /** Whether it has been asked later than that, and has not answered. */
  isSilentSince(time: number): boolean {
    return !this.isAnswered && this.#askedAt > time;
  }

  /** To one that does not read it is said once it does; but for an order, which it is then too late for. */
  send(request: WindowRequest): void {
    if (!this.#socket.writableNeedDrain) this.#socket.write(formatRequest(request));
    else if (request.kind !== 'order') this.#unsent.set(request.kind, request);
  }

  /** `onClose` is called all the same. */
  dispose(): void {
    this.#socket.destroy();
  }

  #sendUnsent(): void {
    const unsent = [...this.#unsent.values()];
    this.#unsent.clear();
    for (const request of unsent) this.send(request);
  }

  #read(line: string): void {
    this.#runs = readReport(line) ?? this.#runs;
    this.#answered = readAnswered(line) ?? this.#answered;
  }
}
