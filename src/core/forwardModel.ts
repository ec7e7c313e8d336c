import type { ClaimKind } from './claim.ts';
import { EventEmitter, type Event } from './event.ts';
import { mayHeal, type Failure } from './failure.ts';
import type { Forward, ForwardDefinition, RunElsewhere, Traffic } from './forward.ts';
import { boundOf, heardOf, isActive, isDraining, isListening, isRunning, runsElsewhere, STOPPED, transition, type ForwardEvent, type ForwardState } from './forwardState.ts';
import { isSameSpec } from './forwardText.ts';
import { isSameCheck } from './healthCheck.ts';
import { HealthSchedule } from './healthSchedule.ts';
import { DisposableStore, type Disposable } from './lifecycle.ts';
import type { Clock, ForwardRunner } from './ports.ts';
import { isSameTraffic, snapshotOf, trackForward, trafficElsewhere, type StartOptions, type TrackedForward } from './trackedForward.ts';

/** What changed: the set of forwards or a definition, the state of one, or only what passes through one. */
export type ForwardChange =
  | { readonly kind: 'definitions' }
  | { readonly kind: 'state'; readonly id: string; readonly before: ForwardState }
  | { readonly kind: 'traffic'; readonly id: string };

export interface StopOptions {
  /** What is connected may finish for so long; 0 ends it at once. */
  readonly drainMs: number;
}

const AT_ONCE: StopOptions = { drainMs: 0 };

const MINUTE_MS = 60_000;

const BY_HAND: StartOptions = { isPersistent: false };

/** How soon what another window held is tried again. */
const HEIR_RETRY_MS = 200;

/** The one source of truth about forwards: intents in, immutable snapshots and one change event out. */
export class ForwardModel implements Disposable {
  readonly #entries = new Map<string, TrackedForward>();
  readonly #changes = new EventEmitter<ForwardChange>();
  readonly #owned = new DisposableStore();
  readonly #health: HealthSchedule;
  readonly #runner: ForwardRunner;
  readonly #clock: Clock;
  readonly #chance: () => number;
  /** Shared by all forwards, so that a forward that was removed and put again never takes up an earlier run's number. */
  #lastGeneration = 0;

  readonly onDidChange: Event<ForwardChange> = this.#changes.event;

  /** `chance` answers 0 to 1 and spreads retries. */
  constructor(runner: ForwardRunner, clock: Clock, chance: () => number) {
    this.#runner = runner;
    this.#clock = clock;
    this.#chance = chance;
    this.#health = this.#owned.add(new HealthSchedule((id, { generation, check }) => { runner.check(id, generation, check); }, clock));
    this.#owned.add(runner.onEvent(({ id, event }) => { this.#onRunnerEvent(id, event); }));
    this.#owned.add(runner.onTraffic(({ id, traffic }) => { this.#onTraffic(id, traffic); }));
  }

  /** All forwards, in the user's order. */
  get forwards(): readonly Forward[] {
    return [...this.#entries.values()].map(snapshotOf);
  }

  get(id: string): Forward | undefined {
    const entry = this.#entries.get(id);
    return entry === undefined ? undefined : snapshotOf(entry);
  }

  /** Adds a stopped forward, or changes the one with that id; one that runs with other poles, another server or another login is restarted. */
  put(definition: ForwardDefinition): void {
    this.#put(definition);
    this.#changes.fire({ kind: 'definitions' });
  }

  /** Makes the forwards of the user's settings those given, in that order; what runs unchanged goes on running. */
  replaceUserForwards(definitions: readonly ForwardDefinition[]): void {
    this.#replace(definitions, ({ definition }) => definition.origin === 'user');
  }

  /**
   * Makes the forwards that ssh_config offers those given, in that order. One that runs and is offered no more stays until it
   * is removed: a file that is being written looks empty for a moment.
   */
  replaceConfigForwards(definitions: readonly ForwardDefinition[]): void {
    this.#replace(definitions, ({ definition, state }) => definition.origin === 'ssh-config' && !isActive(state));
  }

  /** Stops a forward and forgets it. */
  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#drop(id, entry);
    this.#changes.fire({ kind: 'definitions' });
  }

  /** Starts a forward that does not run; one that waits for a retry tries at once, and one that another window runs waits for that to go. */
  start(id: string, options: StartOptions = BY_HAND): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (entry.state.phase === 'stopping') {
      entry.startAgain = options;
      return;
    }
    if (entry.state.phase === 'starting' || entry.state.phase === 'listening' || entry.state.phase === 'idle') return;
    if (entry.state.phase === 'elsewhere' && entry.state.running.phase !== 'failed') {
      this.#claim(id, entry, entry.state.running.phase === 'stopping' ? 'when-free' : 'if-owner-goes');
      return;
    }
    if (entry.state.phase === 'retrying') entry.retries.hurry(this.#clock.now());
    else {
      entry.isPersistent = options.isPersistent;
      entry.wasUp = false;
      entry.retries.reset();
    }
    this.#run(id, entry);
  }

