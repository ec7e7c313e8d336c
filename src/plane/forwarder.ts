import { formatEndpoint, formatHostPort } from '../core/address.ts';
import { ForwardError, toFailure, untrustedText, type Failure, type FailureCode } from '../core/failure.ts';
import type { CloseReason, Connection } from '../core/forward.ts';
import { UNKNOWN_OUTCOME, type CheckOutcome, type HealthCheck } from '../core/healthCheck.ts';
import type { StartForward } from '../protocol/messages.ts';
import { dialReason, type Accepted } from './accepted.ts';
import type { Caller, Wish } from './caller.ts';
import type { Disposable } from '../core/lifecycle.ts';
import { ConnectionLimit, type Load, type Refusal } from './connectionLimit.ts';
import { ConnectionTable } from './connectionTable.ts';
import { DestinationNews } from './destinationNews.ts';
import type { Dialer } from './dialer.ts';
import type { ForwarderParts } from './forwarderParts.ts';
import { HealthChecker } from './healthChecker.ts';
import { polesOf, type Arrival, type Listener } from './listener.ts';
import { ParkedWatch } from './parkedWatch.ts';
import { Parking } from './parking.ts';
import { relay } from './relay.ts';
import { createRoute } from './route.ts';
import type { Run } from './run.ts';
import { log, type PlaneServices } from './services.ts';
import { UntakenWatch } from './untakenWatch.ts';

/** A running forward: a listener whose connections are relayed to what a dialer opens. */
export class Forwarder {
  readonly #services: PlaneServices;
  readonly #parts: ForwarderParts;
  readonly #table: ConnectionTable;
  readonly #limit: ConnectionLimit;
  readonly #parking: Parking<Accepted>;
  readonly #parked: ParkedWatch<Accepted>;
  readonly #listener: Listener;
  readonly #news: DestinationNews;
  readonly #checker: HealthChecker;
  readonly #open = new Set<Accepted>();
  #untaken: UntakenWatch | undefined;
  /** Those that are not in the relay's hands, the ones that are being told why they were turned away included. */
  readonly #callers = new Set<Caller>();
  #closing: Promise<void> | undefined;
  /** The latest. */
  #request: StartForward;
  #run: Run | undefined;
  #isStopped = false;
  /** Somebody has come since the far side was last begun to be opened. */
  #isWanted = false;
  /** Called when the last connection of one that stops accepting has ended. */
  #onDrained: (() => void) | undefined;
  /** Runs while nobody is connected and the far side is open on demand. */
  #idling: Disposable | undefined;

