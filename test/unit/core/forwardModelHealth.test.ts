import { describe, expect, it } from 'vitest';
import type { FailureCode, Failure } from '../../../src/core/failure.ts';
import type { HealthCheck } from '../../../src/core/healthCheck.ts';
import { definition, setup } from './modelSetup.ts';

const CONNECT: HealthCheck = { kind: 'connect' };
const HTTP: HealthCheck = { kind: 'http', path: '/health' };

const failureOf = (code: FailureCode): Failure => ({ code, detail: code, context: {} });

/** A model with a forward that has a health check, and what the plane says of its checks. */
function checkedSetup(healthCheck: HealthCheck = CONNECT) {
  const world = setup();
  const { model, runner, say } = world;
  model.put(definition('a', 80, { healthCheck }));
  model.start('a');
  const checks = (): number => runner.checks.length;
  const last = (): HealthCheck => runner.checks.at(-1)!;
  const pass = (check = last()): void => { say({ type: 'checked', check, outcome: { kind: 'passed' } }); };
  const fail = (code: FailureCode = 'destination-unhealthy', check = last()): void => { say({ type: 'checked', check, outcome: { kind: 'failed', failure: failureOf(code) } }); };
  const complaint = (): string | undefined => {
    const state = world.stateOf();
    return state.phase === 'listening' ? state.complaint?.failure.code : 'not listening';
  };
  return { ...world, checks, last, pass, fail, complaint };
}

describe('a forward with a health check', () => {
  it('is checked as soon as it listens, and again every interval', () => {
    const { comeUp, bound, checks, pass, clock } = checkedSetup();
    bound();
    expect(checks()).toBe(0);
    comeUp();
    expect(checks()).toBe(1);
    clock.advance(2_000);
    pass();
    clock.advance(27_999);
    expect(checks()).toBe(1);
    clock.advance(1);
    expect(checks()).toBe(2);
  });

  it('is checked once at a time, and at once again when a check has taken longer than the interval', () => {
    const { comeUp, checks, fail, clock } = checkedSetup();
    comeUp();
    clock.advance(100_000);
    expect(checks()).toBe(1);
    fail();
    clock.advance(0);
    expect(checks()).toBe(2);
  });

  it('tells when it was proved, and complains of what a check has found until one passes', () => {
    const { model, comeUp, pass, fail, clock, complaint, stateOf } = checkedSetup();
    comeUp();
    expect(model.get('a')).not.toHaveProperty('provedAt');
    pass();
    expect(model.get('a')).toMatchObject({ provedAt: clock.now(), state: { complaint: undefined } });
    clock.advance(30_000);
    fail('destination-refused');
    expect(stateOf()).toMatchObject({ phase: 'listening', complaint: { failure: { code: 'destination-refused' }, at: clock.now() } });
    clock.advance(30_000);
    pass();
    expect(complaint()).toBeUndefined();
    expect(model.get('a')?.provedAt).toBe(clock.now());
  });

  it('changes its state only when a check finds out something else', () => {
    const { comeUp, pass, clock, changes } = checkedSetup();
    comeUp();
    changes.length = 0;
    for (let times = 0; times < 3; times += 1) {
      pass();
      clock.advance(30_000);
    }
    expect(changes.map(({ kind }) => kind)).toEqual(['traffic', 'traffic', 'traffic']);
  });

  it('goes on being checked after a check that came to nothing, and believes what it knew', () => {
    const { comeUp, fail, say, last, checks, complaint, clock } = checkedSetup();
    comeUp();
    fail();
    clock.advance(30_000);
    say({ type: 'checked', check: last(), outcome: { kind: 'unknown' } });
    expect(complaint()).toBe('destination-unhealthy');
    clock.advance(30_000);
    expect(checks()).toBe(3);
  });

  it('is not taken for well because somebody could connect to what answers wrongly', () => {
    const { comeUp, fail, pass, say, complaint, clock } = checkedSetup(HTTP);
    comeUp();
    fail('destination-unhealthy');
    say({ type: 'destination', failure: undefined });
    expect(complaint()).toBe('destination-unhealthy');
    clock.advance(30_000);
    fail('destination-refused');
    say({ type: 'destination', failure: undefined });
    expect(complaint()).toBeUndefined();
    say({ type: 'destination', failure: failureOf('destination-unreachable') });
    clock.advance(30_000);
    pass();
    expect(complaint()).toBeUndefined();
  });

  it.each(['too-many-connections', 'too-much-queued'] as const)('goes on complaining that it turns away (%s), whatever a check finds', (code) => {
    const { comeUp, pass, say, complaint } = checkedSetup();
    comeUp();
    say({ type: 'destination', failure: failureOf(code) });
    pass();
    expect(complaint()).toBe(code);
  });
});

