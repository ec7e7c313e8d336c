import { describe, expect, it } from 'vitest';
import { definition, PERSISTENT, setup } from './modelSetup.ts';

describe('removing', () => {
  it('stops what runs and forgets it', () => {
    const { model, runner, comeUp, say, changes, phases } = setup();
    model.start('a');
    comeUp();
    changes.length = 0;
    model.remove('a');
    expect(phases('a')).toEqual(['gone']);
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
    say({ type: 'stopped' }, 1);
    expect(changes).toEqual([{ kind: 'definitions' }]);
  });

  it('leaves alone what is stopped, and what stops already', () => {
    const { model, runner } = setup();
    model.put(definition('b'));
    model.start('b');
    model.stop('b');
    model.remove('a');
    model.remove('b');
    expect(runner.orders).toEqual(['start b 1', 'stop b 1']);
  });

  it('ends its waiting', () => {
    const { model, lose, clock, runner } = setup();
    model.start('a', PERSISTENT);
    lose();
    model.remove('a');
    expect(clock.pending).toBe(0);
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });
});

describe('the settings change', () => {
  it('new forwards are there, stopped, in the order of the settings', () => {
    const { model, runner } = setup();
    model.replaceUserForwards(['c', 'a', 'b'].map((id) => definition(id)));
    expect(model.forwards.map(({ definition: { id }, state }) => `${id} ${state.phase}`)).toEqual(['c stopped', 'a stopped', 'b stopped']);
    expect(runner.orders).toEqual([]);
  });

  it('what is unchanged goes on, what changed is restarted, what is gone is stopped', () => {
    const { model, runner, comeUp, say, changes, phases } = setup();
    model.put(definition('b'));
    model.put(definition('c'));
    for (const id of ['a', 'b', 'c']) {
      model.start(id);
      comeUp(id);
    }
    runner.orders.length = 0;
    changes.length = 0;
    model.replaceUserForwards([definition('b', 81), definition('a', 80, { name: 'renamed', autoStart: true })]);
    expect(phases('a', 'b', 'c')).toEqual(['listening', 'stopping', 'gone']);
    expect([...runner.orders].sort()).toEqual(['stop b 2', 'stop c 3']);
    expect(changes.at(-1)).toEqual({ kind: 'definitions' });
    expect(model.get('a')!.definition).toMatchObject({ name: 'renamed', autoStart: true });
    say({ type: 'stopped' }, 2, 'b');
    expect(runner.orders.at(-1)).toBe('start b 4');
    expect(runner.started.at(-1)!.spec.listen.port).toBe(81);
    expect(model.forwards.map((forward) => forward.definition.id)).toEqual(['b', 'a']);
  });

  it('everybody hears of what one forward says now', () => {
    const { model, changes } = setup();
    changes.length = 0;
    model.put(definition('a', 80, { name: 'renamed' }));
    expect(changes).toEqual([{ kind: 'definitions' }]);
  });

  it('the order of the fields is no change', () => {
    const { model, runner, comeUp } = setup();
    model.start('a');
    comeUp();
    const { spec } = definition('a');
    model.put(definition('a', 80, { spec: { connect: { port: 80, host: 'far' }, listen: spec.listen, kind: 'relay' } }));
    expect(runner.orders).toEqual(['start a 1']);
  });

  it('another login is a change, for it has to hold at once', () => {
    const { model, runner, comeUp } = setup();
    model.start('a');
    comeUp();
    model.put(definition('a', 80, { login: 'me' }));
    model.put(definition('a', 80, { login: 'me', name: 'renamed' }));
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('the forwards of other extensions stay', () => {
    const { model, comeUp, phases, runner } = setup();
    model.put(definition('x', 1, { origin: 'extension' }));
    model.start('x');
    comeUp('x');
    model.replaceUserForwards([]);
    expect(phases('a', 'x')).toEqual(['gone', 'listening']);
    expect(runner.orders).toEqual(['start x 1']);
  });

  it('what the user is stopping is not started again by an edit', () => {
    const { model, runner, comeUp, say, stateOf } = setup();
    model.start('a');
    comeUp();
    model.stop('a');
    model.put(definition('a', 81));
    say({ type: 'stopped' });
    expect(stateOf().phase).toBe('stopped');
    expect(runner.orders).toEqual(['start a 1', 'stop a 1']);
  });

  it('what waits for a retry is restarted with what it says now', () => {
    const { model, lose, say, clock, runner } = setup();
    model.start('a', PERSISTENT);
    lose();
    model.put(definition('a', 81));
    expect(clock.pending).toBe(0);
    say({ type: 'stopped' });
    expect(runner.orders).toEqual(['start a 1', 'stop a 1', 'start a 2']);
    expect(runner.started.at(-1)!.spec.listen.port).toBe(81);
  });

  it('what is stopped or has failed stays so', () => {
    const { model, runner, lose, phases } = setup();
    model.start('a');
    lose('auth-failed');
    model.put(definition('b'));
    runner.orders.length = 0;
    model.replaceUserForwards([definition('a', 81), definition('b', 82)]);
    expect(phases('a', 'b')).toEqual(['failed', 'stopped']);
    expect(runner.orders).toEqual([]);
  });
});

describe('what ssh_config offers', () => {
  const offer = (id: string, port = 80) => definition(id, port, { origin: 'ssh-config' });

  it('replaces what it offered, and touches nothing of the user', () => {
    const { model, phases } = setup();
    model.replaceConfigForwards([offer('x'), offer('y', 81)]);
    model.replaceConfigForwards([offer('z', 82), offer('y', 81)]);
    expect(model.forwards.map(({ definition: { id } }) => id)).toEqual(['a', 'z', 'y']);
    model.replaceUserForwards([]);
    expect(model.forwards.map(({ definition: { id } }) => id)).toEqual(['z', 'y']);
    expect(phases('z', 'y')).toEqual(['stopped', 'stopped']);
  });

  it('keeps running though it is offered no more', () => {
    const { model, comeUp, runner, phases } = setup();
    model.replaceConfigForwards([offer('x')]);
    model.start('x');
    comeUp('x');
    model.replaceConfigForwards([]);
    expect(phases('x')).toEqual(['listening']);
    expect(runner.orders.filter((order) => order.startsWith('stop'))).toEqual([]);
  });
});
