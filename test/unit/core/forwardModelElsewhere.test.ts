import { describe, expect, it } from 'vitest';
import type { RunElsewhere } from '../../../src/core/forward.ts';
import { isDraining } from '../../../src/core/forwardState.ts';
import { BOUND, definition, PERSISTENT, setup } from './modelSetup.ts';

const TRAFFIC = { openConnections: 2, totalConnections: 5, bytesUp: 7, bytesDown: 11 };
const THERE: RunElsewhere = { running: { phase: 'listening', generation: 9, since: 3, bound: BOUND, complaint: undefined }, traffic: TRAFFIC };
const STARTING: RunElsewhere = { running: { phase: 'starting', generation: 9, since: 3, attempt: 1, progress: { step: 'binding' }, bound: undefined }, traffic: TRAFFIC };
const STOPPING: RunElsewhere = { running: { phase: 'stopping', generation: 9, since: 4 }, traffic: TRAFFIC };
const ELSEWHERE = { phase: 'elsewhere', since: 3, running: THERE.running };

describe('a forward that another window runs', () => {
  it('shows how it stands there, and is not started here', () => {
    const { model, runner, stateOf } = setup();
    model.setElsewhere('a', THERE);
    expect(stateOf()).toMatchObject(ELSEWHERE);
    expect(model.get('a')).not.toHaveProperty('isClaimed');
    model.start('a');
    expect(stateOf()).toMatchObject(ELSEWHERE);
    expect(model.get('a')).toHaveProperty('isClaimed', true);
    expect(runner.orders).toEqual([]);
  });

  it('tells of every change, and of none when there is none', () => {
    const { model, changes } = setup();
    model.setElsewhere('a', THERE);
    changes.length = 0;
    model.setElsewhere('a', structuredClone(THERE));
    expect(changes).toEqual([]);
    model.setElsewhere('a', { ...THERE, traffic: { ...TRAFFIC, openConnections: 3 } });
    expect(model.get('a')?.traffic).toEqual({ ...TRAFFIC, openConnections: 3, connections: [] });
    model.start('a');
    model.setElsewhere('a', STOPPING);
    expect(changes.map(({ kind }) => kind)).toEqual(['traffic', 'state', 'state']);
    model.setElsewhere('a', undefined);
    expect(model.get('a')?.traffic.openConnections).toBe(0);
  });

  it('goes on here where it runs here', () => {
    const { model, stateOf, comeUp } = setup();
    model.start('a');
    comeUp();
    model.setElsewhere('a', THERE);
    expect(stateOf().phase).toBe('listening');
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('listening');
  });

  it('is known at once where it was started too late', () => {
    const { model, stateOf, lose, changes, runner } = setup();
    model.start('a');
    model.setElsewhere('a', THERE);
    changes.length = 0;
    lose('running-elsewhere');
    expect(stateOf()).toMatchObject(ELSEWHERE);
    // Never as failed on the way, or there would be a message.
    expect(changes).toHaveLength(1);
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('is stopped there, and here only what waits for it', () => {
    const { model, stateOf } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    model.stop('a');
    expect(stateOf()).toMatchObject(ELSEWHERE);
    expect(model.get('a')).not.toHaveProperty('isClaimed');
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('stopped');
  });
});

describe('a forward that failed in another window', () => {
  const FAILED: RunElsewhere = { running: { phase: 'failed', since: 5, failure: { code: 'auth-failed', detail: 'no', context: {} } }, traffic: TRAFFIC };

  it('shows why, and starts here like any other', () => {
    const { model, stateOf, runner } = setup();
    model.setElsewhere('a', FAILED);
    expect(stateOf()).toEqual({ phase: 'elsewhere', since: 5, running: FAILED.running });
    model.start('a');
    expect(stateOf().phase).toBe('starting');
    model.setElsewhere('a', undefined);
    expect(stateOf().phase).toBe('starting');
    expect(runner.orders).toEqual(['start a 1']);
  });

  it('keeps its own failure where it failed here as well', () => {
    const { model, stateOf, lose } = setup();
    model.start('a');
    lose('connect-timeout');
    model.setElsewhere('a', FAILED);
    expect(stateOf()).toMatchObject({ phase: 'failed', failure: { code: 'connect-timeout' } });
  });

  it('is waited for a moment longer, and then no more, however often it is told', () => {
    const { model, stateOf, clock } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    for (let told = 0; told < 12; told += 1) {
      model.setElsewhere('a', structuredClone(FAILED));
      clock.advance(500);
    }
    expect(model.get('a')).not.toHaveProperty('isClaimed');
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('stopped');
  });
});

describe('when the window that ran it is gone', () => {
  it.each(['started', 'told by its port'])('it starts where it was wanted: %s', (how) => {
    const { model, stateOf, lose, generationOf } = setup();
    if (how === 'started') model.setElsewhere('a', THERE);
    model.start('a', PERSISTENT);
    model.setElsewhere('a', THERE);
    if (how !== 'started') lose('running-elsewhere');
    expect(stateOf().phase).toBe('elsewhere');
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('starting');
    expect(generationOf()).toBe(how === 'started' ? 1 : 2);
    expect(model.get('a')).not.toHaveProperty('isClaimed');
  });

  it('it does not where nobody wanted it', () => {
    const { model, stateOf, runner } = setup();
    model.setElsewhere('a', THERE);
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('stopped');
    expect(runner.orders).toEqual([]);
  });

  it('it does not where the user stopped it there', () => {
    const { model, stateOf, clock } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    model.setElsewhere('a', STOPPING);
    model.setElsewhere('a', undefined);
    expect(stateOf().phase).toBe('stopped');
    clock.advance(60_000);
    // Somebody starts it again much later, and that window goes.
    model.setElsewhere('a', THERE);
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('stopped');
  });

  it('tries again while the system still holds the port, for five seconds', () => {
    const { model, stateOf, lose, clock } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    model.setElsewhere('a', undefined, true);
    lose('address-in-use');
    expect(stateOf()).toMatchObject({ phase: 'retrying', retryAt: clock.now() + 200 });
    clock.advance(200);
    expect(stateOf().phase).toBe('starting');
    clock.advance(5_000);
    lose('address-in-use');
    expect(stateOf()).toMatchObject({ phase: 'failed', failure: { code: 'address-in-use' } });
  });

  it('waits for a server that holds the port of the dead connection', () => {
    const { model, stateOf, lose } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    model.setElsewhere('a', undefined, true);
    lose('remote-bind-refused');
    expect(stateOf().phase).toBe('retrying');
  });

  it('shows a third window that was faster, and waits for that one', () => {
    const { model, stateOf, lose } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    model.setElsewhere('a', undefined, true);
    model.setElsewhere('a', STARTING);
    lose('running-elsewhere');
    expect(stateOf().phase).toBe('elsewhere');
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('starting');
  });

  it('starts where a third that seemed about to follow had given up before, and not where that followed and was stopped', () => {
    for (const [second, phase] of [[STARTING, 'starting'], [THERE, 'stopped'], [STOPPING, 'stopped']] as const) {
      const { model, stateOf } = setup();
      model.setElsewhere('a', THERE);
      model.start('a');
      model.setElsewhere('a', STARTING, true);
      model.setElsewhere('a', second);
      expect(stateOf().phase).toBe('elsewhere');
      model.setElsewhere('a', undefined);
      expect(stateOf().phase).toBe(phase);
    }
  });

  it('starts where the bind was lost to it a moment before', () => {
    const { model, stateOf, lose, clock } = setup();
    model.start('a');
    lose('running-elsewhere');
    expect(stateOf().phase).toBe('retrying');
    clock.advance(200);
    expect(stateOf().phase).toBe('starting');
  });
});

describe('a time limit', () => {
  const HOUR_MS = 3_600_000;

  it('is the one of where it runs, and goes on in the window that takes over', () => {
    const { model, runner, clock, comeUp, stateOf } = setup();
    model.put(definition('a', 80, { stopAfterMinutes: 60 }));
    const stopsAt = clock.now() + HOUR_MS;
    model.setElsewhere('a', { ...THERE, stopsAt });
    model.start('a');
    clock.advance(HOUR_MS / 2);
    expect(model.get('a')?.stopsAt).toBe(stopsAt);
    model.setElsewhere('a', undefined, true);
    comeUp();
    expect(model.get('a')?.stopsAt).toBe(stopsAt);
    clock.advance(HOUR_MS / 2);
    expect(stateOf().phase).toBe('stopping');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('begins anew for whoever takes it over by hand', () => {
    const { model, clock, comeUp } = setup();
    model.put(definition('a', 80, { stopAfterMinutes: 60 }));
    model.setElsewhere('a', { ...THERE, stopsAt: clock.now() + 1_000 });
    model.takeOver('a');
    clock.advance(500);
    model.setElsewhere('a', undefined);
    comeUp();
    expect(model.get('a')?.stopsAt).toBe(clock.now() + HOUR_MS);
  });
});

describe('a forward that is handed over', () => {
  it('starts when the other window has stopped it', () => {
    const { model, stateOf, runner } = setup();
    model.setElsewhere('a', THERE);
    model.takeOver('a');
    model.setElsewhere('a', STOPPING);
    expect(runner.orders).toEqual([]);
    model.setElsewhere('a', undefined);
    expect(stateOf().phase).toBe('starting');
  });

  it('starts at once where no window runs it', () => {
    const { model, stateOf } = setup();
    model.takeOver('a');
    expect(stateOf().phase).toBe('starting');
  });

  it('starts after a stop there that was under way', () => {
    const { model, stateOf } = setup();
    model.setElsewhere('a', STOPPING);
    model.start('a');
    model.setElsewhere('a', undefined);
    expect(stateOf().phase).toBe('starting');
  });

  it.each(['before it has stopped', 'after'])('comes back to who gave it away when the taker goes, heard of %s', (when) => {
    const { model, stateOf, comeUp, say } = setup();
    model.start('a');
    comeUp();
    model.handOver('a');
    if (when === 'after') say({ type: 'stopped' });
    model.setElsewhere('a', THERE);
    if (when !== 'after') say({ type: 'stopped' });
    expect(stateOf()).toMatchObject(ELSEWHERE);
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('starting');
  });

  it('is given away at once by a window in which it only waits for its connections', () => {
    const { model, stateOf, comeUp } = setup();
    model.start('a');
    comeUp();
    model.stop('a', { drainMs: 60_000 });
    model.handOver('a');
    expect(stateOf()).toMatchObject({ phase: 'stopping' });
    expect(isDraining(stateOf())).toBe(false);
  });

  it('stays with whoever else waits for it', () => {
    const { model, stateOf, clock } = setup();
    model.setElsewhere('a', THERE);
    model.start('a');
    model.setElsewhere('a', undefined);
    clock.advance(4_000);
    model.setElsewhere('a', THERE);
    clock.advance(60_000);
    model.setElsewhere('a', undefined, true);
    expect(stateOf().phase).toBe('starting');
  });

  it('leaves no timer behind, removed or disposed of', () => {
    const { model, clock } = setup();
    for (const end of [() => { model.remove('a'); }, () => { model.dispose(); }]) {
      model.put({ id: 'a', name: '', autoStart: false, origin: 'user', spec: { kind: 'relay', listen: { host: 'localhost', port: 1 }, connect: { host: 'far', port: 1 } } });
      model.setElsewhere('a', THERE);
      model.start('a');
      model.setElsewhere('a', undefined);
      expect(clock.pending).toBe(1);
      end();
      expect(clock.pending).toBe(0);
    }
  });
});
