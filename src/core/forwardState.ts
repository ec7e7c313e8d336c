import type { Endpoint } from './address.ts';
import { isTurningAway, type Failure } from './failure.ts';
import type { CheckOutcome, HealthCheck } from './healthCheck.ts';

/** What a forward is doing while it starts, in the order of doing. */
export const START_STEPS = ['resolving', 'connecting', 'handshake', 'checking-host-key', 'logging-in', 'binding'] as const;

export type StartStep = typeof START_STEPS[number];

/** The step, and for a chain of jump hosts the one it concerns. */
export interface Progress {
  readonly step: StartStep;
  readonly host?: string;
}

/** What a forward really listens on, and what it had to do without. */
export interface Bound {
  readonly addresses: readonly Endpoint[];
  /** An address that was asked for and could not be had, while another could: one loopback of the two. */
  readonly missing?: { readonly address: Endpoint; readonly failure: Failure };
}

/** The last connection's failure to reach its destination, or the last health check's, while the forward itself is fine. */
export interface Complaint {
  readonly failure: Failure;
  readonly at: number;
}

/** Why it is not up: the last failure to be so, and since when it has not been. */
export interface Outage extends Complaint {
  readonly since: number;
}

/**
 * Where a forward stands. Times are milliseconds since the epoch; `generation` is the run, and grows with each of them.
 * `attempt` counts the runs since one that came up; that one was none.
 */
export type ForwardState =
  | { readonly phase: 'stopped' }
  | { readonly phase: 'starting'; readonly generation: number; readonly attempt: number; readonly since: number; readonly progress: Progress; readonly bound: Bound | undefined; readonly outage?: Outage }
  | { readonly phase: 'listening'; readonly generation: number; readonly since: number; readonly bound: Bound; readonly complaint: Complaint | undefined }
  /** Listens without a tunnel, which the first connection opens; one before that may not have got it. */
  | { readonly phase: 'idle'; readonly generation: number; readonly since: number; readonly bound: Bound; readonly complaint?: Outage }
  | { readonly phase: 'retrying'; readonly generation: number; readonly attempt: number; readonly since: number; readonly downSince: number; readonly retryAt: number; readonly failure: Failure; readonly bound: Bound | undefined }
  /** With `drainUntil`, open connections may finish until then. */
  | { readonly phase: 'stopping'; readonly generation: number; readonly since: number; readonly drainUntil?: number }
  | { readonly phase: 'failed'; readonly since: number; readonly failure: Failure }
  /** Not here, but in another window of the editor, where it stands like that. */
  | { readonly phase: 'elsewhere'; readonly since: number; readonly running: ToldState };

export type Phase = ForwardState['phase'];

/** How a forward stands where it runs. */
export type ActiveState = Extract<ForwardState, { generation: number }>;

/** What a window tells the others of a forward: how it runs there, or why it failed there. */
export type ToldState = ActiveState | Extract<ForwardState, { phase: 'failed' }>;

/** What happens to a forward. All but `start` belong to the run whose generation they carry; stale ones are dropped. */
export type ForwardEvent =
  | { readonly type: 'start'; readonly generation: number; readonly at: number }
  | { readonly type: 'progress'; readonly generation: number; readonly progress: Progress }
  | { readonly type: 'bound'; readonly generation: number; readonly bound: Bound }
  | { readonly type: 'up'; readonly generation: number; readonly at: number }
  | { readonly type: 'idle'; readonly generation: number; readonly at: number }
  | { readonly type: 'waking'; readonly generation: number; readonly at: number }
  /** Somebody waits for the next try. */
  | { readonly type: 'wanted'; readonly generation: number; readonly at: number }
  /** Without a failure its destination was reached, or one of those that it has. */
  | { readonly type: 'destination'; readonly generation: number; readonly at: number; readonly failure: Failure | undefined }
  | { readonly type: 'checked'; readonly generation: number; readonly at: number; readonly check: HealthCheck; readonly outcome: CheckOutcome }
  | { readonly type: 'lost'; readonly generation: number; readonly at: number; readonly failure: Failure; readonly retryAt?: number; readonly isUnbound?: boolean }
  | { readonly type: 'stop'; readonly generation: number; readonly at: number; readonly drainUntil?: number }
  | { readonly type: 'stopped'; readonly generation: number };

