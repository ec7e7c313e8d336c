import type { Disposable } from '../core/lifecycle.ts';
import { ForwardError } from '../core/failure.ts';
import { UNKNOWN_OUTCOME } from '../core/healthCheck.ts';
import type { DiagnoseForward, PlaneRequests, StartForward } from '../protocol/messages.ts';
import type { Handlers } from '../protocol/rpc.ts';
import { Backlog } from './backlog.ts';
import { SilentCaller, type Caller } from './caller.ts';
import { Diagnosis } from './diagnosis.ts';
import type { Dialer } from './dialer.ts';
import { Forwarder } from './forwarder.ts';
import type { ForwarderParts } from './forwarderParts.ts';
import type { PlaneServices } from './services.ts';
import type { Arrival, Listener } from './listener.ts';
import { AskingCaller } from './proxy/askingCaller.ts';
import { SocketListener } from './socketListener.ts';
import { ConnectionPool } from './ssh/connectionPool.ts';
import { SshDialer } from './ssh/sshDialer.ts';
import { SshListener } from './ssh/sshListener.ts';
import { TcpDialer } from './tcpDialer.ts';
import { TcpListener } from './tcpListener.ts';
import { UdpDialer } from './udp/udpDialer.ts';
import { UdpListener } from './udp/udpListener.ts';

const TRAFFIC_INTERVAL_MS = 1_000;

/** How many forwards tell of their traffic in a row, and how long it is to the next ones. */
const TRAFFIC_SLICE = 50;
const TRAFFIC_SLICE_MS = 25;

