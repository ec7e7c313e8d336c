import { describe, expect, it } from 'vitest';
import type { FailureCode } from '../../../src/core/failure.ts';
import { BOUND, definition, PERSISTENT, setup } from './modelSetup.ts';

describe('what does not stay up', () => {
  it('fails at once when its first start by hand fails', () => {
    const { model, lose, stateOf, clock } = setup();
    model.start('a');
    lose('host-unreachable');
    expect(stateOf()).toMatchObject({ phase: 'failed', failure: { code: 'host-unreachable' } });
    expect(clock.pending).toBe(0);
  });

  it('is tried again, further and further apart, when it starts by itself', () => {
    const { model, lose, clock, stateOf, runner } = setup();
    model.start('a', PERSISTENT);
    const delays: (number | undefined)[] = [];
    for (let attempt = 1; attempt <= 9; attempt += 1) {
      expect(stateOf()).toMatchObject({ phase: 'starting', attempt });
      lose('host-not-found');
      expect(stateOf()).toMatchObject({ phase: 'retrying', attempt, retryAt: clock.now() + clock.nextInMs! });
      delays.push(clock.nextInMs);
      clock.advance(clock.nextInMs! - 1);
      expect(stateOf().phase).toBe('retrying');
      clock.advance(1);
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    expect(runner.orders).toHaveLength(10);
  });

  it('is tried again with the same steps after it was up, and what listens stays', () => {
    const { model, lose, clock, stateOf, comeUp } = setup();
    model.start('a');
    comeUp();
    const delays: (number | undefined)[] = [];
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      lose('connection-lost');
      expect(stateOf()).toMatchObject({ phase: 'retrying', bound: BOUND });
      delays.push(clock.nextInMs);
      clock.advance(clock.nextInMs!);
      expect(stateOf()).toMatchObject({ phase: 'starting', bound: BOUND });
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000]);
    comeUp();
    lose('keepalive-timeout');
    expect(clock.nextInMs).toBe(1_000);
  });

  it('is tried soon for whoever waits, 5 s after the last time, until half of the tries are used up', () => {
    const { model, lose, clock, stateOf, say, comeUp } = setup();
    model.start('a');
    comeUp();
    const nextFor = (): number | undefined => {
      say({ type: 'wanted' });
      return clock.nextInMs;
    };
    const delays: (number | undefined)[] = [];
    for (let attempt = 1; attempt <= 12; attempt += 1) {
      lose('connection-lost');
      delays.push(nextFor());
      expect(stateOf()).toMatchObject({ phase: 'retrying', retryAt: clock.now() + clock.nextInMs! });
      clock.advance(clock.nextInMs!);
      expect(stateOf().phase).toBe('starting');
    }
    expect(delays).toEqual([1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000, 5_000, 60_000, 60_000]);
    lose('connection-lost');
    expect(clock.pending).toBe(1);
  });

  it('is tried at once for whoever comes later than that', () => {
    const { model, lose, clock, stateOf, say, comeUp } = setup();
    model.start('a');
    comeUp();
    for (let attempt = 1; attempt <= 7; attempt += 1) {
      lose('connection-lost');
      if (attempt < 7) clock.advance(clock.nextInMs!);
    }
    clock.advance(20_000);
    say({ type: 'wanted' });
    clock.advance(0);
    expect(stateOf().phase).toBe('starting');
  });

  it('is tried again when the server, after a lost connection, still holds its port for it', () => {
    const { model, lose, clock, stateOf, comeUp } = setup();
    model.start('a');
    comeUp();
    lose('connection-lost', true);
    clock.advance(clock.nextInMs!);
    lose('remote-bind-refused', true);
    expect(stateOf()).toMatchObject({ phase: 'retrying', attempt: 1 });
    clock.advance(clock.nextInMs!);
    comeUp();
    expect(stateOf().phase).toBe('listening');
  });

  it('fails when the server refuses the port from the start, also when it starts by itself', () => {
    const { model, lose, stateOf, comeUp, say } = setup();
    model.start('a', PERSISTENT);
    lose('remote-bind-refused', true);
    expect(stateOf()).toMatchObject({ phase: 'failed', failure: { code: 'remote-bind-refused' } });
    model.start('a');
    comeUp();
    model.stop('a');
    say({ type: 'stopped' });
    model.start('a', PERSISTENT);
    lose('remote-bind-refused', true);
    expect(stateOf().phase).toBe('failed');
  });

  it('does not count as up before it was bound', () => {
    const { model, lose, say, stateOf } = setup();
    model.start('a');
    say({ type: 'up' });
    expect(stateOf().phase).toBe('starting');
    lose('connection-lost');
    expect(stateOf().phase).toBe('failed');
  });

  it('knows when its port is gone too', () => {
    const { model, lose, stateOf, comeUp } = setup();
    model.start('a');
    comeUp();
    lose('plane-crashed', true);
    expect(stateOf()).toMatchObject({ phase: 'retrying', bound: undefined });
  });

  it('believes that what listens stays, when nobody says otherwise', () => {
    const { model, say, stateOf, comeUp } = setup();
    model.start('a');
    comeUp();
    say({ type: 'lost', failure: { code: 'connection-lost', detail: '', context: {} } });
    expect(stateOf()).toMatchObject({ phase: 'retrying', bound: BOUND });
  });

  it('waits for one try only, however often the loss is reported', () => {
    const { model, lose, clock, comeUp, stateOf } = setup();
    model.start('a');
    comeUp();
    lose();
    const until = clock.nextInMs;
    clock.advance(400);
    lose();
    lose('auth-failed', true);
    expect(clock.pending).toBe(1);
    expect(clock.nextInMs).toBe(until! - 400);
    expect(stateOf()).toMatchObject({ phase: 'retrying', failure: { code: 'connection-lost' }, bound: undefined });
  });

  it('knocks at different times when chance says so', () => {
    const { model, lose, clock } = setup(1);
    model.start('a', PERSISTENT);
    lose();
    expect(clock.nextInMs).toBe(750);
  });

  it('waits, after 20 tries in 10 minutes, until the first of them is 10 minutes old', () => {
    const { model, lose, clock, comeUp, stateOf, runner } = setup();
    model.start('a');
    const begun = clock.now();
    for (let retry = 1; retry <= 20; retry += 1) {
      comeUp();
      lose();
      clock.advance(29_000);
    }
    comeUp();
    lose();
    expect(stateOf()).toMatchObject({ phase: 'retrying', retryAt: begun + 1_000 + 600_000, bound: BOUND });
    clock.advance(20_999);
    expect(stateOf().phase).toBe('retrying');
    clock.advance(1);
    expect(stateOf().phase).toBe('starting');
    expect(runner.orders).not.toContain('stop a 21');
    // The second of them is the next to be as old.
    lose();
    expect(stateOf()).toMatchObject({ phase: 'retrying', retryAt: begun + 30_000 + 600_000 });
  });

  it('is never tried oftener than that of itself, however often the network comes and goes, and at once when a person says so', () => {
    const { model, lose, clock, comeUp, stateOf, runner } = setup();
    model.start('a');
    comeUp();
    lose();
    const begun = clock.now();
    const tries = (): number => runner.orders.filter((order) => order.startsWith('start')).length - 1;
    while (clock.now() < begun + 598_000) {
      model.retryNow();
      if (stateOf().phase === 'starting') lose();
      clock.advance(2_000);
      if (stateOf().phase === 'starting') lose();
    }
    expect(tries()).toBe(20);
    expect(stateOf().phase).toBe('retrying');
    model.start('a');
    expect(stateOf().phase).toBe('starting');
    lose();
    expect(stateOf().phase).toBe('retrying');
    clock.advance(600_000);
    expect(tries()).toBeGreaterThan(20);
  });

  it('is tried without end when it fails no oftener than that', () => {
    const { model, lose, clock, comeUp, stateOf } = setup();
    model.start('a');
    for (let retry = 1; retry <= 100; retry += 1) {
      comeUp();
      lose();
      expect(stateOf().phase).toBe('retrying');
      clock.advance(30_000);
    }
  });

  it.each<FailureCode>(['auth-failed', 'auth-cancelled', 'host-key-unknown', 'host-key-mismatch', 'host-key-revoked', 'host-key-rejected', 'config-invalid', 'address-in-use'])(
    'is never tried again after %s', (code) => {
      const { model, lose, clock, comeUp, stateOf } = setup();
      model.start('a', PERSISTENT);
      comeUp();
      lose(code);
      expect(stateOf()).toMatchObject({ phase: 'failed', failure: { code } });
      expect(clock.pending).toBe(0);
    },
  );

  it('tries at once when a person says so, and then no second time', () => {
    const { model, lose, clock, comeUp, runner, stateOf } = setup();
    model.start('a');
    comeUp();
    lose();
    model.start('a');
    expect(stateOf()).toMatchObject({ phase: 'starting', bound: BOUND });
    expect(clock.pending).toBe(0);
    clock.advance(100_000);
    expect(runner.orders).toEqual(['start a 1', 'start a 2']);
    lose();
    expect(stateOf().phase).toBe('retrying');
  });

  it('is still wanted up when it is edited while it waits', () => {
    const { model, lose, say, stateOf } = setup();
    model.start('a', PERSISTENT);
    lose('host-not-found');
    model.put(definition('a', 81));
    say({ type: 'stopped' });
    expect(stateOf()).toMatchObject({ phase: 'starting', attempt: 1 });
    lose('host-not-found');
    expect(stateOf().phase).toBe('retrying');
  });

  it('can be stopped while it waits, and nothing revives it', () => {
    const { model, lose, clock, runner, say, stateOf } = setup();
    model.start('a', PERSISTENT);
    lose();
    model.stop('a');
    expect(clock.pending).toBe(0);
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    say({ type: 'stopped' });
    clock.advance(100_000);
    expect(stateOf().phase).toBe('stopped');
  });

  it('complains about a destination without being lost', () => {
    const { model, comeUp, say, stateOf } = setup();
    model.start('a');
    comeUp();
    say({ type: 'destination', failure: { code: 'destination-refused', detail: '', context: {} } });
    expect(stateOf()).toMatchObject({ phase: 'listening', complaint: { failure: { code: 'destination-refused' } } });
    say({ type: 'destination', failure: undefined });
    expect(stateOf()).toMatchObject({ phase: 'listening', complaint: undefined });
  });
});
