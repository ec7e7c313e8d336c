import { describe, expect, it } from 'vitest';
import { ForwardError } from '../../../src/core/failure.ts';
import type { CheckOutcome, HealthCheck } from '../../../src/core/healthCheck.ts';
import { setup, turn } from './runnerSetup.ts';
import { define, NOW, RELAY } from './samples.ts';

describe('a health check', () => {
  const CHECK: HealthCheck = { kind: 'connect' };

  /** A run that is checked, with these outcomes one after the other. */
  async function checked(...outcomes: readonly (CheckOutcome | ForwardError)[]) {
    const world = setup();
    world.runner.start(define('a', { spec: RELAY }), 1);
    await turn();
    for (const outcome of outcomes) {
      world.host.answer = async () => { if (outcome instanceof ForwardError) throw outcome; return outcome as never; };
      world.runner.check('a', 1, CHECK);
      await turn();
    }
    return world;
  }

  it('is asked of the plane, and answered to the model with the very check that was asked for', async () => {
    const { host, events } = await checked({ kind: 'passed' });
    expect(host.requests.at(-1)).toEqual({ method: 'check', params: { id: 'a', generation: 1, check: CHECK } });
    expect(events).toEqual([{ id: 'a', event: { type: 'checked', generation: 1, at: NOW, check: CHECK, outcome: { kind: 'passed' } } }]);
    expect((events[0]?.event as { check: unknown }).check).toBe(CHECK);
  });

  it('that the plane could not make is answered as unknown, and one of a run that is over not at all', async () => {
    const { events, runner, host } = await checked(new ForwardError('plane-crashed', 'gone'));
    expect(events).toMatchObject([{ event: { type: 'checked', outcome: { kind: 'unknown' } } }]);
    host.answer = async () => ({ kind: 'passed' }) as never;
    runner.check('a', 1, CHECK);
    runner.stop('a', 1);
    await turn();
    expect(events.filter(({ event }) => event.type === 'checked')).toHaveLength(1);
  });
});
