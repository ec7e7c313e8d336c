import type { Socket } from 'node:net';
import type { HostPort } from '../core/address.ts';
import { ForwardError, toFailure, type Failure, type FailureCode } from '../core/failure.ts';
import type { CloseReason, Connection, Traffic } from '../core/forward.ts';
import type { Bound } from '../core/forwardState.ts';
import type { ListenPole, StartForward } from '../protocol/messages.ts';
import { ConnectionTable, isSameTraffic, type ConnectionRow } from './connectionTable.ts';
import type { Dialer } from './dialer.ts';
import { Parking } from './parking.ts';
import { relay, type Relay } from './relay.ts';
import { log, type PlaneServices } from './services.ts';
import { TcpEnd } from './tcpEnd.ts';
import { TcpListener } from './tcpListener.ts';

/** How often the same failure to reach the destination is told again. */
const COMPLAINT_INTERVAL_MS = 1_000;

/** One generation of a forward. */
interface Run {
  readonly generation: number;
  readonly dialer: Dialer;
  readonly controller: AbortController;
  /** True between `up` and `lost`. */
  isOpen: boolean;
}

/** One accepted connection, from its accepting to its end. */
interface Accepted {
  readonly end: TcpEnd;
  readonly row: ConnectionRow;
  /** While the far side is being dialled. */
  dialing?: AbortController;
  relay?: Relay;
}

/** A running forward: a listener whose connections are relayed to what a dialer opens. */
export class Forwarder {
  readonly #id: string;
  readonly #listen: ListenPole;
  readonly #services: PlaneServices;
  readonly #createDialer: (request: StartForward) => Dialer;
  readonly #table: ConnectionTable;
  readonly #parking: Parking<Accepted>;
  readonly #open = new Set<Accepted>();
  readonly #listener = new TcpListener((socket) => { this.#accept(socket); });
  readonly #closings = new Set<Promise<void>>();
  #binding: Promise<Bound> | undefined;
  #run: Run | undefined;
  #isStopped = false;
  #sent: Traffic | undefined;
  #complaint: { readonly code: Failure['code'] | undefined; readonly at: number } | undefined;

  constructor(request: StartForward, services: PlaneServices, createDialer: (request: StartForward) => Dialer) {
    this.#id = request.id;
    this.#listen = request.listen;
    this.#services = services;
    this.#createDialer = createDialer;
    this.#table = new ConnectionTable(services.clock);
    this.#parking = new Parking(services.clock, (accepted) => { this.#refuse(accepted, 'not-served'); });
  }

  /** Whether the listener of this forwarder can serve the request. */
  canServe(request: StartForward): boolean {
    return !this.#isStopped && isSamePole(request.listen, this.#listen);
  }

