import { isSocketPath } from '../core/address.ts';
import { EventEmitter, type Event } from '../core/event.ts';
import { toFailure, type Failure, type FailureCode, type ForwardError } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import { isProxy, isThroughSsh, listensOnServer, portCountOf, type DynamicSpec, type ForwardSpec, type RemoteDynamicSpec, type SshSpec } from '../core/forwardSpec.ts';
import type { ForwardEvent } from '../core/forwardState.ts';
import { UNKNOWN_OUTCOME, type CheckOutcome, type HealthCheck } from '../core/healthCheck.ts';
import { bindAddresses, formatForward } from '../core/forwardText.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock, ForwardRunner, RunnerEvent, RunnerTraffic } from '../core/ports.ts';
import type { SshTarget } from '../core/sshTarget.ts';
import type { ConnectPole, FixedPole, ListenPole, ParkingLimits, PlaneEvents, ProxyCredentials, QueueLimits } from '../protocol/messages.ts';
import type { RpcEvent } from '../protocol/rpc.ts';
import { spellOutHome } from './homePath.ts';
import type { Log } from './log.ts';
import type { PlaneHost } from './planeHost.ts';

/** What has to be decided or found out before the plane can start a forward. */
export interface Preparation {
  /** Settles when no other window runs the forward or is before this one in starting it; rejects with `running-elsewhere`. */
  awaitTurn(definition: ForwardDefinition): Promise<void>;
  /** Settles when the forward may listen where it wants to; rejects with `bind-not-allowed`. */
  allowBind(definition: ForwardDefinition, signal: AbortSignal): Promise<void>;
  resolveTarget(spec: SshSpec, signal: AbortSignal): Promise<SshTarget>;
  /** What the clients of a proxy must show, undefined where nobody needs to; rejects with `auth-cancelled`. */
  proxyCredentials(definition: ForwardDefinition, signal: AbortSignal): Promise<ProxyCredentials | undefined>;
  /** Adds to a failure what only this machine can tell: who holds a port, which ports are free. Never rejects. */
  explain(failure: Failure, definition: ForwardDefinition): Promise<Failure>;
  /** As the user's settings have them now. */
  limits(): RunLimits;
}

export interface RunLimits {
  readonly parking: ParkingLimits;
  /** How long a tunnel that is open on demand stays without a connection. */
  readonly idleMs: number;
  /** Of one forward. */
  readonly maxConnections: number;
  readonly queued: QueueLimits;
}

interface Run {
  readonly definition: ForwardDefinition;
  readonly generation: number;
  readonly controller: AbortController;
  /** Settles when its end has been told. */
  losing?: Promise<void>;
}

/** Turns the model's orders into requests to the plane, and the plane's events into the model's. */
export class PlaneRunner implements ForwardRunner, Disposable {
  readonly #host: PlaneHost;
  readonly #preparation: Preparation;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #runs = new Map<string, Run>();
  readonly #events = new EventEmitter<RunnerEvent>();
  readonly #traffic = new EventEmitter<RunnerTraffic>();
  readonly #owned = new DisposableStore();
  readonly #watchers = new Set<string>();

  readonly onEvent: Event<RunnerEvent> = this.#events.event;
  readonly onTraffic: Event<RunnerTraffic> = this.#traffic.event;

  constructor(host: PlaneHost, preparation: Preparation, clock: Clock, log: Log) {
    this.#host = host;
    this.#preparation = preparation;
    this.#clock = clock;
    this.#log = log;
    this.#owned.add(host.onEvent((event) => { this.#onPlaneEvent(event); }));
    this.#owned.add(host.onDidStart(() => { if (this.#watchers.size > 0) this.#tellWatching(); }));
    this.#owned.add(host.onDidCrash((reason) => { this.#onCrash(reason); }));
  }

  start(definition: ForwardDefinition, generation: number): void {
    this.#runs.get(definition.id)?.controller.abort();
    const run: Run = { definition, generation, controller: new AbortController() };
    this.#runs.set(definition.id, run);
    this.#start(run).catch((error: unknown) => { this.#onStartFailed(run, error); });
  }