/**
 * The state after `event`. Pure and total: an event that does not fit, or that belongs to an earlier run, answers the
 * same object. A `lost` without `retryAt` is final.
 */
export function transition(state: ForwardState, event: ForwardEvent): ForwardState {
  if (event.type === 'start') return started(state, event);
  if (!('generation' in state) || state.generation !== event.generation) return state;
  switch (event.type) {
    case 'progress':
      return state.phase === 'starting' ? { ...state, progress: event.progress } : state;
    case 'bound':
      return state.phase === 'starting' || state.phase === 'retrying' ? { ...state, bound: event.bound } : state;
    case 'up':
      return up(state, event.at);
    case 'idle':
      return idle(state, event.at);
    case 'waking':
      return waking(state, event.at);
    case 'wanted':
      return wanted(state, event.at);
    case 'destination':
      return complained(state, event);
    case 'checked':
      return checked(state, event);
    case 'lost':
      return lost(state, event);
    case 'stop':
      return stopped(state, event);
    case 'stopped':
      return state.phase === 'stopping' ? STOPPED : state;
  }
}

/** The state once another window has said how it runs the forward, or, with `undefined`, that it no longer does. What runs here goes on. */
export function heardOf(state: ForwardState, running: ToldState | undefined): ForwardState {
  if (running === undefined) return state.phase === 'elsewhere' ? STOPPED : state;
  if (isActive(state) || (state.phase === 'failed' && running.phase === 'failed')) return state;
  // It comes anew with every report.
  const isSame = state.phase === 'elsewhere' && JSON.stringify(state.running) === JSON.stringify(running);
  return isSame ? state : { phase: 'elsewhere', since: running.since, running };
}

export const STOPPED: ForwardState = { phase: 'stopped' };

/** True while the forward holds, or is about to hold, something that a stop has to free. */
export function isActive(state: ForwardState): state is ActiveState {
  return 'generation' in state;
}

/** Active, and nobody has asked it to stop. */
export function isRunning(state: ForwardState): boolean {
  return isActive(state) && state.phase !== 'stopping';
}

/** True while it listens in this window and nothing is known to be wrong with the way. */
export function isListening({ phase }: ForwardState): boolean {
  return phase === 'listening' || phase === 'idle';
}

/** True while programs of this computer can connect, whichever window runs it. */
export function isUsable(state: ForwardState): boolean {
  return isListening(whereItRuns(state));
}

/** How the forward stands in the window that runs it, if one does. */
export function whereItRuns(state: ForwardState): ForwardState {
  return state.phase === 'elsewhere' ? state.running : state;
}

/** True while another window holds it, or is about to; not where it failed there. */
export function runsElsewhere(state: ForwardState): boolean {
  return state.phase === 'elsewhere' && state.running.phase !== 'failed';
}

/** True while it stops as soon as what is connected has finished; until then it can still be stopped at once. */
export function isDraining(state: ForwardState): boolean {
  return state.phase === 'stopping' && state.drainUntil !== undefined;
}

/** What is wrong in this state, if anything: why it failed or is tried again, or what its last connection could not reach. */
export function failureOf(of: ForwardState): Failure | undefined {
  const state = whereItRuns(of);
  if (state.phase === 'failed' || state.phase === 'retrying') return state.failure;
  return state.phase === 'listening' ? state.complaint?.failure : outageOf(state)?.failure;
}

/** Since when it has been down, here or in another window, while it comes back. */
export function downSinceOf(of: ForwardState): number | undefined {
  const state = whereItRuns(of);
  if (state.phase === 'retrying') return state.downSince;
  return state.phase === 'starting' ? state.outage?.since : undefined;
}

/** What the forward listens on in this state, here or in another window, if anything. */
export function boundOf(of: ForwardState): Bound | undefined {
  const state = whereItRuns(of);
  return 'bound' in state ? state.bound : undefined;
}