describe('nobody is asked', () => {
  it('while the tunnel is away, rests on demand, or the forward is stopped or removed', () => {
    const { model, comeUp, say, lose, pass, checks, clock, stateOf } = checkedSetup();
    comeUp();
    pass();
    lose();
    clock.advance(0);
    expect(model.get('a')).not.toHaveProperty('provedAt');
    expect(stateOf().phase).toBe('retrying');
    expect(checks()).toBe(1);
    clock.advance(1_000);
    say({ type: 'up' });
    expect(checks()).toBe(2);
    pass();
    say({ type: 'idle' });
    clock.advance(300_000);
    expect(checks()).toBe(2);
    say({ type: 'waking' });
    say({ type: 'up' });
    expect(checks()).toBe(3);
    pass();
    model.stop('a');
    clock.advance(300_000);
    expect(checks()).toBe(3);
    say({ type: 'stopped' });
    model.start('a');
    comeUp();
    pass();
    model.remove('a');
    clock.advance(300_000);
    expect({ checks: checks(), timers: clock.pending }).toEqual({ checks: 4, timers: 0 });
  });

  it('without a check, and after the model is gone', () => {
    const { model, comeUp, runner, clock } = setup();
    model.start('a');
    comeUp();
    expect(runner.checks).toEqual([]);
    const other = checkedSetup();
    other.comeUp();
    other.pass();
    other.model.dispose();
    expect([clock.pending, other.clock.pending]).toEqual([0, 0]);
  });
});

describe('a check that is changed while the forward listens', () => {
  it('begins at once without a restart; what the one before still says is not believed', () => {
    const { model, comeUp, runner, pass, fail, complaint, clock } = checkedSetup(HTTP);
    comeUp();
    const [before] = runner.checks;
    model.put(definition('a', 80, { healthCheck: { ...CONNECT, intervalSeconds: 5 } }));
    expect(runner.orders).toEqual(['start a 1', 'check a 1', 'check a 1']);
    fail('destination-unhealthy', before);
    expect(complaint()).toBeUndefined();
    pass();
    clock.advance(5_000);
    expect(runner.checks).toHaveLength(3);
  });

  it('takes back what only the one before could complain of', () => {
    const { model, comeUp, fail, complaint, clock } = checkedSetup(HTTP);
    comeUp();
    fail();
    model.put(definition('a'));
    expect(complaint()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('goes on as it was when the settings are read again', () => {
    const { model, comeUp, runner, pass, clock } = checkedSetup();
    comeUp();
    model.replaceUserForwards([definition('a', 80, { healthCheck: { kind: 'connect', intervalSeconds: 30 }, name: 'web' })]);
    expect(runner.checks).toHaveLength(1);
    pass();
    expect(model.get('a')?.provedAt).toBe(clock.now());
    model.replaceUserForwards([definition('a', 80, { healthCheck: { kind: 'connect' } })]);
    expect(model.get('a')?.provedAt).toBe(clock.now());
    clock.advance(30_000);
    expect(runner.checks).toHaveLength(2);
  });

  it('is proved by a client that reaches its destination', () => {
    const { model, comeUp, say, clock, changes } = setup();
    model.start('a');
    comeUp();
    changes.length = 0;
    say({ type: 'destination', failure: undefined });
    expect(model.get('a')?.provedAt).toBe(clock.now());
    expect(changes).toEqual([{ kind: 'traffic', id: 'a' }]);
  });
});