  stop(id: string, generation: number, drainMs?: number): void {
    this.#runs.get(id)?.controller.abort();
    this.#runs.delete(id);
    const onStopped = (): void => { this.#emit(id, { type: 'stopped', generation }); };
    if (!this.#host.isRunning) {
      onStopped();
      return;
    }
    this.#host.request('stop', { id, ...(drainMs === undefined ? {} : { drainMs }) }).then(onStopped, (error: unknown) => {
      this.#log.write('warn', `Stopping: ${toFailure(error).detail}`);
      onStopped();
    });
  }

  check(id: string, generation: number, check: HealthCheck): void {
    const tell = (outcome: CheckOutcome): void => {
      const run = this.#runs.get(id);
      if (run?.generation !== generation) return;
      this.#emit(id, { type: 'checked', generation, at: this.#clock.now(), check, outcome });
    };
    this.#host.request('check', { id, generation, check }).then(tell, (error: unknown) => {
      this.#log.write('debug', `check: ${toFailure(error).detail}`);
      tell(UNKNOWN_OUTCOME);
    });
  }

  /** Has the plane ask every SSH server whether it is still there. */
  probe(): void {
    if (!this.#host.isRunning) return;
    this.#host.request('probe', undefined).catch((error: unknown) => { this.#log.write('debug', `probe: ${toFailure(error).detail}`); });
  }

  /** Turns live traffic on while anybody looks; off, the plane counts but does not report. */
  setWatching(isWatching: boolean, who: 'view' | 'other-windows' = 'view'): void {
    const before = this.#watchers.size > 0;
    if (isWatching) this.#watchers.add(who);
    else this.#watchers.delete(who);
    if (before !== this.#watchers.size > 0 && this.#host.isRunning) this.#tellWatching();
  }

  dispose(): void {
    for (const run of this.#runs.values()) run.controller.abort();
    this.#runs.clear();
    this.#owned.dispose();
  }

  async #start(run: Run): Promise<void> {
    const { definition, generation, controller: { signal } } = run;
    const { id, spec } = definition;
    await this.#preparation.awaitTurn(definition);
    signal.throwIfAborted();
    await this.#preparation.allowBind(definition, signal);
    const target = isThroughSsh(spec) ? await this.#preparation.resolveTarget(spec, signal) : undefined;
    const credentials = await this.#preparation.proxyCredentials(definition, signal);
    if (signal.aborted) return;
    const { parking, idleMs, maxConnections, queued } = this.#preparation.limits();
    await this.#host.request('start', {
      id, generation, parking, maxConnections, queued, listen: listenPole(spec), connect: connectPole(spec, target, credentials),
      ...(target === undefined ? {} : { target }), ...(definition.isOnDemand === true ? { onDemand: { idleMs } } : {}),
    });
  }

  #onStartFailed(run: Run, error: unknown): void {
    if (run.controller.signal.aborted) return;
    this.#onLost(run, toFailure(error), false);
  }

  #onLost(run: Run, failure: Failure, isUnbound: boolean): void {
    const { definition, generation, controller } = run;
    run.losing = this.#preparation.explain(failure, definition).catch(() => failure).then((explained) => {
      if (controller.signal.aborted) return;
      this.#emit(definition.id, { type: 'lost', generation, at: this.#clock.now(), failure: explained, isUnbound });
    });
  }

  #onCrash(reason: ForwardError): void {
    for (const [id, { generation }] of [...this.#runs]) {
      this.#emit(id, { type: 'lost', generation, at: this.#clock.now(), failure: toFailure(reason), isUnbound: true });
    }
  }

  #onPlaneEvent(event: RpcEvent<PlaneEvents>): void {
    switch (event.name) {
      case 'progress':
        this.#emit(event.payload.id, { type: 'progress', ...event.payload });
        return;
      case 'bound':
        this.#emit(event.payload.id, { type: 'bound', ...event.payload });
        return;
      case 'up':
        this.#emit(event.payload.id, { type: 'up', at: this.#clock.now(), ...event.payload });
        return;
      case 'idle':
      case 'waking':
        this.#emit(event.payload.id, { type: event.name, at: this.#clock.now(), ...event.payload });
        return;
      case 'wanted':
        this.#onWanted(event.payload);
        return;
      case 'destination':
        this.#onDestination(event.payload);
        return;
      case 'lost': {
        const { id, generation, failure, isUnbound } = event.payload;
        const run = this.#runs.get(id);
        if (run?.generation === generation) this.#onLost(run, failure, isUnbound);
        return;
      }
      case 'traffic':
        this.#traffic.fire(event.payload);
        return;
      case 'log':
        this.#onLog(event.payload);
        return;
      case 'loggedIn':
      case 'hostKeys':
      case 'passwordAnswered':
      case 'diagnosis':
        return;
    }
  }

  #onLog({ level, text, id }: PlaneEvents['log']): void {
    const run = id === undefined ? undefined : this.#runs.get(id);
    this.#log.write(level, run === undefined ? text : `${formatForward(run.definition.spec)}: ${text}`);
  }

  /** Told after the end of the run, which may still have to be explained. */
  #onWanted({ id, generation }: PlaneEvents['wanted']): void {
    void (this.#runs.get(id)?.losing ?? Promise.resolve()).then(() => { this.#emit(id, { type: 'wanted', at: this.#clock.now(), generation }); });
  }

  #onDestination({ id, generation, failure }: PlaneEvents['destination']): void {
    const spec = this.#runs.get(id)?.definition.spec;
    const complaint = failure !== undefined && spec !== undefined && isProxy(spec) ? complaintOfProxy(failure, spec) : failure;
    if (spec !== undefined && failure !== undefined && complaint === undefined) this.#log.write('debug', `${formatForward(spec)}: ${failure.code}: ${failure.detail}`);
    else this.#emit(id, { type: 'destination', at: this.#clock.now(), generation, failure: complaint });
  }

  #tellWatching(): void {
    this.#host.request('watch', { isWatching: this.#watchers.size > 0 }).catch((error: unknown) => {
      this.#log.write('debug', `watch: ${toFailure(error).detail}`);
    });
  }

  #emit(id: string, event: ForwardEvent): void {
    this.#events.fire({ id, event });
  }
}

