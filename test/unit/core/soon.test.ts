import { expect, it } from 'vitest';
import { Soon } from '../../../src/core/soon.ts';
import { FakeClock } from '../../support/fakeClock.ts';

it('something is done once for all who ask within a moment, again for those who ask later, and not after the end', () => {
  const clock = new FakeClock(0);
  let times = 0;
  const soon = new Soon(clock, 50, () => { times += 1; });
  for (let asking = 0; asking < 3; asking += 1) soon.ask();
  clock.advance(49);
  soon.ask();
  expect(times).toBe(0);
  clock.advance(1);
  expect(times).toBe(1);
  clock.advance(1_000);
  expect(times).toBe(1);
  soon.ask();
  clock.advance(50);
  expect(times).toBe(2);
  soon.ask();
  soon.dispose();
  soon.ask();
  clock.advance(50);
  expect(times).toBe(2);
});
