import { describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/failure.ts';
import { boundOf, downSinceOf, failureOf, heardOf, isActive, isListening, isUsable, runsElsewhere, STOPPED, transition, type ActiveState, type Bound, type ForwardEvent, type ForwardState, type Phase, type ToldState } from '../../../src/core/forwardState.ts';

const NOW = 5_000;
const failure: Failure = { code: 'connection-lost', detail: 'reset', context: {} };
const other: Failure = { code: 'destination-refused', detail: 'refused', context: {} };
const bound: Bound = { addresses: [{ host: '127.0.0.1', port: 80 }] };
const rebound: Bound = { addresses: [{ host: '127.0.0.1', port: 81 }] };

const STATES: Readonly<Record<string, ForwardState>> = {
  stopped: STOPPED,
  failed: { phase: 'failed', since: 1, failure },
  starting: { phase: 'starting', generation: 7, attempt: 1, since: 1, progress: { step: 'resolving' }, bound: undefined },
  startingBound: { phase: 'starting', generation: 7, attempt: 3, since: 1, progress: { step: 'binding' }, bound },
  listening: { phase: 'listening', generation: 7, since: 1, bound, complaint: undefined },
  complaining: { phase: 'listening', generation: 7, since: 1, bound, complaint: { failure: other, at: 2 } },
  startingAgain: { phase: 'starting', generation: 7, attempt: 2, since: 1, progress: { step: 'binding' }, bound, outage: { failure, at: 1, since: 0 } },
  idle: { phase: 'idle', generation: 7, since: 1, bound },
  idleInVain: { phase: 'idle', generation: 7, since: 1, bound, complaint: { failure, at: 1, since: 0 } },
  retrying: { phase: 'retrying', generation: 7, attempt: 3, since: 1, downSince: 0, retryAt: 9_000, failure, bound: undefined },
  retryingBound: { phase: 'retrying', generation: 7, attempt: 3, since: 1, downSince: 0, retryAt: 9_000, failure, bound },
  stopping: { phase: 'stopping', generation: 7, since: 1 },
  draining: { phase: 'stopping', generation: 7, since: 1, drainUntil: 61_000 },
  elsewhere: { phase: 'elsewhere', since: 1, running: { phase: 'listening', generation: 3, since: 1, bound, complaint: undefined } },
};

const EVENTS: Readonly<Record<string, ForwardEvent>> = {
  start: { type: 'start', generation: 8, at: NOW },
  progress: { type: 'progress', generation: 7, progress: { step: 'logging-in', host: 'bastion' } },
  bound: { type: 'bound', generation: 7, bound: rebound },
  up: { type: 'up', generation: 7, at: NOW },
  idle: { type: 'idle', generation: 7, at: NOW },
  waking: { type: 'waking', generation: 7, at: NOW },
  refused: { type: 'destination', generation: 7, at: NOW, failure: other },
  reached: { type: 'destination', generation: 7, at: NOW, failure: undefined },
  lost: { type: 'lost', generation: 7, at: NOW, failure: other },
  lostForNow: { type: 'lost', generation: 7, at: NOW, failure: other, retryAt: NOW + 1_000 },
  lostWithPort: { type: 'lost', generation: 7, at: NOW, failure: other, retryAt: NOW + 1_000, isUnbound: true },
  stop: { type: 'stop', generation: 7, at: NOW },
  drain: { type: 'stop', generation: 7, at: NOW, drainUntil: NOW + 60_000 },
  stopped: { type: 'stopped', generation: 7 },
};

const freshStart = { phase: 'starting', generation: 8, attempt: 1, since: NOW, progress: { step: 'resolving' }, bound: undefined } as const;
const stopping = { phase: 'stopping', generation: 7, since: NOW } as const;
const draining = { ...stopping, drainUntil: NOW + 60_000 } as const;
const idle = { phase: 'idle', generation: 7, since: NOW, bound } as const;
const failed = { phase: 'failed', since: NOW, failure: other } as const;
const retrying = { phase: 'retrying', generation: 7, since: NOW, downSince: NOW, retryAt: NOW + 1_000, failure: other } as const;
const outage = { failure, at: 1, since: 0 } as const;

/** Every pair that changes something; all others answer the same object. */
const CHANGES: Readonly<Record<string, Readonly<Record<string, ForwardState>>>> = {
  stopped: { start: freshStart },
  failed: { start: freshStart },
  starting: {
    progress: { ...STATES.starting!, progress: { step: 'logging-in', host: 'bastion' } } as ForwardState,
    bound: { ...STATES.starting!, bound: rebound } as ForwardState,
    lost: failed,
    lostForNow: { ...retrying, attempt: 1, bound: undefined },
    lostWithPort: { ...retrying, attempt: 1, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  startingBound: {
    progress: { ...STATES.startingBound!, progress: { step: 'logging-in', host: 'bastion' } } as ForwardState,
    bound: { ...STATES.startingBound!, bound: rebound } as ForwardState,
    up: { phase: 'listening', generation: 7, since: NOW, bound, complaint: undefined },
    idle,
    lost: failed,
    lostForNow: { ...retrying, attempt: 3, bound },
    lostWithPort: { ...retrying, attempt: 3, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  listening: {
    idle,
    refused: { ...STATES.listening!, complaint: { failure: other, at: NOW } } as ForwardState,
    lost: failed,
    lostForNow: { ...retrying, attempt: 0, bound },
    lostWithPort: { ...retrying, attempt: 0, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  complaining: {
    idle,
    refused: { ...STATES.complaining!, complaint: { failure: other, at: NOW } } as ForwardState,
    reached: STATES.listening!,
    lost: failed,
    lostForNow: { ...retrying, attempt: 0, bound },
    lostWithPort: { ...retrying, attempt: 0, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  idle: {
    waking: { phase: 'starting', generation: 7, attempt: 1, since: NOW, progress: { step: 'connecting' }, bound },
    lost: failed,
    lostForNow: { ...retrying, attempt: 0, bound },
    lostWithPort: { ...retrying, attempt: 0, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  startingAgain: {
    progress: { ...STATES.startingAgain!, progress: { step: 'logging-in', host: 'bastion' } } as ForwardState,
    bound: { ...STATES.startingAgain!, bound: rebound } as ForwardState,
    up: { phase: 'listening', generation: 7, since: NOW, bound, complaint: undefined },
    idle: { ...idle, complaint: outage },
    lost: failed,
    lostForNow: { ...retrying, downSince: 0, attempt: 2, bound },
    lostWithPort: { ...retrying, downSince: 0, attempt: 2, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  idleInVain: {
    waking: { phase: 'starting', generation: 7, attempt: 1, since: NOW, progress: { step: 'connecting' }, bound, outage },
    lost: failed,
    lostForNow: { ...retrying, downSince: 0, attempt: 0, bound },
    lostWithPort: { ...retrying, downSince: 0, attempt: 0, bound: undefined },
    stop: stopping,
    drain: draining,
  },
  retrying: {
    start: { ...freshStart, attempt: 4, outage },
    bound: { ...STATES.retrying!, bound: rebound } as ForwardState,
    stop: stopping,
    drain: draining,
  },
  retryingBound: {
    start: { ...freshStart, attempt: 4, bound, outage },
    bound: { ...STATES.retryingBound!, bound: rebound } as ForwardState,
    lostWithPort: STATES.retrying!,
    stop: stopping,
    drain: draining,
  },
  stopping: { stopped: STOPPED },
  draining: { stop: stopping, stopped: STOPPED },
  elsewhere: { start: freshStart },
};

const PAIRS = Object.keys(STATES).flatMap((state) => Object.keys(EVENTS).map((event) => [state, event] as const));

describe('what happens to a forward', () => {
  it('is decided for every state and every event', () => {
    const phases: readonly Phase[] = ['stopped', 'starting', 'listening', 'idle', 'retrying', 'stopping', 'failed', 'elsewhere'];
    expect(new Set(Object.values(STATES).map(({ phase }) => phase))).toEqual(new Set(phases));
    const types: readonly ForwardEvent['type'][] = ['start', 'progress', 'bound', 'up', 'idle', 'waking', 'destination', 'lost', 'stop', 'stopped'];
    expect(new Set(Object.values(EVENTS).map(({ type }) => type))).toEqual(new Set(types));
  });

  it.each(PAIRS)('%s, then %s', (stateName, eventName) => {
    const state = STATES[stateName]!;
    const next = transition(state, EVENTS[eventName]!);
    const expected = CHANGES[stateName]?.[eventName];
    if (expected === undefined) expect(next).toBe(state);
    else expect(next).toEqual(expected);
  });

  it.each(PAIRS.filter(([, event]) => event !== 'start'))('%s drops what comes from an earlier or a later run: %s', (stateName, eventName) => {
    const state = STATES[stateName]!;
    for (const generation of [6, 8]) expect(transition(state, { ...EVENTS[eventName]!, generation })).toBe(state);
  });

  it('leaves what it was given as it was', () => {
    const before = JSON.stringify([STATES, EVENTS]);
    for (const [state, event] of PAIRS) transition(STATES[state]!, EVENTS[event]!);
    expect(JSON.stringify([STATES, EVENTS])).toBe(before);
  });
});

describe('what another window says', () => {
  const said: ActiveState = { phase: 'listening', generation: 3, since: 1, bound, complaint: undefined };

  it.each(Object.keys(STATES))('changes nothing of what runs here, and is where the others run: %s', (name) => {
    const state = STATES[name]!;
    const next = heardOf(state, { ...said });
    if (isActive(state) || name === 'elsewhere') expect(next).toBe(state);
    else expect(next).toEqual({ phase: 'elsewhere', since: 1, running: said });
  });

  it.each(Object.keys(STATES))('ends with its running there, and with nothing else: %s', (name) => {
    const state = STATES[name]!;
    expect(heardOf(state, undefined)).toBe(name === 'elsewhere' ? STOPPED : state);
  });

  it('is as old as it is there, and is told when it changes there', () => {
    const stopping: ActiveState = { phase: 'stopping', generation: 3, since: 5 };
    expect(heardOf(STATES.elsewhere!, stopping)).toEqual({ phase: 'elsewhere', since: 5, running: stopping });
    expect(heardOf(STATES.elsewhere!, { ...said, bound: rebound })).toEqual({ phase: 'elsewhere', since: 1, running: { ...said, bound: rebound } });
  });

  it('may be that it failed there, which nobody runs', () => {
    const failed: ToldState = { phase: 'failed', since: 5, failure };
    const state = heardOf(STOPPED, failed);
    expect([state, failureOf(state), runsElsewhere(state), isActive(state)]).toEqual([{ phase: 'elsewhere', since: 5, running: failed }, failure, false, false]);
    expect(heardOf(STATES.failed!, failed)).toBe(STATES.failed);
    expect(runsElsewhere(STATES.elsewhere!)).toBe(true);
  });

  it('counts as what it is there: what it listens on, what is wrong, whether programs can use it', () => {
    const elsewhere = (running: ActiveState): ForwardState => ({ phase: 'elsewhere', since: running.since, running });
    const { complaining, idle, retrying } = STATES as Record<string, ActiveState>;
    expect([boundOf(elsewhere(said)), failureOf(elsewhere(said)), isUsable(elsewhere(said)), isListening(elsewhere(said))]).toEqual([bound, undefined, true, false]);
    expect([failureOf(elsewhere(complaining!)), isUsable(elsewhere(idle!))]).toEqual([other, true]);
    const { startingAgain, idleInVain } = STATES as Record<string, ActiveState>;
    expect([startingAgain!, idleInVain!, retrying!, idle!].map((state) => [failureOf(elsewhere(state)), downSinceOf(elsewhere(state))])).toEqual([[failure, 0], [failure, undefined], [failure, 0], [undefined, undefined]]);
    expect([boundOf(elsewhere(retrying!)), failureOf(elsewhere(retrying!)), isUsable(elsewhere(retrying!))]).toEqual([undefined, failure, false]);
  });
});

/** A small linear congruential generator (Numerical Recipes), so that every run sees the same sequences. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

describe('any sequence of events', () => {
  it.each(Array.from({ length: 50 }, (_, seed) => seed))('keeps its promises, seed %i', (seed) => {
    const random = seeded(seed + 1);
    const events = Object.values(EVENTS);
    let state: ForwardState = STOPPED;
    let generation = 0;
    for (let step = 0; step < 400; step += 1) {
      const template = events[random(events.length)]!;
      if (template.type === 'start') generation += 1;
      const event: ForwardEvent = { ...template, generation: random(5) === 0 && template.type !== 'start' ? generation - 1 : generation };
      const next: ForwardState = transition(state, event);
      expectPromises(state, event, next);
      state = next;
      // The model never starts what runs, so the run that is going on keeps its number.
      if (isActive(state)) generation = state.generation;
    }
  });
});

function expectPromises(state: ForwardState, event: ForwardEvent, next: ForwardState): void {
  if (event.type !== 'start' && (!isActive(state) || state.generation !== event.generation)) expect(next).toBe(state);
  if (state.phase === 'stopping') expect(['stopping', 'stopped']).toContain(next.phase);
  if (next.phase === 'listening') expect(boundOf(next)).toBeDefined();
  if (next.phase === 'stopped' && next !== state) expect(state.phase).toBe('stopping');
  if ((state.phase === 'stopped' || state.phase === 'failed') && next !== state) expect(event.type).toBe('start');
  if (next.phase === 'retrying' && next !== state) expect(next.retryAt).toBeGreaterThan(0);
}

describe('what a state holds', () => {
  it('is active while there is something to free', () => {
    const active = Object.keys(STATES).filter((name) => isActive(STATES[name]!));
    expect(active).toEqual(['starting', 'startingBound', 'listening', 'complaining', 'startingAgain', 'idle', 'idleInVain', 'retrying', 'retryingBound', 'stopping', 'draining']);
  });

  it('is bound where it listens, also between two tries, and also in another window', () => {
    const held = Object.keys(STATES).filter((name) => boundOf(STATES[name]!) !== undefined);
    expect(held).toEqual(['startingBound', 'listening', 'complaining', 'startingAgain', 'idle', 'idleInVain', 'retryingBound', 'elsewhere']);
  });
});
