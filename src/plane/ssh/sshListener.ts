import type { Endpoint } from '../../core/address.ts';
import { ForwardError } from '../../core/failure.ts';
import type { Bound, Progress } from '../../core/forwardState.ts';
import type { Clock } from '../../core/ports.ts';
import type { StartForward } from '../../protocol/messages.ts';
import { untilAborted } from '../abort.ts';
import type { Arrival, Listener } from '../listener.ts';
import type { SshConnection } from './connection.ts';
import type { ConnectionPool, Lease } from './connectionPool.ts';
import type { ServerPort } from './serverPorts.ts';
import { listenOnRange } from './serverRange.ts';

/** How long the end of a run waits for the server to free the port, where others go on with the SSH connection. */
const FREE_MS = 500;

/** What one run holds. */
interface Run {
  readonly opening: Promise<Lease>;
  listening?: Promise<ServerPort>;
  connection?: SshConnection;
}

/** Has an SSH server listen, on a port or a Unix socket: the near side of `ssh -R`. Each run asks anew, for the port that the one before was granted. */
export class SshListener implements Listener {
  readonly isLasting = false;
  readonly #asked: Endpoint;
  readonly #pool: ConnectionPool;
  readonly #clock: Clock;
  readonly #onArrival: (arrival: Arrival) => void;
  readonly #portCount: number | undefined;
  #run: Run | undefined;
  #ending: Promise<void> = Promise.resolve();
  #granted: Endpoint | undefined;
  onLost: Listener['onLost'];

  /** With `portCount`, that many ports in a row. */
  constructor(asked: Endpoint, pool: ConnectionPool, clock: Clock, onArrival: (arrival: Arrival) => void, portCount?: number) {
    this.#asked = asked;
    this.#portCount = portCount;
    this.#pool = pool;
    this.#clock = clock;
    this.#onArrival = onArrival;
  }

  get queuedBytes(): number {
    return this.#run?.connection?.queuedBytes ?? 0;
  }

  /**
   * Connects, and asks the server to listen; rejects as connecting does, or with `remote-bind-refused`. A port that the
   * server chose is asked for again: programs there may know it by now.
   */
  async open({ target }: StartForward, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<Bound> {
    if (target === undefined) throw new ForwardError('invalid-forward', 'listening on a server needs a server');
    // What the run before held must be free before it is asked for again.
    await this.#ending;
    signal.throwIfAborted();
    const opening = this.#pool.acquire(target, { onProgress, onLost: (error) => this.onLost?.(error) }, signal);
    const run: Run = { opening };
    this.#run = run;
    const { connection } = await opening;
    run.connection = connection;
    signal.throwIfAborted();
    onProgress({ step: 'binding' });
    run.listening = listenOnRange(this.#granted ?? this.#asked, this.#portCount, (address) => connection.listen(address, this.#onArrival));
    const { address } = await untilAborted(run.listening, signal);
    this.#granted = address;
    return { addresses: [address] };
  }

  endRun(): Promise<void> {
    const run = this.#run;
    this.#run = undefined;
    if (run !== undefined) this.#ending = this.#end(run);
    return this.#ending;
  }

  /** The port is freed on the server; the SSH connection stays for what came through it. */
  stopAccepting(): void {
    void this.#run?.listening?.then((port) => port.close()).catch(() => undefined);
  }

  close(): Promise<void> {
    return this.endRun();
  }

  /** Where nobody shares the SSH connection, its end frees the port, too: the server hears of both in this order, and neither waits for the other. */
  async #end({ opening, listening }: Run): Promise<void> {
    const freed = listening?.then((port) => port.close()).catch(() => undefined);
    const released = opening.then((lease) => lease.release(), () => undefined);
    await Promise.all([freed === undefined ? undefined : this.#atMost(freed, FREE_MS), released]);
  }

  #atMost(promise: Promise<void>, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, resolve);
      void promise.then(() => {
        timer.dispose();
        resolve();
      });
    });
  }
}