  /** The machine woke up, or the network is back: stops whatever had its time, then tries at once whatever waits for a retry and was not tried too often. */
  retryNow(): void {
    // While the machine slept, no timer said so.
    for (const [id, { limit }] of [...this.#entries]) if (limit.isOver) this.stop(id);
    for (const [id, { state, retries }] of [...this.#entries]) if (state.phase === 'retrying' && retries.canHurry(this.#clock.now())) this.start(id);
  }

  stop(id: string, options: StopOptions = AT_ONCE): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.startAgain = undefined;
    this.#stop(id, entry, options);
  }

  /** Starts a forward as soon as the other window that runs it has stopped it, which is for somebody else to ask; at once where none does. */
  takeOver(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined && runsElsewhere(entry.state)) this.#claim(id, entry, 'when-free');
    else this.start(id);
  }

  /** Stops a forward for another window to run it; it comes back when that goes. */
  handOver(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || !isActive(entry.state) || (entry.state.phase === 'stopping' && !isDraining(entry.state))) return;
    this.stop(id);
    entry.claim.make('if-owner-goes');
    if (entry.elsewhere === undefined) entry.claim.lapseSoon();
  }

  /** Takes in how another window runs a forward, or that none does any more; `isOrphaned` when the window went, and did not stop it. */
  setElsewhere(id: string, elsewhere: RunElsewhere | undefined, isOrphaned = false): void {
    const entry = this.#entries.get(id);
    const before = entry?.elsewhere;
    if (entry === undefined || (elsewhere === undefined && before === undefined)) return;
    entry.elsewhere = elsewhere;
    if (isOrphaned) entry.claim.orphan();
    // One that waits as this one does may have tried, and not have said yet that it gave up.
    if (elsewhere !== undefined && elsewhere.running.phase !== 'failed') entry.claim.keep(elsewhere.running.phase === 'stopping' || boundOf(elsewhere.running) !== undefined);
    else if (entry.state.phase === 'elsewhere' && entry.claim.takeTurn()) {
      this.#inherit(id, entry, isOrphaned ? before?.stopsAt : undefined);
      return;
    } else if (entry.claim.isMade && before?.running.phase !== 'failed') entry.claim.lapseSoon();
    this.#setState(id, entry, heardOf(entry.state, elsewhere?.running));
    const traffic = trafficElsewhere(entry.elsewhere);
    if (entry.state.phase === 'elsewhere' && !isSameTraffic(entry.traffic, traffic)) this.#setTraffic(id, entry, traffic);
  }

  restart(id: string, options: StartOptions = BY_HAND): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    if (isActive(entry.state)) {
      entry.startAgain = options;
      this.#stop(id, entry, AT_ONCE);
    } else this.start(id, options);
  }

  /** Ends timers and listening; does not stop the forwards, the runner's owner does. */
  dispose(): void {
    this.#owned.dispose();
    for (const entry of this.#entries.values()) {
      entry.retryTimer?.dispose();
      entry.limit.dispose();
      entry.claim.dispose();
    }
    this.#changes.dispose();
  }

