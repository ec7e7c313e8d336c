import { beforeEach, describe, expect, it } from 'vitest';
import { formatEndpoint, type Endpoint } from '../../../src/core/address.ts';
import { ForwardError, toFailure, type FailureCode } from '../../../src/core/failure.ts';
import type { End } from '../../../src/plane/end.ts';
import { Failover } from '../../../src/plane/failover.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';

const [FIRST, SECOND, THIRD] = [{ host: 'db1', port: 1 }, { host: 'db2', port: 2 }, { path: '/run/db.sock' }] as const;
const ALL: readonly Endpoint[] = [FIRST, SECOND, THIRD];

describe('failover', () => {
  let clock: FakeClock;
  let failover: Failover;
  let tried: string[];
  /** What comes of dialling each; `silence` answers only an abort, and what is not named is reached. */
  let outcomes: Record<string, FailureCode | 'silence'>;
  let aborting: AbortController;
  beforeEach(() => {
    clock = new FakeClock();
    failover = new Failover(clock);
    tried = [];
    outcomes = {};
    aborting = new AbortController();
  });

  function reach(destinations = ALL): Promise<End> {
    return failover.reach(destinations, async (destination, signal) => {
      const name = formatEndpoint(destination);
      tried.push(name);
      const outcome = outcomes[name];
      if (outcome === undefined) return new FakeEnd();
      if (outcome !== 'silence') throw new ForwardError(outcome, `${name}: ${outcome}`, { context: { reason: `why ${name}` } });
      return new Promise<End>((_resolve, reject) => { signal.addEventListener('abort', () => reject(new ForwardError('cancelled', 'aborted'))); });
    }, aborting.signal);
  }

  async function turns(): Promise<void> {
    for (let count = 0; count < 20; count += 1) await Promise.resolve();
  }

  it('takes the first that can be reached', async () => {
    await reach();
    expect(tried).toEqual(['db1:1']);
    outcomes = { 'db1:1': 'destination-refused', 'db2:2': 'destination-unreachable' };
    tried = [];
    await reach();
    expect(tried).toEqual(['db1:1', 'db2:2', '/run/db.sock']);
  });

  it('waits 5 s for a destination that says nothing, but for the last one as long as its dialer does', async () => {
    outcomes = { 'db1:1': 'silence', 'db2:2': 'silence' };
    const reaching = reach([FIRST, SECOND]).catch(toFailure);
    clock.advance(4_999);
    await turns();
    expect(tried).toEqual(['db1:1']);
    clock.advance(1);
    await turns();
    expect(tried).toEqual(['db1:1', 'db2:2']);
    expect(clock.pending).toBe(0);
    aborting.abort();
    expect(await reaching).toMatchObject({ code: 'cancelled' });
  });

  it('tries one that has failed after the others for 10 s, and then by one connection alone', async () => {
    outcomes = { 'db1:1': 'silence' };
    const reaching = reach();
    await turns();
    clock.advance(5_000);
    await reaching;
    tried = [];
    clock.advance(9_999);
    await reach();
    expect(tried).toEqual(['db2:2']);
    tried = [];
    clock.advance(1);
    const probing = reach();
    await reach();
    expect(tried).toEqual(['db1:1', 'db2:2']);
    await turns();
    clock.advance(5_000);
    await probing;
    outcomes = {};
    clock.advance(10_000);
    await reach();
    tried = [];
    await reach();
    expect(tried).toEqual(['db1:1']);
  });

  it('still tries all when all have failed a moment ago', async () => {
    outcomes = { 'db1:1': 'destination-refused', 'db2:2': 'destination-refused', '/run/db.sock': 'destination-refused' };
    await reach().catch(() => undefined);
    outcomes = { 'db1:1': 'destination-refused' };
    tried = [];
    await reach();
    expect(tried).toEqual(['db1:1', 'db2:2']);
  });

  it.each([
    ['destination-refused', 'destination-refused', 'destination-refused'],
    ['destination-refused', 'destination-unreachable', 'destination-unreachable'],
  ] as const)('names them all when none can be reached: %s and %s', async (one, other, code) => {
    outcomes = { 'db1:1': one, 'db2:2': other };
    const failure = await reach([FIRST, SECOND]).catch(toFailure);
    expect(failure).toMatchObject({ code, detail: `db1:1: ${one}; db2:2: ${other}`, context: { destination: 'db1:1, db2:2', reason: one === code ? 'why db1:1' : 'why db2:2' } });
  });

  it('tries no other when the tunnel is gone', async () => {
    outcomes = { 'db1:1': 'connection-lost' };
    expect(await reach().catch(toFailure)).toMatchObject({ code: 'connection-lost' });
    expect(tried).toEqual(['db1:1']);
  });

  it('ends with the connection that it is for', async () => {
    outcomes = { 'db1:1': 'silence' };
    const reaching = reach().catch(toFailure);
    await turns();
    aborting.abort();
    expect(await reaching).toMatchObject({ code: 'cancelled' });
    expect(tried).toEqual(['db1:1']);
    expect(clock.pending).toBe(0);
  });
});
