import { createServer, type Server, type Socket } from 'node:net';
import { formatHostPort, type HostPort } from '../core/address.ts';
import { ForwardError, fromFailure, toFailure, type FailureCode } from '../core/failure.ts';
import type { Bound } from '../core/forwardState.ts';
import { systemCode } from './tcpConnect.ts';

const BACKLOG = 511;

/** Accepts TCP connections on one or several addresses of this machine, each paused and half-open. */
export class TcpListener {
  readonly #onConnection: (socket: Socket) => void;
  readonly #servers: Server[] = [];
  #isClosed = false;

  constructor(onConnection: (socket: Socket) => void) {
    this.#onConnection = onConnection;
  }

  /**
   * Binds all addresses; with port 0 in the first, the others take the port that it got. The first may only be missing
   * for want of such an interface, the others for any reason, and one must be had. Rejects with a `ForwardError` of
   * `address-in-use`, `permission-denied`, `address-not-available` or `cancelled`, and then holds nothing.
   */
  async bind(addresses: readonly HostPort[]): Promise<Bound> {
    const bound: HostPort[] = [];
    let missing: Bound['missing'];
    try {
      for (const [index, asked] of addresses.entries()) {
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

  /** Stops listening at once; settles when the accepted sockets are gone too, which their owner sees to. Idempotent. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#servers.splice(0).map((server) => new Promise<void>((resolve) => { server.close(() => { resolve(); }); })));
  }

  #bindOne({ host, port }: HostPort): Promise<number> {
    if (this.#isClosed) return Promise.reject(new ForwardError('cancelled', 'binding was cancelled'));
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, this.#onConnection);
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