  #put(definition: ForwardDefinition): void {
    const entry = this.#entries.get(definition.id);
    if (entry === undefined) {
      this.#entries.set(definition.id, trackForward(definition, this.#clock));
      return;
    }
    const isSameForward = isSameSpec(entry.definition.spec, definition.spec) && entry.definition.isOnDemand === definition.isOnDemand && entry.definition.login === definition.login;
    const isSameLimit = entry.definition.stopAfterMinutes === definition.stopAfterMinutes;
    const isCheckedAnew = !isSameCheck(entry.definition.healthCheck, definition.healthCheck);
    entry.definition = definition;
    if (isCheckedAnew) this.#checkAnew(definition.id, entry);
    if (!isSameLimit) entry.limit.dispose();
    if (!isSameLimit && isListening(entry.state)) this.#limit(definition.id, entry);
    // Whoever edits it still wants it up: also where there is no network just now.
    if (!isSameForward && isRunning(entry.state)) this.restart(definition.id, { isPersistent: entry.isPersistent });
  }

  #replace(definitions: readonly ForwardDefinition[], isReplaced: (entry: TrackedForward) => boolean): void {
    const kept = new Set(definitions.map(({ id }) => id));
    for (const [id, entry] of this.#entries) {
      if (isReplaced(entry) && !kept.has(id)) this.#drop(id, entry);
    }
    for (const definition of definitions) this.#put(definition);
    this.#reorder(definitions.map(({ id }) => id));
    this.#changes.fire({ kind: 'definitions' });
  }

  #drop(id: string, entry: TrackedForward): void {
    entry.retryTimer?.dispose();
    entry.limit.dispose();
    entry.claim.dispose();
    this.#health.set(id, undefined);
    this.#entries.delete(id);
    // What waits for its connections still relays for them.
    if (isRunning(entry.state) || isDraining(entry.state)) this.#runner.stop(id, entry.generation);
  }

  #reorder(ids: readonly string[]): void {
    for (const id of ids) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      this.#entries.delete(id);
      this.#entries.set(id, entry);
    }
  }

  #run(id: string, entry: TrackedForward): void {
    const generation = ++this.#lastGeneration;
    entry.generation = generation;
    entry.startAgain = undefined;
    entry.claim.giveUp();
    this.#apply(id, entry, { type: 'start', generation, at: this.#clock.now() });
    // Whoever heard of the change may have stopped or removed it by now.
    if (this.#isCurrent(id, entry, generation) && entry.state.phase === 'starting') this.#runner.start(entry.definition, generation);
  }

  /** `stopsAt`: its time goes on running. */
  #inherit(id: string, entry: TrackedForward, stopsAt: number | undefined): void {
    entry.isPersistent = true;
    // It was up, there: a server may hold its port for a connection that is dead.
    entry.wasUp = true;
    entry.retries.reset();
    if (stopsAt !== undefined) entry.limit.set(stopsAt, () => { this.stop(id); });
    this.#run(id, entry);
  }

  #claim(id: string, entry: TrackedForward, kind: ClaimKind): void {
    entry.claim.make(kind);
    this.#changes.fire({ kind: 'state', id, before: entry.state });
  }

  #stop(id: string, entry: TrackedForward, { drainMs }: StopOptions): void {
    const wasClaimed = entry.claim.isMade;
    entry.claim.giveUp();
    if (entry.state.phase === 'elsewhere') {
      if (wasClaimed) this.#changes.fire({ kind: 'state', id, before: entry.state });
      return;
    }
    if (!isActive(entry.state)) {
      this.#setState(id, entry, STOPPED);
      return;
    }
    const { generation, state } = entry;
    const at = this.#clock.now();
    this.#apply(id, entry, { type: 'stop', generation, at, ...(drainMs > 0 ? { drainUntil: at + drainMs } : {}) });
    if (entry.state === state) return;
    // One that was removed by whoever heard of the change still runs: what was removed while stopping is stopped here.
    if (drainMs === 0) this.#runner.stop(id, generation);
    else if (this.#isCurrent(id, entry, generation) && isDraining(entry.state)) this.#runner.stop(id, generation, drainMs);
  }

  /** From now on, or not at all. */
  #limit(id: string, entry: TrackedForward): void {
    const { stopAfterMinutes } = entry.definition;
    if (stopAfterMinutes === undefined || entry.limit.stopsAt !== undefined) return;
    entry.limit.set(this.#clock.now() + Math.round(stopAfterMinutes * MINUTE_MS), () => { this.stop(id); });
  }

  #onRunnerEvent(id: string, event: ForwardEvent): void {
    const entry = this.#entries.get(id);
    if (entry?.generation !== event.generation) return;
    if (event.type === 'lost') this.#onLost(id, entry, event);
    else if (event.type === 'checked') this.#onChecked(id, entry, event);
    else if (event.type === 'wanted') this.#onWanted(id, entry, event);
    else this.#applyTold(id, entry, event, event.type === 'destination' && event.failure === undefined);
    if (event.type === 'stopped' && (entry.state.phase === 'stopped' || entry.state.phase === 'elsewhere') && entry.startAgain !== undefined) this.start(id, entry.startAgain);
  }

  #onLost(id: string, entry: TrackedForward, event: Extract<ForwardEvent, { type: 'lost' }>): void {
    if (entry.state.phase === 'retrying' || !isRunning(entry.state)) {
      this.#apply(id, entry, event);
      return;
    }
    const { type, generation, at, failure, isUnbound = false } = event;
    const delayMs = this.#retryDelayMs(entry, failure);
    if (delayMs === undefined) {
      if (failure.code === 'running-elsewhere') entry.claim.make('if-owner-goes');
      // Before anybody hears of the failure and starts it anew: the plane stops by id.
      this.#runner.stop(id, generation);
      this.#apply(id, entry, { type, generation, at, failure });
      return;
    }
    this.#tryIn(id, entry, delayMs);
    this.#apply(id, entry, { type, generation, at, failure, isUnbound, retryAt: at + delayMs });
  }

  /** Whoever waits hurries the next try, as long as that leaves enough of them for later. */
  #onWanted(id: string, entry: TrackedForward, event: ForwardEvent): void {
    const hurried = transition(entry.state, event);
    if (hurried === entry.state || hurried.phase !== 'retrying' || !entry.retries.bringForward(hurried.retryAt)) return;
    entry.retryTimer?.dispose();
    this.#tryIn(id, entry, Math.max(0, hurried.retryAt - this.#clock.now()));
    this.#setState(id, entry, hurried);
  }

  #tryIn(id: string, entry: TrackedForward, delayMs: number): void {
    entry.retryTimer = this.#clock.after(delayMs, () => {
      if (entry.limit.isOver) this.stop(id);
      else this.#run(id, entry);
    });
  }

  /** How long to wait before the next try; undefined when this failure is final. */
  #retryDelayMs(entry: TrackedForward, failure: Failure): number | undefined {
    const isFromOther = (failure.code === 'running-elsewhere' && entry.elsewhere === undefined) || (failure.code === 'address-in-use' && entry.claim.isHeir);
    if (isFromOther) return entry.retries.nextIn(this.#clock.now(), HEIR_RETRY_MS);
    return mayHeal(failure, entry.wasUp) && entry.isPersistent ? entry.retries.next(this.#clock.now(), this.#chance()) : undefined;
  }

  #onChecked(id: string, entry: TrackedForward, event: Extract<ForwardEvent, { type: 'checked' }>): void {
    if (this.#health.answered(id, event)) this.#applyTold(id, entry, event, event.outcome.kind === 'passed');
  }

  #applyTold(id: string, entry: TrackedForward, event: ForwardEvent, isProof: boolean): void {
    const before = entry.state;
    if (isProof && before.phase === 'listening') entry.provedAt = this.#clock.now();
    this.#apply(id, entry, event);
    if (isProof && before.phase === 'listening' && entry.state === before) this.#changes.fire({ kind: 'traffic', id });
  }

  /** Has the forward checked as it now says; what the check before found out is not what this one asks. */
  #checkAnew(id: string, entry: TrackedForward): void {
    entry.provedAt = undefined;
    if (entry.state.phase === 'listening' && entry.state.complaint?.failure.code === 'destination-unhealthy') this.#setState(id, entry, { ...entry.state, complaint: undefined });
    else this.#schedule(id, entry);
  }

  /** While it listens with its tunnel, and then only: a check wakes nothing. */
  #schedule(id: string, { definition: { healthCheck: check }, state }: TrackedForward): void {
    this.#health.set(id, check === undefined || state.phase !== 'listening' ? undefined : { generation: state.generation, check });
  }

  #onTraffic(id: string, traffic: Traffic): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined && isActive(entry.state)) this.#setTraffic(id, entry, traffic);
  }

  #setTraffic(id: string, entry: TrackedForward, traffic: Traffic): void {
    entry.traffic = traffic;
    this.#changes.fire({ kind: 'traffic', id });
  }

  #isCurrent(id: string, entry: TrackedForward, generation: number): boolean {
    return this.#entries.get(id) === entry && entry.generation === generation;
  }

  #apply(id: string, entry: TrackedForward, event: ForwardEvent): void {
    this.#setState(id, entry, transition(entry.state, event));
  }

  /** What does not run here is where it runs. */
  #setState(id: string, entry: TrackedForward, wanted: ForwardState): void {
    const state = entry.elsewhere === undefined ? wanted : heardOf(wanted, entry.elsewhere.running);
    if (state === entry.state) return;
    const before = entry.state;
    entry.state = state;
    if (state.phase === 'listening') entry.retries.succeeded();
    if (isListening(state)) {
      entry.isPersistent = true;
      entry.wasUp = true;
      this.#limit(id, entry);
    }
    if (state.phase !== 'retrying') entry.retryTimer?.dispose();
    if (!isRunning(state)) entry.limit.dispose();
    if (!isActive(state)) entry.traffic = trafficElsewhere(state.phase === 'elsewhere' ? entry.elsewhere : undefined);
    if (state.phase !== 'listening') entry.provedAt = undefined;
    this.#schedule(id, entry);
    this.#changes.fire({ kind: 'state', id, before });
  }
}