/** There was no room for a connection here, wherever it wanted to go. */
const HERE: ReadonlySet<FailureCode> = new Set<FailureCode>(['too-many-connections', 'too-much-queued', 'too-many-open-files']);

/** What one connection of a proxy asked for and did not reach says nothing about the others; being forbidden by the server may. */
function complaintOfProxy(failure: Failure, { kind }: ForwardSpec): Failure | undefined {
  if (HERE.has(failure.code)) return failure;
  return failure.code === 'forwarding-prohibited' && kind === 'dynamic' ? { ...failure, context: { ...failure.context, isProxy: true } } : undefined;
}

/** Where the plane is to listen. */
export function listenPole(spec: ForwardSpec): ListenPole {
  const portCount = portCountOf(spec);
  const range = portCount === 1 ? {} : { portCount };
  if (listensOnServer(spec)) return { side: 'server', address: spec.listen, ...range };
  const listen = spellOutHome(spec.listen);
  if (isSocketPath(listen)) return { side: 'here-socket', path: listen.path };
  const addresses = bindAddresses(listen);
  return spec.kind === 'udp' ? { side: 'here-udp', addresses } : { side: 'here', addresses, ...range };
}

/** The server's programs go only where the user's PermitRemoteOpen lets them; from here, the server's PermitOpen decides. */
export function connectPole(spec: ForwardSpec, target: SshTarget | undefined, credentials?: ProxyCredentials): ConnectPole {
  if (!isProxy(spec)) return fixedPole(spec);
  const permitted = spec.kind === 'remote-dynamic' ? target?.permitRemoteOpen : undefined;
  return { kind: 'asked', ...(permitted === undefined ? {} : { permitted }), ...(credentials === undefined ? {} : { credentials }) };
}

/** The paths of a -L are the server's; of every other forward, this computer's. */
function fixedPole(spec: Exclude<ForwardSpec, DynamicSpec | RemoteDynamicSpec>): FixedPole {
  if (spec.kind === 'local') return { kind: 'fixed', address: spec.connect };
  const address = spellOutHome(spec.connect);
  if (spec.kind !== 'relay') return { kind: 'fixed', address };
  return {
    kind: 'fixed', address,
    ...(spec.fallbacks === undefined ? {} : { fallbacks: spec.fallbacks.map((endpoint) => spellOutHome(endpoint)) }),
    ...(spec.sendsProxyHeader === true ? { sendsProxyHeader: true } : {}),
  };
}
