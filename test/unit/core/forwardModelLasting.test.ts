import { describe, expect, it } from 'vitest';
import { definition, setup } from './modelSetup.ts';

describe('a forward on demand', () => {
  it('rests without a tunnel, wakes for whoever connects, and rests again', () => {
    const { model, say, bound, stateOf } = setup();
    model.put(definition('a', 80, { isOnDemand: true }));
    model.start('a');
    bound();
    say({ type: 'idle' });
    expect(stateOf()).toMatchObject({ phase: 'idle', bound: { addresses: [{ port: 80 }] } });
    say({ type: 'waking' });
    expect(stateOf()).toMatchObject({ phase: 'starting', bound: { addresses: [{ port: 80 }] } });
    say({ type: 'up' });
    expect(stateOf().phase).toBe('listening');
    say({ type: 'idle' });
    expect(stateOf().phase).toBe('idle');
  });

  it('comes back when the first connection finds no server', () => {
    const { model, say, bound, lose, clock, stateOf } = setup();
    model.start('a');
    bound();
    say({ type: 'idle' });
    say({ type: 'waking' });
    lose('host-unreachable');
    expect(stateOf()).toMatchObject({ phase: 'retrying', attempt: 1 });
    clock.advance(1_000);
    expect(stateOf().phase).toBe('starting');
  });

  it('is tried less and less often while its server is away and clients come and go, at once for one that finds it at rest, and is never given up', () => {
    const { model, say, bound, lose, clock, stateOf } = setup();
    const rest = (): void => {
      bound();
      say({ type: 'idle' });
    };
    const tries: number[] = [];
    const fail = (): void => {
      tries.push(clock.now());
      lose('connect-refused');
    };
    model.start('a');
    rest();
    let waitsUntil = 0;
    for (let second = 0; second < 3_600; second += 1) {
      if (second % 45 === 0) waitsUntil = clock.now() + 30_000;
      if (second % 45 === 0 && stateOf().phase === 'idle') {
        say({ type: 'waking' });
        fail();
      }
      expect(['idle', 'retrying']).toContain(stateOf().phase);
      clock.advance(1_000);
      if (stateOf().phase !== 'starting') continue;
      if (clock.now() < waitsUntil) fail();
      else rest();
    }
    const [first = 0] = tries;
    expect(tries.slice(0, 6).map((at) => (at - first) / 1_000)).toEqual([0, 1, 3, 7, 15, 45]);
    const spans = (count: number): number[] => tries.slice(count).map((at, index) => at - (tries[index] ?? at));
    expect(Math.min(...spans(20))).toBeGreaterThanOrEqual(600_000);
    expect(Math.max(...spans(1))).toBeLessThanOrEqual(120_000);
  });

  it('is not started once more while it rests', () => {
    const { model, say, bound, runner } = setup();
    model.start('a');
    bound();
    say({ type: 'idle' });
    model.start('a');
    expect(runner.orders).toEqual(['start a 1']);
  });

  it('is restarted when it becomes one', () => {
    const { model, comeUp, runner } = setup();
    model.start('a');
    comeUp();
    model.put(definition('a', 80, { isOnDemand: true }));
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });
});

describe('a time limit', () => {
  it('stops the forward so many minutes after it came up', () => {
    const { model, comeUp, clock, stateOf } = setup();
    model.put(definition('a', 80, { stopAfterMinutes: 10 }));
    model.start('a');
    clock.advance(5_000);
    comeUp();
    expect(model.get('a')?.stopsAt).toBe(clock.now() + 600_000);
    clock.advance(599_999);
    expect(stateOf().phase).toBe('listening');
    clock.advance(1);
    expect(stateOf().phase).toBe('stopping');
    expect(model.get('a')).not.toHaveProperty('stopsAt');
  });

  it('goes on while the tunnel comes back', () => {
    const { model, comeUp, lose, clock, stateOf } = setup();
    model.put(definition('a', 80, { stopAfterMinutes: 1 }));
    model.start('a');
    comeUp();
    clock.advance(59_500);
    lose();
    expect(stateOf().phase).toBe('retrying');
    clock.advance(500);
    expect(stateOf().phase).toBe('stopping');
  });

  it('ends with a stop, and begins anew with the next start', () => {
    const { model, comeUp, say, clock, stateOf } = setup();
    model.put(definition('a', 80, { stopAfterMinutes: 1 }));
    model.start('a');
    comeUp();
    clock.advance(30_000);
    model.stop('a');
    say({ type: 'stopped' });
    model.start('a');
    comeUp();
    clock.advance(59_999);
    expect(stateOf().phase).toBe('listening');
    clock.advance(1);
    expect(stateOf().phase).toBe('stopping');
  });

  it('counts from now when it is set on a forward that runs, and is gone when it is taken away', () => {
    const { model, comeUp, clock, stateOf } = setup();
    model.start('a');
    comeUp();
    clock.advance(120_000);
    model.put(definition('a', 80, { stopAfterMinutes: 1 }));
    expect(model.get('a')?.stopsAt).toBe(clock.now() + 60_000);
    model.put(definition('a'));
    clock.advance(3_600_000);
    expect(stateOf().phase).toBe('listening');
    expect(clock.pending).toBe(0);
  });
});

describe('a stop that lets connections finish', () => {
  it('says until when, and can be followed by one that does not wait', () => {
    const { model, comeUp, clock, runner, stateOf } = setup();
    model.start('a');
    comeUp();
    model.stop('a', { drainMs: 60_000 });
    expect(stateOf()).toMatchObject({ phase: 'stopping', drainUntil: clock.now() + 60_000 });
    model.stop('a', { drainMs: 60_000 });
    model.stop('a');
    model.stop('a');
    expect(stateOf()).not.toHaveProperty('drainUntil');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1 within 60000 ms', 'stop a 1']);
  });

  it.each<[string, (model: ReturnType<typeof setup>['model']) => void]>([
    ['is removed', (model) => { model.remove('a'); }],
    ['is gone from the settings', (model) => { model.replaceUserForwards([]); }],
  ])('waits for none once the forward %s', (_, takeAway) => {
    const { model, comeUp, runner, phases } = setup();
    model.start('a');
    comeUp();
    model.stop('a', { drainMs: 60_000 });
    takeAway(model);
    expect(runner.orders).toEqual(['start a 1', 'stop a 1 within 60000 ms', 'stop a 1']);
    expect(phases('a')).toEqual(['gone']);
  });

  it('waits for none when whoever hears of it removes or stops the forward', () => {
    for (const act of ['remove', 'stop'] as const) {
      const { model, comeUp, runner } = setup();
      model.start('a');
      comeUp();
      model.onDidChange(() => { if (model.get('a')?.state.phase === 'stopping') model[act]('a'); });
      model.stop('a', { drainMs: 60_000 });
      expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    }
  });
});

describe('trying again at once', () => {
  it('concerns what waits for a retry, and nothing else', () => {
    const { model, comeUp, lose, phases, runner } = setup();
    model.put(definition('b', 81));
    model.put(definition('c', 82));
    model.start('a');
    model.start('b');
    comeUp('a');
    comeUp('b');
    lose('connection-lost', false, 'a');
    expect(phases('a', 'b', 'c')).toEqual(['retrying', 'listening', 'stopped']);
    model.retryNow();
    expect(phases('a', 'b', 'c')).toEqual(['starting', 'listening', 'stopped']);
    expect(runner.orders.at(-1)).toMatch(/^start a /);
  });
});
