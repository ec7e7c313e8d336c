import { describe, expect, it } from 'vitest';
import { WakeWatch } from '../../../src/core/wakeWatch.ts';
import { FakeClock } from '../../support/fakeClock.ts';

function setup() {
  const clock = new FakeClock();
  const wakings: number[] = [];
  const watch = new WakeWatch(clock, () => wakings.push(clock.now()));
  return { clock, wakings, watch };
}

describe('a machine that sleeps', () => {
  it('is noticed within a second of waking, once', () => {
    const { clock, wakings } = setup();
    clock.advance(3_600_000);
    expect(wakings).toEqual([]);
    clock.sleep(600_000);
    clock.advance(1_000);
    expect(wakings).toHaveLength(1);
    clock.advance(3_600_000);
    expect(wakings).toHaveLength(1);
  });

  it('is not suspected for a loop that is busy for some seconds', () => {
    const { clock, wakings } = setup();
    clock.sleep(10_000);
    clock.advance(60_000);
    expect(wakings).toEqual([]);
  });

  it('is watched no more once nobody wants to know', () => {
    const { clock, wakings, watch } = setup();
    watch.dispose();
    clock.sleep(600_000);
    clock.advance(60_000);
    expect(wakings).toEqual([]);
    expect(clock.pending).toBe(0);
  });
});
