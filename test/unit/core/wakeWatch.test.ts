import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/ports.ts';
import { WakeWatch } from '../../../src/core/wakeWatch.ts';
import { FakeClock } from '../../support/fakeClock.ts';

/** Timers stand still while it sleeps, the time of day does not. */
class SleepingClock implements Clock {
  readonly timers = new FakeClock();
  #sleptMs = 0;

  now(): number {
    return this.timers.now() + this.#sleptMs;
  }

  after(delayMs: number, action: () => void) {
    return this.timers.after(delayMs, action);
  }

  sleep(durationMs: number): void {
    this.#sleptMs += durationMs;
  }
}

function setup() {
  const clock = new SleepingClock();
  const wakings: number[] = [];
  const watch = new WakeWatch(clock, () => wakings.push(clock.timers.now()));
  return { clock, wakings, watch };
}

describe('a machine that sleeps', () => {
  it('is noticed within five seconds of waking, once', () => {
    const { clock, wakings } = setup();
    clock.timers.advance(3_600_000);
    expect(wakings).toEqual([]);
    clock.sleep(600_000);
    clock.timers.advance(5_000);
    expect(wakings).toHaveLength(1);
    clock.timers.advance(3_600_000);
    expect(wakings).toHaveLength(1);
  });

  it('is not suspected for a loop that is busy for some seconds', () => {
    const { clock, wakings } = setup();
    clock.sleep(10_000);
    clock.timers.advance(60_000);
    expect(wakings).toEqual([]);
  });

  it('is watched no more once nobody wants to know', () => {
    const { clock, wakings, watch } = setup();
    watch.dispose();
    clock.sleep(600_000);
    clock.timers.advance(60_000);
    expect(wakings).toEqual([]);
    expect(clock.timers.pending).toBe(0);
  });
});
