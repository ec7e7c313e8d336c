import { createServer, type Server, type Socket } from 'node:net';
import type { HostPort } from '../core/address.ts';
import { ForwardError } from '../core/failure.ts';
import type { Bound, Progress } from '../core/forwardState.ts';
import type { Clock } from '../core/ports.ts';
import type { StartForward } from '../protocol/messages.ts';
import { bindAll, type BindPole, type BoundPort } from './binding.ts';
import type { Arrival, Listener } from './listener.ts';
import { TcpEnd } from './tcpEnd.ts';

const BACKLOG = 511;

/** Accepts TCP connections on one or several addresses of this machine, each paused and half-open; a range of ports is one listener. */
export class TcpListener implements Listener {
  readonly isLasting = true;
  readonly #pole: BindPole;
  readonly #clock: Clock;
  readonly #onArrival: (arrival: Arrival) => void;
  readonly #servers = new Set<Server>();
  #binding: Promise<Bound> | undefined;
  #isClosed = false;
  #closing: Promise<void> | undefined;
  onLost: Listener['onLost'];

  constructor(pole: BindPole, clock: Clock, onArrival: (arrival: Arrival) => void) {
    this.#pole = pole;
    this.#clock = clock;
    this.#onArrival = onArrival;
  }

  /** Binds at the first call; rejects as `bindAll` does, and then holds nothing. */
  open(_request: StartForward, onProgress: (progress: Progress) => void): Promise<Bound> {
    onProgress({ step: 'binding' });
    return this.#binding ??= bindAll(this.#pole, (address) => this.#bindOne(address));
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
    return this.#closing ??= Promise.all([...this.#servers].map((server) => new Promise<void>((resolve) => { server.close(() => { resolve(); }); }))).then(() => undefined);
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
      probe: () => end.probe(),
      refuse: () => { end.reset(); },
    });
  }

  #bindOne({ host, port }: HostPort): Promise<BoundPort> {
    if (this.#isClosed) return Promise.reject(new ForwardError('cancelled', 'binding was cancelled'));
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) => { this.#accept(socket); });
    this.#servers.add(server);
    return new Promise((resolve, reject) => {
      // After a close() meanwhile; a name lookup under way does not notice it and binds all the same.
      const onClose = (): void => { reject(new ForwardError('cancelled', 'binding was cancelled')); };
      server.on('error', reject);
      server.on('close', onClose);
      // ipv6Only, so that 0.0.0.0 can be bound beside ::.
      server.listen({ host, port, backlog: BACKLOG, exclusive: true, ipv6Only: host.includes(':') }, () => {
        if (this.#isClosed) {
          server.close();
          return;
        }
        server.off('error', reject).off('close', onClose);
        // Accepting can fail later, for want of descriptors; libuv drops that connection and the next is accepted again.
        server.on('error', ignore);
        resolve({ port: portOf(server), release: () => { server.close(); } });
      });
    });
  }
}

function ignore(): void {
  return;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