  constructor(request: StartForward, services: PlaneServices, parts: ForwarderParts) {
    this.#request = request;
    this.#services = services;
    this.#parts = parts;
    this.#table = new ConnectionTable(services.clock);
    this.#limit = new ConnectionLimit(services);
    this.#news = new DestinationNews(services);
    this.#checker = new HealthChecker(services.clock);
    this.#parking = new Parking(services.clock, (accepted) => { this.#refuse(accepted, 'not-served', 'connection-lost'); });
    this.#parked = new ParkedWatch(services, () => this.#parking.items, () => this.#parking.isFull, (accepted, reason) => {
      this.#parking.take(accepted);
      this.#abort(accepted, reason);
    });
    this.#listener = parts.createListener(request, (arrival) => { void this.#accept(arrival); });
    this.#listener.onLost = (error) => { if (this.#run !== undefined) this.#lose(this.#run, error, true); };
  }

  /** Whether the listener of this forwarder can serve the request. */
  canServe(request: StartForward): boolean {
    return !this.#isStopped && polesOf(request) === polesOf(this.#request);
  }

  /** Whether a generation is under way, bound already or not. */
  get isRunning(): boolean {
    return this.#run !== undefined;
  }

  /** Begins a new generation once `after` has settled; the outcome is told by events. The generation before is over. */
  start(request: StartForward, after: Promise<void>): void {
    this.#endRun();
    const run: Run = {
      generation: request.generation,
      request,
      dialer: this.#parts.createDialer(request),
      route: createRoute(request, this.#services.clock),
      opening: undefined,
      isOpen: false,
      isIdle: false,
    };
    this.#request = request;
    this.#parking.limit(request.parking);
    this.#limit.limit(request);
    this.#run = run;
    this.#isWanted = false;
    this.#news.reset();
    void this.#execute(run, after);
  }

  /** Accepts no more and settles when the last connection has ended, after `deadlineMs`, or when it is stopped. Called once. */
  async drain(deadlineMs: number): Promise<void> {
    this.#isStopped = true;
    this.#listener.stopAccepting();
    // What waits for a tunnel has nothing to finish.
    for (const accepted of this.#parking.takeAll()) this.#refuse(accepted, 'stopped', 'connection-lost');
    if (this.#open.size === 0) return;
    await new Promise<void>((resolve) => {
      const deadline = this.#services.clock.after(deadlineMs, resolve);
      this.#onDrained = () => {
        deadline.dispose();
        resolve();
      };
    });
  }

  /** Frees everything at once: connections are reset, questions cancelled. Settles when nothing is left. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#onDrained?.();
    this.#parking.takeAll();
    for (const accepted of [...this.#open]) this.#abort(accepted, 'stopped');
    for (const caller of [...this.#callers]) caller.abort();
    const closed = this.#listener.close();
    this.#endRun();
    await Promise.all([closed, this.#closing]);
  }

  /** What waits in memory at the ends of its connections. */
  get queuedBytes(): number {
    return [...this.#open].reduce((sum, accepted) => sum + (accepted.relay?.queuedBytes ?? 0), 0);
  }

  connections(): readonly Connection[] {
    return this.#table.connections();
  }

  /** Asks the destination whether it is well; unknown unless the far side of that very run is and stays open. */
  async check(generation: number, check: HealthCheck): Promise<CheckOutcome> {
    const run = this.#run;
    if (run?.generation !== generation || !run.isOpen) return UNKNOWN_OUTCOME;
    const outcome = await this.#checker.run(run, check);
    this.#news.checked(outcome);
    return outcome;
  }

  /** Sends a `traffic` event if anything changed since the last one, or in any case when forced. */
  sendTraffic(isForced: boolean): void {
    const traffic = this.#table.news(isForced);
    if (traffic !== undefined) this.#services.control.emit('traffic', { id: this.#request.id, traffic });
  }

  async #execute(run: Run, after: Promise<void>): Promise<void> {
    const { generation, request, request: { id } } = run;
    const { signal } = run.opening = new AbortController();
    let isUnbound = true;
    try {
      await after;
      signal.throwIfAborted();
      const bound = await this.#listener.open(request, this.#progressOf(run), signal);
      isUnbound = false;
      signal.throwIfAborted();
      this.#services.control.emit('bound', { id, generation, bound });
      if (request.onDemand !== undefined && this.#parking.isEmpty) this.#rest(run);
      else await this.#openFarSide(run, signal);
    } catch (error) {
      this.#lose(run, error, isUnbound);
    }
  }

  #progressOf(run: Run): Parameters<Dialer['open']>[0] {
    return (progress) => { if (this.#run === run) this.#services.control.emit('progress', { id: run.request.id, generation: run.generation, progress }); };
  }

  async #openFarSide(run: Run, signal: AbortSignal): Promise<void> {
    const { generation, request: { id }, dialer } = run;
    dialer.onLost = (error) => { this.#lose(run, error, false); };
    dialer.onDestination = (error) => { this.#tellDestination(run, error === undefined ? undefined : toFailure(error)); };
    await dialer.open(this.#progressOf(run), signal);
    signal.throwIfAborted();
    run.isOpen = true;
    run.opening = undefined;
    this.#services.control.emit('up', { id, generation });
    if (!this.#parking.isEmpty) this.#parked.probe(() => { if (this.#run === run && run.isOpen) for (const accepted of this.#parking.takeAll()) this.#serve(accepted); });
    this.#idleIfUnused();
  }

  /** Nobody is connected: the far side is opened by whoever comes. */
  #rest(run: Run): void {
    run.isIdle = true;
    run.opening = undefined;
    this.#services.control.emit('idle', { id: run.request.id, generation: run.generation });
  }

  #wake(run: Run, { row }: Accepted): void {
    run.dialer.onDemandAt = formatEndpoint(row.accepted);
    run.isIdle = false;
    const { signal } = run.opening = new AbortController();
    this.#services.control.emit('waking', { id: run.request.id, generation: run.generation });
    this.#openFarSide(run, signal).catch((error: unknown) => { this.#lose(run, error, false); });
  }

  /** Closes the far side of one on demand when nobody has been connected for a while. */
  #idleIfUnused(): void {
    const run = this.#run;
    const idleMs = run?.request.onDemand?.idleMs;
    if (run?.isOpen !== true || idleMs === undefined || this.#open.size > 0) return;
    this.#idling ??= this.#services.clock.after(idleMs, () => {
      this.#idling = undefined;
      run.isOpen = false;
      this.#checker.stop();
      const { dialer } = run;
      dialer.onLost = undefined;
      run.dialer = this.#parts.createDialer(run.request);
      this.#settleClosing(dialer.close());
      this.#rest(run);
    });
  }

  #cancelIdling(): void {
    this.#idling?.dispose();
    this.#idling = undefined;
  }

  /** This generation is over by itself. A lasting listener stays unless it never came to be. */
  #lose(run: Run, error: unknown, isUnbound: boolean): void {
    if (this.#run !== run) return;
    const { isLasting } = this.#listener;
    if (isUnbound && isLasting) {
      this.#isStopped = true;
      // Through a port of a range that is not had as a whole.
      this.#loseUnjoined();
    }
    this.#endRun();
    this.#services.control.emit('lost', { id: this.#request.id, generation: run.generation, failure: toFailure(error), isUnbound: isUnbound || !isLasting });
    if (this.#isWanted && !this.#parking.isEmpty) this.#tellWanted();
  }

  #tellWanted(): void {
    const { id, generation } = this.#request;
    this.#services.control.emit('wanted', { id, generation });
  }

  #endRun(): void {
    const run = this.#run;
    if (run === undefined) return;
    this.#run = undefined;
    run.isOpen = false;
    run.isIdle = false;
    this.#cancelIdling();
    this.#checker.stop();
    run.opening?.abort(new ForwardError('cancelled', 'the forward was stopped'));
    if (!this.#listener.isLasting) this.#loseUnjoined();
    this.#settleClosing(run.dialer.close());
    this.#settleClosing(this.#listener.endRun());
  }

  /** What arrived through a tunnel or a listener that is gone is gone with it. */
  #loseUnjoined(): void {
    this.#parking.takeAll();
    for (const accepted of [...this.#open]) if (accepted.relay === undefined) this.#abort(accepted, 'tunnel-lost');
  }

  #settleClosing(close: Promise<void>): void {
    const closing = close.catch((error: unknown) => { log(this.#services, 'error', `closing ${this.#request.id}: ${toFailure(error).detail}`); });
    this.#closing = this.#closing?.then(() => closing) ?? closing;
  }

  async #accept(arrival: Arrival): Promise<void> {
    if (this.#isStopped) {
      arrival.refuse();
      return;
    }
    const refusal = this.#limit.refusalOf(arrival.accepted, this.#load);
    if (refusal !== undefined) {
      this.#turnAway(arrival, refusal);
      return;
    }
    const caller: Caller = this.#parts.createCaller(this.#request, arrival, () => this.#callers.delete(caller));
    this.#callers.add(caller);
    const row = this.#table.add(arrival.origin, arrival.accepted);
    row.phase = 'dialing';
    const accepted: Accepted = { caller, row };
    this.#open.add(accepted);
    this.#cancelIdling();
    const wish = await caller.ask();
    if (!this.#open.has(accepted)) return;
    if (wish.kind === 'nowhere') {
      this.#sendNowhere(accepted, wish);
      return;
    }
    if (wish.kind === 'destination') {
      accepted.destination = wish.destination;
      row.destination = untrustedText(formatHostPort(wish.destination));
    }
    this.#serve(accepted);
  }

  get #load(): Load {
    return {
      openCount: this.#open.size,
      serverQueuedBytes: this.#run?.dialer.queuedBytes ?? this.#listener.queuedBytes ?? 0,
      totalQueuedBytes: this.#parts.totalQueuedBytes(),
    };
  }

  #turnAway(arrival: Arrival, { reason, error }: Refusal): void {
    arrival.refuse();
    this.#table.close(this.#table.add(arrival.origin, arrival.accepted), reason);
    if (this.#run !== undefined) this.#tellDestination(this.#run, toFailure(error));
  }

  #sendNowhere(accepted: Accepted, { closeReason, detail, failure }: Extract<Wish, { kind: 'nowhere' }>): void {
    log(this.#services, 'debug', `${formatEndpoint(accepted.row.origin)}: ${detail}`);
    const destination = failure?.context['destination'];
    if (typeof destination === 'string') accepted.row.destination = destination;
    this.#finish(accepted, closeReason);
    if (failure !== undefined && this.#run !== undefined) this.#tellDestination(this.#run, failure);
  }

  #serve(accepted: Accepted): void {
    const run = this.#run;
    if (run?.isOpen === true) void this.#dial(accepted, run);
    else this.#park(accepted);
  }

  #park(accepted: Accepted): void {
    accepted.row.phase = 'parked';
    if (this.#isStopped) {
      this.#refuse(accepted, 'stopped', 'connection-lost');
      return;
    }
    // For one that may not wait, too, so that the next one need not.
    if (this.#run?.isIdle === true) this.#wake(this.#run, accepted);
    else if (!this.#isWanted && this.#run === undefined) this.#tellWanted();
    this.#isWanted = true;
    const isFull = this.#parking.isFull;
    if (this.#parking.park(accepted)) this.#parked.begin();
    else this.#refuse(accepted, isFull ? 'too-many-parked' : 'not-served', 'connection-lost');
  }

  async #dial(accepted: Accepted, run: Run): Promise<void> {
    const dialing = new AbortController();
    const { caller, row } = accepted;
    row.phase = 'dialing';
    accepted.dialing = dialing;
    try {
      const far = await run.route.reach(row, accepted.destination, run.dialer, dialing.signal);
      delete accepted.dialing;
      if (dialing.signal.aborted) {
        far.reset();
        return;
      }
      // One that got in does not take back that others did not.
      if (run.dialer.isProvedByAnswers !== true && !this.#limit.isReached(this.#load)) this.#tellDestination(run, undefined);
      row.phase = 'established';
      accepted.relay = relay(caller.join(), far, row, (reason) => { this.#finish(accepted, reason); });
      (this.#untaken ??= new UntakenWatch(this.#services, this.#open, run.request)).begin();
    } catch (error) {
      delete accepted.dialing;
      if (dialing.signal.aborted) return;
      const failure = toFailure(error);
      // The tunnel broke, not the destination: the client waits for the next one.
      if (failure.code === 'connection-lost') this.#park(accepted);
      else this.#refuse(accepted, dialReason(failure.code), failure.code);
      this.#tellDestination(run, failure);
    }
  }

  /** Ends a connection that has not reached its destination, and tells its client why. */
  #refuse(accepted: Accepted, reason: CloseReason, code: FailureCode): void {
    accepted.caller.refuse(code);
    this.#finish(accepted, reason);
  }

  /** Ends a connection at once. */
  #abort(accepted: Accepted, reason: CloseReason): void {
    if (accepted.relay !== undefined) {
      accepted.relay.abort();
      return;
    }
    accepted.dialing?.abort(new ForwardError('cancelled', 'the connection is gone'));
    accepted.caller.abort();
    this.#finish(accepted, reason);
  }

  #finish(accepted: Accepted, reason: CloseReason): void {
    this.#open.delete(accepted);
    this.#table.close(accepted.row, reason);
    this.#idleIfUnused();
    if (this.#open.size === 0) this.#onDrained?.();
  }

  #tellDestination({ generation, request: { id } }: Run, failure: Failure | undefined): void {
    if (this.#run?.generation === generation) this.#news.tell({ id, generation }, failure);
  }
}
