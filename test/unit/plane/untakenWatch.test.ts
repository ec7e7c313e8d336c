import { beforeEach, describe, expect, it } from 'vitest';
import type { CloseReason } from '../../../src/core/forward.ts';
import type { ConnectionRow } from '../../../src/plane/connectionTable.ts';
import { relay } from '../../../src/plane/relay.ts';
import type { Control } from '../../../src/plane/services.ts';
import { UntakenWatch, type Watched } from '../../../src/plane/untakenWatch.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';
import { here, onServer } from '../../support/poles.ts';

describe('a connection whose destination takes nothing', () => {
  let clock: FakeClock;
  let origin: FakeEnd;
  let destination: FakeEnd;
  let row: ConnectionRow;
  let outcomes: CloseReason[];
  let isGone: boolean;
  let asked: number;
  let logged: string[];

  beforeEach(() => {
    clock = new FakeClock();
    origin = new FakeEnd();
    destination = new FakeEnd();
    row = { id: 1, origin: { host: '127.0.0.1', port: 4000 }, accepted: { host: '127.0.0.1', port: 5432 }, openedAt: 0, phase: 'established', bytesUp: 0, bytesDown: 0 };
    outcomes = [];
    isGone = true;
    asked = 0;
    logged = [];
  });

  function watch(isHere = true): void {
    const control = {
      request: () => { asked += 1; return Promise.resolve([isGone]); },
      emit: (_event: string, { level, text, id }: { level: string; text: string; id: string }) => { logged.push(`${level} ${id} ${text}`); },
    } as unknown as Control;
    const open = new Set<Watched>();
    const watched = { row, relay: relay(origin, destination, row, (reason) => { outcomes.push(reason); open.delete(watched); }) };
    open.add(watched);
    new UntakenWatch({ control, clock }, open, { id: 'a', listen: isHere ? here() : onServer({ host: '127.0.0.1', port: 5432 }) }).begin();
    destination.isFull = true;
    destination.queuedBytes = 1_000;
    origin.says('more than it takes');
  }

  async function pass(seconds: number): Promise<void> {
    for (let passed = 0; passed < seconds; passed += 5) {
      clock.advance(5_000);
      await new Promise((resolve) => { setImmediate(resolve); });
    }
  }

  const given = (): boolean => destination.asked.includes('reset');

  it('is given up when its client is gone and nothing has moved for long, within a minute', async () => {
    watch();
    await pass(40);
    expect(given()).toBe(false);
    await pass(15);
    expect(given()).toBe(true);
    origin.closes('ended');
    destination.closes('ended');
    expect(outcomes).toEqual(['not-taken']);
    expect(logged).toEqual(['warn a 127.0.0.1:5432: 127.0.0.1:4000 is gone and its destination has taken nothing for 40 s']);
    await pass(5);
    expect(clock.pending).toBe(0);
  });

  it('stays as long as anything is taken, however slowly', async () => {
    watch();
    for (let left = 990; left > 0; left -= 10) {
      await pass(30);
      destination.queuedBytes = left;
    }
    expect(given()).toBe(false);
  });

  it('stays as long as its client is there, and is tried for a reset that nobody told of', async () => {
    isGone = false;
    watch();
    await pass(3_600);
    expect(given()).toBe(false);
    expect(origin.asked).toContain('probe');
  });

  it('begins anew when its client was only thought to be gone', async () => {
    watch();
    await pass(45);
    isGone = false;
    await pass(5);
    isGone = true;
    await pass(40);
    expect(given()).toBe(false);
    await pass(5);
    expect(given()).toBe(true);
  });

  it('is given up without asking when its client has closed', async () => {
    watch();
    origin.ends();
    origin.closes('ended');
    await pass(55);
    expect(given()).toBe(true);
    expect(asked).toBe(0);
  });

  it('is not asked about where its client is another computer\'s', async () => {
    watch(false);
    await pass(300);
    expect([asked, given()]).toEqual([0, false]);
  });

  it('is not looked at as long as all is taken', async () => {
    watch();
    destination.queuedBytes = 0;
    await pass(300);
    expect([asked, origin.asked]).toEqual([0, ['pause']]);
  });
});
