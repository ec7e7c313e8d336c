import { createServer, type Server, type Socket } from 'node:net';
import { ForwardError, toFailure } from '../core/failure.ts';
import { isNamedPipe } from '../core/socketPathLimit.ts';
import type { Bound, Progress } from '../core/forwardState.ts';
import type { SshTarget } from '../core/sshTarget.ts';
import type { StartForward } from '../protocol/messages.ts';
import { bindFailureCode } from './binding.ts';
import type { Arrival, Listener } from './listener.ts';
import { log, type PlaneServices } from './services.ts';
import { systemCode } from './tcpConnect.ts';
import { TcpEnd } from './tcpEnd.ts';

const BACKLOG = 511;

/**
 * Accepts connections on a Unix socket, or a named pipe of Windows, each paused and half-open. The plane has no disk: it
 * binds where the control side tells it to, which then lets the socket appear under its name and mode, and takes it away.
 */
export class SocketListener implements Listener {
  readonly isLasting = true;
  readonly #path: string;
  readonly #services: PlaneServices;
  readonly #onArrival: (arrival: Arrival) => void;
  #binding: Promise<Bound> | undefined;
  #bindPath: string | undefined;
  #server: Server | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  onLost: Listener['onLost'];

  constructor(path: string, services: PlaneServices, onArrival: (arrival: Arrival) => void) {
    this.#path = path;
    this.#services = services;
    this.#onArrival = onArrival;
  }

  /** Binds at the first call. Rejects with `address-in-use`, `permission-denied`, `address-not-available`, `too-many-open-files` or `cancelled`, and then holds nothing. */
  open({ target }: StartForward, onProgress: (progress: Progress) => void): Promise<Bound> {
    onProgress({ step: 'binding' });
    return this.#binding ??= this.#bind(target);
  }

  endRun(): Promise<void> {
    return Promise.resolve();
  }

  stopAccepting(): void {
    void this.close();
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    await this.#binding?.catch(() => undefined);
    await this.#release();
  }

  async #bind(target: SshTarget | undefined): Promise<Bound> {
    try {
      if (isNamedPipe(this.#path, process.platform)) await this.#listen(this.#path);
      else await this.#bindFile(target);
      this.#assertOpen();
      return { addresses: [{ path: this.#path }] };
    } catch (error) {
      await this.#release();
      throw error;
    }
  }

  async #bindFile(target: SshTarget | undefined): Promise<void> {
    const { control } = this.#services;
    const path = this.#path;
    const { bindPath } = await control.request('prepareSocket', { path });
    this.#bindPath = bindPath;
    this.#assertOpen();
    await this.#listen(bindPath);
    this.#assertOpen();
    const mask = target?.streamLocalBindMask;
    await control.request('publishSocket', { path, bindPath, replacesStale: target?.streamLocalBindUnlink === true, ...(mask === undefined ? {} : { mask }) });
  }

  #listen(path: string): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => { this.#accept(socket); });
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => { reject(this.#failed(error)); });
      server.listen({ path, backlog: BACKLOG }, () => {
        // Accepting can fail later, for want of descriptors; libuv drops that connection and the next is accepted again.
        server.on('error', () => undefined);
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    const end = new TcpEnd(socket, this.#services.clock, 'path');
    const address = { path: this.#path };
    this.#onArrival({ origin: address, accepted: address, open: () => end, probe: () => end.probe(), refuse: () => { end.reset(); } });
  }

  async #release(): Promise<void> {
    const [server, bindPath] = [this.#server, this.#bindPath];
    this.#server = undefined;
    this.#bindPath = undefined;
    if (bindPath !== undefined) {
      await this.#services.control.request('withdrawSocket', { path: this.#path, bindPath })
        .catch((error: unknown) => { log(this.#services, 'warn', `${this.#path}: ${toFailure(error).detail}`); });
    }
    if (server?.listening === true) await new Promise<void>((resolve) => { server.close(() => { resolve(); }); });
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new ForwardError('cancelled', 'binding was cancelled');
  }

  #failed(error: Error): ForwardError {
    const path = this.#path;
    const code = systemCode(error);
    return new ForwardError(bindFailureCode(code), `${path}: ${error.message}`, { cause: error, context: { path, reason: code } });
  }
}