  /** Begins a new generation once `after` has settled; the outcome is told by events. The generation before is over. */
  start(request: StartForward, after: Promise<void>): void {
    this.#endRun();
    const run: Run = { generation: request.generation, dialer: this.#createDialer(request), controller: new AbortController(), isOpen: false };
    this.#run = run;
    this.#complaint = undefined;
    void this.#execute(run, after);
  }

  /** Frees everything at once: connections are reset, questions cancelled. Settles when nothing is left. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    const closed = this.#listener.close();
    this.#endRun();
    this.#parking.takeAll();
    for (const accepted of [...this.#open]) {
      if (accepted.relay === undefined) this.#refuse(accepted, 'stopped');
      else accepted.relay.abort();
    }
    await Promise.all([closed, ...this.#closings]);
  }

  connections(): readonly Connection[] {
    return this.#table.connections();
  }

  /** Sends a `traffic` event if anything changed since the last one, or in any case when forced. */
  sendTraffic(isForced: boolean): void {
    const traffic = this.#table.traffic();
    if (!isForced && this.#sent !== undefined && isSameTraffic(traffic, this.#sent)) return;
    this.#sent = traffic;
    this.#services.control.emit('traffic', { id: this.#id, traffic });
  }

  async #execute(run: Run, after: Promise<void>): Promise<void> {
    const { generation, dialer, controller: { signal } } = run;
    const id = this.#id;
    const control = this.#services.control;
    let isUnbound = true;
    try {
      await after;
      signal.throwIfAborted();
      control.emit('progress', { id, generation, progress: { step: 'binding' } });
      this.#binding ??= this.#listener.bind(addressesOf(this.#listen));
      const bound = await this.#binding;
      isUnbound = false;
      signal.throwIfAborted();
      control.emit('bound', { id, generation, bound });
      dialer.onLost = (error) => { this.#lose(run, error, false); };
      await dialer.open((progress) => { if (!signal.aborted) control.emit('progress', { id, generation, progress }); }, signal);
      signal.throwIfAborted();
      run.isOpen = true;
      control.emit('up', { id, generation });
      for (const accepted of this.#parking.takeAll()) this.#serve(accepted);
    } catch (error) {
      if (!signal.aborted) this.#lose(run, error, isUnbound);
    }
  }

  /** This generation is over by itself. The listener stays unless it never came to be. */
  #lose(run: Run, error: unknown, isUnbound: boolean): void {
    if (this.#run !== run) return;
    if (isUnbound) this.#isStopped = true;
    this.#endRun();
    this.#services.control.emit('lost', { id: this.#id, generation: run.generation, failure: toFailure(error), isUnbound });
  }

  #endRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    run.isOpen = false;
    run.controller.abort(new ForwardError('cancelled', 'the forward was stopped'));
    const closing = run.dialer.close().catch((error: unknown) => {
      log(this.#services, 'error', `closing ${this.#id}: ${toFailure(error).detail}`);
    }).finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
  }

  #accept(socket: Socket): void {
    const end = new TcpEnd(socket, this.#services.clock);
    const { remoteAddress, remotePort, localAddress, localPort } = socket;
    // A client that is gone again by now has no address any more.
    if (remoteAddress === undefined || remotePort === undefined || localAddress === undefined || localPort === undefined) {
      end.reset();
      return;
    }
    const row = this.#table.add({ host: remoteAddress, port: remotePort }, { host: localAddress, port: localPort });
    const accepted: Accepted = { end, row };
    this.#open.add(accepted);
    this.#serve(accepted);
  }

  #serve(accepted: Accepted): void {
    const run = this.#run;
    if (run?.isOpen === true) void this.#dial(accepted, run);
    else this.#park(accepted);
  }

  #park(accepted: Accepted): void {
    accepted.row.phase = 'parked';
    if (!this.#parking.park(accepted)) this.#refuse(accepted, 'not-served');
  }

  async #dial(accepted: Accepted, run: Run): Promise<void> {
    const dialing = new AbortController();
    accepted.row.phase = 'dialing';
    accepted.dialing = dialing;
    try {
      const destination = await run.dialer.dial(accepted.row.origin, dialing.signal);
      delete accepted.dialing;
      if (dialing.signal.aborted) {
        destination.reset();
        return;
      }
      this.#tellDestination(run, undefined);
      accepted.row.phase = 'established';
      accepted.relay = relay(accepted.end, destination, accepted.row, (reason) => { this.#finish(accepted, reason); });
    } catch (error) {
      delete accepted.dialing;
      if (dialing.signal.aborted) return;
      const failure = toFailure(error);
      // The tunnel broke, not the destination: the client waits for the next one.
      if (failure.code === 'connection-lost') this.#park(accepted);
      else this.#refuse(accepted, dialReason(failure.code));
      this.#tellDestination(run, failure);
    }
  }

  /** Ends a connection that has not reached its destination. */
  #refuse(accepted: Accepted, reason: CloseReason): void {
    accepted.dialing?.abort(new ForwardError('cancelled', 'the connection is gone'));
    accepted.end.reset();
    this.#finish(accepted, reason);
  }

  #finish(accepted: Accepted, reason: CloseReason): void {
    this.#open.delete(accepted);
    this.#table.close(accepted.row, reason);
  }

  /** Tells how the last dialling ended when it ended otherwise than the one before, or when a while has passed. */
  #tellDestination(run: Run, failure: Failure | undefined): void {
    if (this.#run !== run) return;
    const last = this.#complaint;
    const now = this.#services.clock.now();
    if (failure?.code === last?.code && (failure === undefined || now - (last?.at ?? 0) < COMPLAINT_INTERVAL_MS)) return;
    this.#complaint = { code: failure?.code, at: now };
    const told = { id: this.#id, generation: run.generation };
    this.#services.control.emit('destination', failure === undefined ? told : { ...told, failure });
  }
}

function isSamePole(one: ListenPole, other: ListenPole): boolean {
  const [some, others] = [addressesOf(one), addressesOf(other)];
  return some.length === others.length && some.every(({ host, port }, index) => others[index]?.host === host && others[index].port === port);
}

function addressesOf(pole: ListenPole): readonly HostPort[] {
  if (pole.side === 'server') throw new ForwardError('internal', 'listening on the server is not there yet');
  return pole.addresses;
}

/** Why a connection ends whose destination was not reached. */
function dialReason(code: FailureCode): CloseReason {
  return code === 'destination-refused' || code === 'forwarding-prohibited' ? code : 'destination-unreachable';
}
