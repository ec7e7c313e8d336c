import { rmSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { EventEmitter, type Event } from '../core/event.ts';
import { ForwardError } from '../core/failure.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { socketPathLimit } from '../core/socketPathLimit.ts';
import { LineReader } from './lineReader.ts';
import { Paced } from './paced.ts';
import { makePrivateFolder } from './privateFolder.ts';
import { windowAddress } from './windowAddress.ts';
import { formatAnswered, formatReport, MAX_REQUEST_LENGTH, readRequest, type WindowRequest, type WindowRun } from './windowMessages.ts';

const REPORT_PAUSE_MS = 500;

/** More windows than anybody has. */
const MAX_CLIENTS = 100;

export interface WindowServerOptions {
  /** The same for all windows; it is made private to the user. */
  readonly folder: string;
  readonly clock: Clock;
  readonly report: () => readonly WindowRun[];
}

/** What is asked of a forward that runs here. */
export type OrderRequest = Extract<WindowRequest, { kind: 'order' }>;

interface Client {
  readonly socket: Socket;
  /** The last report that it was given; undefined until it has asked for the first. */
  told: string | undefined;
  /** It has not read that yet. */
  isBusy: boolean;
  /** The number of what it asked meanwhile. */
  owed: number | undefined;
  isLooking: boolean;
}

/** Tells the other editor windows of this user what this one forwards, and passes on what they ask for. */
export class WindowServer implements Disposable {
  readonly #options: WindowServerOptions;
  readonly #clients = new Set<Client>();
  readonly #requests = new EventEmitter<OrderRequest>();
  readonly #looking = new EventEmitter<boolean>();
  readonly #paced: Paced;
  #server: Server | undefined;
  #report = '';

  readonly onRequest: Event<OrderRequest> = this.#requests.event;
  /** Whether anybody in another window sees what is told. */
  readonly onDidChangeLooking: Event<boolean> = this.#looking.event;

  constructor(options: WindowServerOptions) {
    this.#options = options;
    this.#paced = new Paced(options.clock, REPORT_PAUSE_MS, () => this.#tellAll());
  }

  /** Rejects when the window cannot be reached by the others; forwards work all the same. */
  async start(): Promise<void> {
    const { folder } = this.#options;
    const server = createServer((socket) => { this.#accept(socket); });
    server.maxConnections = MAX_CLIENTS;
    server.unref();
    this.#server = server;
    await makePrivateFolder(folder);
    const name = join(folder, String(process.pid));
    if (process.platform === 'win32') {
      await this.#listen(server, windowAddress(folder, process.pid));
      // A pipe is in no folder: a file of the same name lets the others find it.
      await writeFile(name, '');
      return;
    }
    // It gets its name when it listens: one that refuses is of a process that is gone.
    const early = join(folder, `~${String(process.pid)}`);
    if (Buffer.byteLength(early) > socketPathLimit(process.platform)) throw new ForwardError('internal', `${early} is too long for a socket`);
    await rm(early, { force: true });
    await this.#listen(server, early);
    await rename(early, name);
  }

  /** Something may have changed: the others hear of it soon, twice a second at most, and of nothing when nothing has. */
  changed(): void {
    if (this.#clients.size > 0) this.#paced.ask();
  }

  /** Tells the others now what they would hear soon. */
  flush(): void {
    if (this.#clients.size > 0) this.#tellAll();
  }

  /** Stops answering, and tells nobody what became of the forwards. */
  dispose(): void {
    if (this.#server === undefined) return;
    this.#server.close();
    this.#server = undefined;
    this.#paced.dispose();
    this.#requests.dispose();
    this.#looking.dispose();
    for (const { socket } of this.#clients) socket.destroy();
    this.#clients.clear();
    try {
      rmSync(join(this.#options.folder, String(process.pid)), { force: true });
    } catch {
      // The others find out that nobody listens there.
    }
  }

  async #listen(server: Server, address: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      // It stays: accepting can fail later, for want of descriptors, and the next is accepted again.
      server.on('error', reject);
      server.listen(address, resolve);
    });
    if (this.#server === server) return;
    server.close();
    throw new ForwardError('cancelled', 'the window closes');
  }

  #accept(socket: Socket): void {
    const client: Client = { socket, told: undefined, isBusy: false, owed: undefined, isLooking: false };
    const lines = new LineReader(MAX_REQUEST_LENGTH);
    this.#clients.add(client);
    socket.unref();
    socket.setEncoding('utf8');
    socket.on('error', () => { socket.destroy(); });
    socket.on('close', () => {
      this.#clients.delete(client);
      this.#setLooking(client, false);
    });
    socket.on('drain', () => {
      client.isBusy = false;
      if (client.owed === undefined) this.#tell(client);
      else this.#answer(client, client.owed);
    });
    socket.on('data', (chunk: string) => {
      for (const line of lines.push(chunk)) this.#obey(client, line);
      if (lines.hasSkipped) socket.destroy();
    });
  }

  #obey(client: Client, line: string): void {
    const request = readRequest(line);
    if (request?.kind === 'look') this.#setLooking(client, request.isLooking);
    else if (request?.kind === 'ask') this.#answer(client, request.number);
    else if (request !== undefined) this.#requests.fire(request);
  }

  #answer(client: Client, number: number): void {
    client.owed = client.isBusy ? number : undefined;
    if (client.isBusy) return;
    this.#report = formatReport(this.#options.report());
    client.told = this.#report;
    client.isBusy = !client.socket.write(`${this.#report}${formatAnswered(number)}`);
  }

  #setLooking(client: Client, isLooking: boolean): void {
    if (client.isLooking === isLooking) return;
    client.isLooking = isLooking;
    const others = [...this.#clients].filter((other) => other !== client && other.isLooking).length;
    if (others === 0) this.#looking.fire(isLooking);
  }

  #tellAll(): boolean {
    this.#report = formatReport(this.#options.report());
    return [...this.#clients].filter((client) => this.#tell(client)).length > 0;
  }

  /** One that does not read keeps one report waiting, and gets the latest when it reads again. */
  #tell(client: Client): boolean {
    if (client.isBusy || client.told === undefined || client.told === this.#report) return false;
    client.told = this.#report;
    client.isBusy = !client.socket.write(this.#report);
    return true;
  }
}