/** What came of the tries before, in a state that has no failure of its own. */
function outageOf(state: ForwardState): Outage | undefined {
  if (state.phase === 'starting') return state.outage;
  return state.phase === 'idle' ? state.complaint : undefined;
}

type EventOf<T extends ForwardEvent['type']> = Extract<ForwardEvent, { type: T }>;

function started(state: ForwardState, event: EventOf<'start'>): ForwardState {
  const progress: Progress = { step: 'resolving' };
  const common = { phase: 'starting', generation: event.generation, since: event.at, progress } as const;
  switch (state.phase) {
    case 'stopped':
    case 'failed':
    case 'elsewhere':
      return { ...common, attempt: 1, bound: undefined };
    case 'retrying':
      return { ...common, attempt: state.attempt + 1, bound: state.bound, outage: { failure: state.failure, at: state.since, since: state.downSince } };
    case 'starting':
    case 'listening':
    case 'idle':
    case 'stopping':
      return state;
  }
}

/** A stop that waits for connections can be followed by one that does not, never the other way round. */
function stopped(state: ActiveState, { at, drainUntil }: EventOf<'stop'>): ForwardState {
  if (state.phase === 'stopping' && (drainUntil !== undefined || state.drainUntil === undefined)) return state;
  return { phase: 'stopping', generation: state.generation, since: at, ...(drainUntil === undefined ? {} : { drainUntil }) };
}

function idle(state: ActiveState, at: number): ForwardState {
  if ((state.phase !== 'starting' && state.phase !== 'listening') || state.bound === undefined) return state;
  const complaint = outageOf(state);
  return { phase: 'idle', generation: state.generation, since: at, bound: state.bound, ...(complaint === undefined ? {} : { complaint }) };
}

function waking(state: ActiveState, at: number): ForwardState {
  if (state.phase !== 'idle') return state;
  const outage = outageOf(state);
  return { phase: 'starting', generation: state.generation, attempt: 1, since: at, progress: { step: 'connecting' }, bound: state.bound, ...(outage === undefined ? {} : { outage }) };
}

/** How long the next try is from the last one, for whoever waits. */
const WANTED_RETRY_MS = 5_000;

function wanted(state: ActiveState, at: number): ForwardState {
  if (state.phase !== 'retrying') return state;
  const retryAt = Math.max(at, state.since + WANTED_RETRY_MS);
  return retryAt < state.retryAt ? { ...state, retryAt } : state;
}

function up(state: ForwardState, at: number): ForwardState {
  if (state.phase !== 'starting' || state.bound === undefined) return state;
  return { phase: 'listening', generation: state.generation, since: at, bound: state.bound, complaint: undefined };
}

function complained(state: ForwardState, { failure, at }: EventOf<'destination'>): ForwardState {
  if (state.phase !== 'listening') return state;
  // That somebody connected does not take back what a check got for an answer.
  if (failure === undefined && (state.complaint === undefined || state.complaint.failure.code === 'destination-unhealthy')) return state;
  return { ...state, complaint: failure === undefined ? undefined : { failure, at } };
}

/** That a check gets in does not take back that clients did not. */
function checked(state: ForwardState, { outcome, at }: EventOf<'checked'>): ForwardState {
  if (state.phase !== 'listening' || outcome.kind === 'unknown') return state;
  if (outcome.kind === 'failed') return { ...state, complaint: { failure: outcome.failure, at } };
  return state.complaint === undefined || isTurningAway(state.complaint.failure.code) ? state : { ...state, complaint: undefined };
}

function lost(state: ForwardState, event: EventOf<'lost'>): ForwardState {
  if (state.phase === 'stopping' || !isActive(state)) return state;
  if (state.phase === 'retrying') return event.isUnbound === true && state.bound !== undefined ? { ...state, bound: undefined } : state;
  if (event.retryAt === undefined) return { phase: 'failed', since: event.at, failure: event.failure };
  const attempt = 'attempt' in state ? state.attempt : 0;
  const bound = event.isUnbound === true ? undefined : state.bound;
  const downSince = outageOf(state)?.since ?? event.at;
  return { phase: 'retrying', generation: state.generation, attempt, since: event.at, downSince, retryAt: event.retryAt, failure: event.failure, bound };
}
