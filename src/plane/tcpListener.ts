import { createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort } from '../core/address.ts';
import { ForwardError, fromFailure, toFailure, type FailureCode } from '../core/failure.ts';
import type { Bound, Progress } from '../core/forwardState.ts';
import type { Clock } from '../core/ports.ts';
import type { StartForward } from '../protocol/messages.ts';
import type { Arrival, Listener } from './listener.ts';
import { systemCode } from './tcpConnect.ts';
import { TcpEnd } from './tcpEnd.ts';

const BACKLOG = 511;

/** Accepts TCP connections on one or several addresses of this machine, each paused and half-open. */
export class TcpListener implements Listener {
  readonly isLasting = true;
  readonly #addresses: readonly HostPort[];
  readonly #clock: Clock;
  readonly #onArrival: (arrival: Arrival) => void;
  readonly #servers: Server[] = [];
  #binding: Promise<Bound> | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  onLost: Listener['onLost'];

  constructor(addresses: readonly HostPort[], clock: Clock, onArrival: (arrival: Arrival) => void) {
    this.#addresses = addresses;
    this.#clock = clock;
    this.#onArrival = onArrival;
  }

  /**
   * Binds all addresses at the first call; with port 0 in the first, the others take the port that it got. The first may
   * only be missing for want of such an interface, the others for any reason, and one must be had. Rejects with a
   * `ForwardError` of `address-in-use`, `permission-denied`, `address-not-available` or `cancelled`, and then holds nothing.
   */
  open(_request: StartForward, onProgress: (progress: Progress) => void): Promise<Bound> {
    onProgress({ step: 'binding' });
    return this.#binding ??= this.#bind();
  }

  endRun(): Promise<void> {
    return Promise.resolve();
  }

  stopAccepting(): void {
    void this.close();
  }

  /** The connections that are open keep it from settling. */
  close(): Promise<void> {
    this.#isClosed = true;
    return this.#closing ??= Promise.all(this.#servers.splice(0).map((server) => new Promise<void>((resolve) => { server.close(() => { resolve(); }); }))).then(() => undefined);
  }

  async #bind(): Promise<Bound> {
    const bound: HostPort[] = [];
    let missing: Bound['missing'];
    try {
      for (const [index, asked] of this.#addresses.entries()) {
        const address = { host: asked.host, port: asked.port === 0 ? bound[0]?.port ?? 0 : asked.port };
        try {
          bound.push({ host: address.host, port: await this.#bindOne(address) });
        } catch (error) {
          const failure = bindFailure(error, address);
          if (this.#isClosed || (index === 0 && failure.code !== 'address-not-available')) throw failure;
          missing ??= { address, failure: toFailure(failure) };
        }
      }
      if (bound.length === 0) throw missing === undefined ? new ForwardError('internal', 'no address to bind') : fromFailure(missing.failure);
      return missing === undefined ? { addresses: bound } : { addresses: bound, missing };
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  #accept(socket: Socket): void {
    const end = new TcpEnd(socket, this.#clock);
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    // A client that is gone again by now has no address any more.
    if (remoteAddress === undefined || remotePort === undefined || localAddress === undefined || localPort === undefined) {
      end.reset();
      return;
    }
    this.#onArrival({
      origin: { host: remoteAddress, port: remotePort },
      accepted: { host: localAddress, port: localPort },
      open: () => end,
      refuse: () => { end.reset(); },
    });
  }

  #bindOne({ host, port }: HostPort): Promise<number> {
    if (this.#isClosed) return Promise.reject(new ForwardError('cancelled', 'binding was cancelled'));
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => { this.#accept(socket); });
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // After a close() meanwhile; a name lookup under way does not notice it and binds all the same.
      server.once('close', () => { reject(new ForwardError('cancelled', 'binding was cancelled')); });
      // ipv6Only, so that 0.0.0.0 can be bound beside ::.
      server.listen({ host, port, backlog: BACKLOG, exclusive: true, ipv6Only: host.includes(':') }, () => {
        // Accepting can fail later, for want of descriptors; libuv drops that connection and the next is accepted again.
        server.on('error', () => undefined);
        if (this.#isClosed) server.close();
        else resolve(portOf(server));
      });
    });
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function bindFailure(error: unknown, { host, port }: HostPort): ForwardError {
  if (error instanceof ForwardError) return error;
  const detail = `${formatHostPort({ host, port })}: ${error instanceof Error ? error.message : String(error)}`;
  return new ForwardError(bindFailureCode(systemCode(error)), detail, { cause: error, context: { host, port } });
}

function bindFailureCode(code: string): FailureCode {
  switch (code) {
    case 'EADDRINUSE':
      return 'address-in-use';
    case 'EACCES':
    case 'EPERM':
      return 'permission-denied';
    default:
      return 'address-not-available';
  }
}