/** All forwards of the plane; answers the control side's requests. */
export class DataPlane {
  readonly #services: PlaneServices;
  readonly #pool: ConnectionPool;
  readonly #forwarders = new Map<string, Forwarder>();
  /** Stops under way, so that what comes after waits for the addresses to be free. */
  readonly #stopping = new Map<string, Promise<void>>();
  readonly #backlog: Backlog;
  readonly #diagnoses = new Map<AbortController, Promise<void>>();
  /** What diagnoses try to listen on for a moment, by its forward. */
  readonly #trials = new Map<string, Promise<void>>();
  readonly #parts: ForwarderParts = {
    createListener: (request, onArrival) => this.#createListener(request, onArrival),
    createCaller: (request, arrival, onGone) => this.#createCaller(request, arrival, onGone),
    createDialer: (request) => this.#createDialer(request),
    totalQueuedBytes: () => this.#backlog.bytes,
  };
  #watching: Disposable | undefined;
  #isShutDown = false;

  readonly handlers: Handlers<PlaneRequests> = {
    start: async (request) => this.#start(request),
    stop: async ({ id, drainMs }) => this.#stop(id, drainMs),
    probe: async () => this.#pool.probe(),
    watch: async ({ isWatching }) => this.#watch(isWatching),
    check: async ({ id, generation, check }) => this.#forwarders.get(id)?.check(generation, check) ?? UNKNOWN_OUTCOME,
    connections: async ({ id }) => this.#forwarders.get(id)?.connections() ?? [],
    diagnose: async (request, signal) => this.#diagnose(request, signal),
    shutdown: async () => this.shutdown(),
  };

  constructor(services: PlaneServices) {
    this.#services = services;
    this.#pool = new ConnectionPool(services);
    this.#backlog = new Backlog(services.clock, () => [...this.#forwarders.values()].reduce((sum, { queuedBytes }) => sum + queuedBytes, this.#pool.unsentBytes));
  }

  /** Stops everything for good; settles when nothing is left. Idempotent. */
  async shutdown(): Promise<undefined> {
    this.#isShutDown = true;
    this.#watch(false);
    for (const controller of this.#diagnoses.keys()) controller.abort(new ForwardError('cancelled', 'the plane is shutting down'));
    await Promise.all([...this.#forwarders.keys()].map((id) => this.#stop(id)));
    await Promise.all([...this.#stopping.values(), ...[...this.#diagnoses.values()].map((diagnosis) => diagnosis.catch(() => undefined))]);
    return undefined;
  }

  #start(request: StartForward): undefined {
    if (this.#isShutDown) throw new ForwardError('cancelled', 'the plane is shutting down');
    const running = this.#forwarders.get(request.id);
    if (running?.canServe(request) === true) {
      running.start(request, this.#tried(request.id));
      return;
    }
    const stopped = this.#stop(request.id);
    const forwarder = new Forwarder(request, this.#services, this.#parts);
    this.#forwarders.set(request.id, forwarder);
    forwarder.start(request, stopped.then(() => this.#tried(request.id)));
    if (this.#watching !== undefined) forwarder.sendTraffic(true);
  }

  async #stop(id: string, drainMs = 0): Promise<undefined> {
    const forwarder = this.#forwarders.get(id);
    if (forwarder !== undefined && drainMs > 0) await forwarder.drain(drainMs);
    // Unless it was stopped meanwhile.
    if (forwarder !== undefined && this.#forwarders.get(id) === forwarder) {
      this.#forwarders.delete(id);
      const before = this.#stopping.get(id);
      const stopping = Promise.all([before, forwarder.stop()]).then(() => {
        if (this.#stopping.get(id) === stopping) this.#stopping.delete(id);
        if (this.#watching !== undefined) forwarder.sendTraffic(false);
      });
      this.#stopping.set(id, stopping);
    }
    await this.#stopping.get(id);
    return undefined;
  }

  async #diagnose(request: DiagnoseForward, signal: AbortSignal): Promise<undefined> {
    if (this.#isShutDown) throw new ForwardError('cancelled', 'the plane is shutting down');
    const controller = new AbortController();
    const diagnosis = new Diagnosis({ ...request, generation: 0 }, this.#services, {
      createListener: (of, pool) => this.#createListener(of, (arrival) => { arrival.refuse(); }, pool),
      createDialer: (of, pool) => this.#createDialer(of, pool),
      tryAlone: (trial) => this.#tryAlone(request.forwardId, trial),
    });
    const running = diagnosis.run(AbortSignal.any([signal, controller.signal]));
    this.#diagnoses.set(controller, running);
    try {
      await running;
    } finally {
      this.#diagnoses.delete(controller);
    }
    return undefined;
  }

  async #tryAlone(id: string, trial: () => Promise<void>): Promise<boolean> {
    if (this.#forwarders.get(id)?.isRunning === true) return false;
    // One that is stopping frees what it had.
    const trying = Promise.all([this.#stopping.get(id), this.#tried(id)]).then(trial);
    this.#trials.set(id, trying);
    try {
      await trying;
    } finally {
      if (this.#trials.get(id) === trying) this.#trials.delete(id);
    }
    return true;
  }

  /** Settles when nothing is tried that a forward listens on. Never rejects. */
  async #tried(id: string): Promise<void> {
    await this.#trials.get(id)?.catch(() => undefined);
  }

  #watch(isWatching: boolean): undefined {
    this.#watching?.dispose();
    this.#watching = undefined;
    if (!isWatching) return;
    this.#tellTraffic(true);
  }

  #tellTraffic(isForced: boolean): void {
    this.#tellSome([...this.#forwarders.values()], isForced, TRAFFIC_INTERVAL_MS);
  }

  /** A few at a time: the control side has its hands full with each, and its loop is not its own. */
  #tellSome(forwarders: readonly Forwarder[], isForced: boolean, leftMs: number): void {
    for (const forwarder of forwarders.slice(0, TRAFFIC_SLICE)) forwarder.sendTraffic(isForced);
    const rest = forwarders.slice(TRAFFIC_SLICE);
    const delayMs = rest.length === 0 ? leftMs : TRAFFIC_SLICE_MS;
    this.#watching = this.#services.clock.after(Math.max(delayMs, TRAFFIC_SLICE_MS), () => {
      if (rest.length === 0) this.#tellTraffic(false);
      else this.#tellSome(rest, isForced, leftMs - TRAFFIC_SLICE_MS);
    });
  }

  #createListener({ listen }: StartForward, onArrival: (arrival: Arrival) => void, pool = this.#pool): Listener {
    if (listen.side === 'server') return new SshListener(listen.address, pool, this.#services.clock, onArrival, listen.portCount);
    if (listen.side === 'here-socket') return new SocketListener(listen.path, this.#services, onArrival);
    if (listen.side === 'here-udp') return new UdpListener(listen.addresses, this.#services.clock, onArrival);
    return new TcpListener(listen, this.#services.clock, onArrival);
  }

  #createCaller({ connect }: StartForward, arrival: Arrival, onGone: () => void): Caller {
    if (connect.kind === 'fixed') return new SilentCaller(arrival, onGone);
    const { permitted, credentials } = connect;
    return new AskingCaller(arrival.open(), { permitted, credentials, clock: this.#services.clock, onGone });
  }

  /** What listens on the server connects from here. */
  #createDialer({ listen, target }: StartForward, pool = this.#pool): Dialer {
    if (listen.side === 'here-udp') return new UdpDialer(this.#services.clock);
    if (target === undefined || listen.side === 'server') return new TcpDialer(this.#services.clock);
    return new SshDialer(target, pool);
  }
}
