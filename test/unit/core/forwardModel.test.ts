import { describe, expect, it, vi } from 'vitest';
import { NO_TRAFFIC, type Traffic } from '../../../src/core/forward.ts';
import { BOUND, definition, PERSISTENT, setup } from './modelSetup.ts';

describe('starting and stopping', () => {
  it('starts, comes up, stops', () => {
    const { model, runner, comeUp, stateOf, say, changes } = setup();
    changes.length = 0;
    model.start('a');
    expect(stateOf()).toMatchObject({ phase: 'starting', attempt: 1, progress: { step: 'resolving' } });
    say({ type: 'progress', progress: { step: 'logging-in' } });
    expect(stateOf()).toMatchObject({ progress: { step: 'logging-in' } });
    comeUp();
    expect(stateOf()).toMatchObject({ phase: 'listening', bound: BOUND });
    model.stop('a');
    expect(stateOf().phase).toBe('stopping');
    say({ type: 'stopped' });
    expect(stateOf()).toEqual({ phase: 'stopped' });
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    expect(changes.map((change) => (change.kind === 'state' ? `${change.id} ${change.before.phase}` : change.kind))).toEqual([
      'a stopped', 'a starting', 'a starting', 'a starting', 'a listening', 'a stopping',
    ]);
  });

  it('starts once, however often it is asked to', () => {
    const { model, runner, comeUp } = setup();
    model.start('a');
    model.start('a', PERSISTENT);
    comeUp();
    model.start('a');
    expect(runner.orders).toEqual(['start a 1']);
  });

  it('stops once, and says nothing about what is stopped', () => {
    const { model, runner, changes, say } = setup();
    model.start('a');
    model.stop('a');
    model.stop('a');
    say({ type: 'stopped' });
    changes.length = 0;
    model.stop('a');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    expect(changes).toEqual([]);
  });

  it('can be stopped while it starts, and nothing revives it', () => {
    const { model, comeUp, say, lose, stateOf, clock, runner } = setup();
    model.start('a', PERSISTENT);
    model.stop('a');
    comeUp();
    lose();
    expect(stateOf().phase).toBe('stopping');
    say({ type: 'stopped' });
    clock.advance(3_600_000);
    expect(stateOf().phase).toBe('stopped');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('starts again after it has stopped, when asked to while it stops', () => {
    const { model, runner, say, stateOf } = setup();
    model.start('a');
    model.stop('a');
    model.start('a');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    say({ type: 'stopped' });
    expect(runner.orders).toEqual(['start a 1', 'stop a 1', 'start a 2']);
    expect(stateOf()).toMatchObject({ phase: 'starting', attempt: 1 });
  });

  it('keeps the wish to stay up of a start while it stops', () => {
    const { model, say, lose, stateOf } = setup();
    model.start('a');
    model.stop('a');
    model.start('a', PERSISTENT);
    say({ type: 'stopped' });
    lose('host-unreachable');
    expect(stateOf().phase).toBe('retrying');
  });

  it('stays stopped when the last wish is to stop', () => {
    const { model, say, runner } = setup();
    model.start('a');
    model.restart('a');
    model.stop('a');
    say({ type: 'stopped' });
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('knows no forward that it was not given', () => {
    const { model, runner, say, changes } = setup();
    changes.length = 0;
    for (const id of ['b', '__proto__', 'constructor']) {
      model.start(id);
      model.stop(id);
      model.restart(id);
      model.remove(id);
      say({ type: 'stopped' }, 1, id);
      expect(model.get(id)).toBeUndefined();
    }
    expect(runner.orders).toEqual([]);
    expect(changes).toEqual([]);
  });

  it.each(['__proto__', 'constructor', ''])('takes any id: %j', (id) => {
    const { model, comeUp, phases } = setup();
    model.put(definition(id));
    model.start(id);
    comeUp(id);
    expect(phases(id)).toEqual(['listening']);
  });

  it('shows as failed what failed, until it is stopped or started', () => {
    const { model, lose, stateOf, runner } = setup();
    model.start('a');
    lose('address-in-use');
    expect(stateOf()).toMatchObject({ phase: 'failed', failure: { code: 'address-in-use' } });
    model.stop('a');
    expect(stateOf()).toEqual({ phase: 'stopped' });
    model.start('a');
    lose('address-in-use');
    model.start('a');
    expect(stateOf()).toMatchObject({ phase: 'starting', attempt: 1 });
    // What is left of a run that failed is freed each time.
    expect(runner.orders).toEqual(['start a 1', 'stop a 1', 'start a 2', 'stop a 2', 'start a 3']);
  });
});

describe('restarting', () => {
  it('stops first, then starts under a new generation', () => {
    const { model, runner, comeUp, say } = setup();
    model.start('a');
    comeUp();
    model.restart('a');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    say({ type: 'stopped' });
    expect(runner.orders).toEqual(['start a 1', 'stop a 1', 'start a 2']);
  });

  it('starts what is stopped', () => {
    const { model, runner } = setup();
    model.restart('a');
    expect(runner.orders).toEqual(['start a 1']);
  });

  it('ignores what comes late from the run before', () => {
    const { model, comeUp, say, stateOf } = setup();
    model.start('a');
    comeUp();
    model.restart('a');
    say({ type: 'stopped' });
    const fresh = stateOf();
    for (const late of [
      { type: 'bound', bound: BOUND }, { type: 'up' }, { type: 'progress', progress: { step: 'binding' } }, { type: 'stopped' },
      { type: 'destination', failure: undefined }, { type: 'lost', failure: { code: 'auth-failed', detail: '', context: {} } },
    ] as const) say(late, 1);
    expect(stateOf()).toBe(fresh);
  });

  it('takes no run of a forward that was removed for one of its namesake', () => {
    const { model, say, generationOf, stateOf } = setup();
    model.start('a');
    const before = generationOf();
    model.remove('a');
    model.put(definition('a'));
    model.start('a');
    expect(generationOf()).toBeGreaterThan(before);
    const fresh = stateOf();
    say({ type: 'lost', failure: { code: 'cancelled', detail: '', context: {} } }, before);
    expect(stateOf()).toBe(fresh);
  });
});

describe('traffic', () => {
  const traffic: Traffic = { ...NO_TRAFFIC, openConnections: 1, bytesUp: 5 };

  it('is shown while the forward is active, and gone after', () => {
    const { model, runner, comeUp, changes, say } = setup();
    runner.traffic.fire({ id: 'a', traffic });
    expect(model.get('a')!.traffic).toBe(NO_TRAFFIC);
    model.start('a');
    comeUp();
    changes.length = 0;
    runner.traffic.fire({ id: 'a', traffic });
    runner.traffic.fire({ id: 'nobody', traffic });
    expect(model.get('a')!.traffic).toBe(traffic);
    expect(changes).toEqual([{ kind: 'traffic', id: 'a' }]);
    model.stop('a');
    say({ type: 'stopped' });
    expect(model.get('a')!.traffic).toBe(NO_TRAFFIC);
  });
});

describe('whoever hears of a change may act on it at once', () => {
  it('a forward that is stopped as it starts is never started', () => {
    const { model, runner } = setup();
    model.onDidChange(() => { if (model.get('a')?.state.phase === 'starting') model.stop('a'); });
    model.start('a');
    expect(runner.orders).toEqual(['stop a 1']);
  });

  it('a forward that is removed as it starts is never started', () => {
    const { model, runner } = setup();
    model.onDidChange(() => { if (model.get('a')?.state.phase === 'starting') model.remove('a'); });
    model.start('a');
    expect(runner.orders).toEqual(['stop a 1']);
  });

  it('a forward that is started as it fails is not stopped by its own failure', () => {
    const { model, runner, lose } = setup();
    model.onDidChange(() => { if (model.get('a')?.state.phase === 'failed') model.start('a'); });
    model.start('a');
    lose('auth-failed');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1', 'start a 2']);
  });

  it('a forward that is removed as it stops is stopped once', () => {
    const { model, runner, comeUp } = setup();
    model.onDidChange(() => { if (model.get('a')?.state.phase === 'stopping') model.remove('a'); });
    model.start('a');
    comeUp();
    model.stop('a');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('a forward that is started as it waits for a retry leaves no timer behind', () => {
    const { model, lose, clock, runner } = setup();
    model.onDidChange(() => { if (model.get('a')?.state.phase === 'retrying') model.start('a'); });
    model.start('a', PERSISTENT);
    lose();
    expect(clock.pending).toBe(0);
    expect(runner.orders).toEqual(['start a 1', 'start a 2']);
  });

  it('and a view that throws does not keep it from starting', () => {
    vi.stubGlobal('queueMicrotask', () => undefined);
    const { model, runner } = setup();
    model.onDidChange(() => { throw new Error('a faulty view'); });
    model.start('a');
    vi.unstubAllGlobals();
    expect(runner.orders).toEqual(['start a 1']);
  });
});

describe('disposing', () => {
  it('leaves no timer and hears nothing more', () => {
    const { model, runner, lose, clock, changes, stateOf, say } = setup();
    model.put(definition('b'));
    for (const id of ['a', 'b']) {
      model.start(id, PERSISTENT);
      lose('connection-lost', false, id);
    }
    expect(clock.pending).toBe(2);
    model.dispose();
    model.dispose();
    expect(clock.pending).toBe(0);
    changes.length = 0;
    const before = stateOf();
    say({ type: 'bound', bound: BOUND });
    runner.traffic.fire({ id: 'a', traffic: NO_TRAFFIC });
    expect(stateOf()).toBe(before);
    model.put(definition('c'));
    expect(changes).toEqual([]);
  });
});

describe('a snapshot', () => {
  it('does not change under the hands of whoever holds it', () => {
    const { model } = setup();
    const before = model.get('a')!;
    const all = model.forwards;
    model.start('a');
    model.put(definition('b'));
    expect(before.state.phase).toBe('stopped');
    expect(all).toHaveLength(1);
  });
});
