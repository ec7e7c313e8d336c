import { describe, expect, it } from 'vitest';
import type { FailureCode } from '../../../src/core/failure.ts';
import { FailureLog } from '../../../src/ui/failureLog.ts';
import { BOUND, definition, PERSISTENT, setup as setupModel } from '../core/modelSetup.ts';
import { FakeLog, LOCAL } from './samples.ts';

/** A model whose forward listens, and what is written about it. */
function setup() {
  const world = setupModel();
  const log = new FakeLog();
  const failureLog = new FailureLog(world.model, log);
  const complain = (code?: FailureCode): void => { world.say({ type: 'destination', failure: code && { code, detail: `for ${code}`, context: {} } }); };
  world.model.start('a');
  world.comeUp();
  const untilRetry = (): void => { world.clock.advance(world.clock.nextInMs ?? 0); };
  return { ...world, log, failureLog, complain, untilRetry, told: () => log.lines.filter((line) => !line.startsWith('debug')) };
}

const FORWARD = '80:far:80';

describe('the log of failures', () => {
  it('has one line for a forward that is lost, however often it is tried, and one when it is up again', () => {
    const { comeUp, lose, untilRetry, log, told } = setup();
    lose('connection-lost');
    for (let round = 0; round < 5; round += 1) {
      untilRetry();
      lose('connect-refused');
    }
    expect(told()).toEqual([`warn ${FORWARD}: connection-lost: connection-lost`]);
    expect(log.lines.filter((line) => line === `debug ${FORWARD}: connect-refused: connect-refused`)).toHaveLength(5);
    untilRetry();
    comeUp();
    expect(told().slice(1)).toEqual([`info ${FORWARD}: up again`]);
    lose('keepalive-timeout');
    expect(told().slice(2)).toEqual([`warn ${FORWARD}: keepalive-timeout: keepalive-timeout`]);
  });

  it('has another line when the tries end in a failure', () => {
    const { lose, untilRetry, told } = setup();
    lose('connection-lost');
    untilRetry();
    lose('auth-failed');
    expect(told()).toEqual([`warn ${FORWARD}: connection-lost: connection-lost`, `warn ${FORWARD}: auth-failed: auth-failed`]);
  });

  it('has a line for each start by hand that fails, and names the server', () => {
    const { model, lose, told } = setup();
    model.put(definition('b', 80, { spec: LOCAL }));
    for (let round = 0; round < 2; round += 1) {
      model.start('b');
      lose('host-not-found', true, 'b');
    }
    const line = 'warn 5432:db:5432 me@bastion: host-not-found: host-not-found';
    expect(told()).toEqual([line, line]);
  });

  it('forgets what was down once it is stopped', () => {
    const { model, say, lose, told } = setup();
    lose();
    model.stop('a');
    say({ type: 'stopped' });
    model.start('a', PERSISTENT);
    lose();
    expect(told()).toHaveLength(2);
  });

  it('has a line for each change of what is wrong with the destination, and none for each connection', () => {
    const { complain, told } = setup();
    for (const code of ['destination-refused', 'destination-refused', 'destination-unhealthy', undefined, undefined, 'destination-unhealthy', 'destination-refused'] as const) complain(code);
    // What a health check has found is taken back by a check alone.
    expect(told()).toEqual([`warn ${FORWARD}: destination-refused: for destination-refused`, `warn ${FORWARD}: destination-unhealthy: for destination-unhealthy`, `warn ${FORWARD}: destination-refused: for destination-refused`]);
    complain();
    expect(told().slice(3)).toEqual([`info ${FORWARD}: no longer: destination-refused`]);
  });

  it('has two lines a minute at most for a destination that comes and goes', () => {
    const { complain, clock, told } = setup();
    const flap = (): void => { for (let round = 0; round < 20; round += 1) { complain('destination-refused'); complain(); } };
    flap();
    expect(told()).toHaveLength(2);
    clock.advance(60_000);
    flap();
    expect(told()).toHaveLength(4);
  });

  it('tells of a destination that is still ill when the tunnel is up again', () => {
    const { complain, lose, untilRetry, comeUp, told } = setup();
    complain('destination-refused');
    lose();
    untilRetry();
    comeUp();
    complain('destination-refused');
    expect(told().map((line) => line.split(': ')[1])).toEqual(['destination-refused', 'connection-lost', 'up again', 'destination-refused']);
  });

  it('has one line for an outage in which clients wake what is on demand again and again', () => {
    const { say, lose, untilRetry, comeUp, told } = setup();
    for (let client = 0; client < 3; client += 1) {
      say({ type: 'idle' });
      say({ type: 'waking' });
      lose('connect-refused');
      untilRetry();
      say({ type: 'bound', bound: BOUND });
    }
    expect(told()).toEqual([`warn ${FORWARD}: connect-refused: connect-refused`]);
    comeUp();
    expect(told().slice(1)).toEqual([`info ${FORWARD}: up again`]);
  });

  it('leaves a tunnel that breaks while somebody is being connected to the one line that tells of that', () => {
    const { complain, lose, told } = setup();
    complain('connection-lost');
    lose('connection-lost');
    expect(told()).toHaveLength(1);
  });

  it('has nothing of a forward that was removed, and is quiet once it is disposed', () => {
    const { model, failureLog, lose, told } = setup();
    model.remove('a');
    model.put(definition('a'));
    model.start('a', PERSISTENT);
    failureLog.dispose();
    lose();
    expect(told()).toEqual([]);
  });
});
