import { describe, expect, it } from 'vitest';
import { RetrySchedule } from '../../../src/core/retrySchedule.ts';

const HOUR_MS = 3_600_000;

/** Lost again and again, a second after each try, as long as it may be tried. */
function spend(schedule: RetrySchedule): void {
  for (let tries = 0; tries < 20; tries += 1) {
    schedule.next(HOUR_MS + tries * 1_000, 0);
    schedule.succeeded();
  }
}

describe('when a forward is tried again', () => {
  it('is further and further away, until it was up', () => {
    const schedule = new RetrySchedule();
    expect([0, 1_000, 3_000].map((now) => schedule.next(now, 0))).toEqual([1_000, 2_000, 4_000]);
    schedule.succeeded();
    expect(schedule.next(7_000, 0)).toBe(1_000);
  });

  it('is soon when the last try was long ago', () => {
    const schedule = new RetrySchedule();
    for (const now of [0, 1_000, 3_000]) schedule.next(now, 0);
    expect(schedule.next(7_000 + 600_001, 0)).toBe(1_000);
  });

  it('is soon after a try that was made because something changed', () => {
    const schedule = new RetrySchedule();
    for (const now of [0, 1_000, 3_000, 7_000]) schedule.next(now, 0);
    schedule.hurry(8_000);
    expect(schedule.next(8_500, 0)).toBe(1_000);
  });

  it('is when there is room for one more, which there is all the same for what a person asks for', () => {
    const schedule = new RetrySchedule();
    spend(schedule);
    const now = HOUR_MS + 20_000;
    expect(schedule.next(now, 0)).toBe(601_000 - 20_000);
    expect(schedule.canHurry(now)).toBe(false);
    expect(schedule.canHurry(HOUR_MS + 601_000)).toBe(true);
    schedule.reset();
    expect(schedule.next(now, 0)).toBe(1_000);
  });

  it('is not put off by what waited for another window, which is tried as often by itself', () => {
    const schedule = new RetrySchedule();
    const waits = Array.from({ length: 21 }, (_, index) => schedule.nextIn(index * 200, 200));
    expect(waits).toEqual([...Array.from({ length: 20 }, () => 200), undefined]);
    expect(schedule.next(5_000, 0)).toBe(1_000);
    expect(schedule.nextIn(600_000 + 4_200, 200)).toBe(200);
  });

  it('comes sooner for somebody who waits, as long as half of them are left for later', () => {
    const schedule = new RetrySchedule();
    for (let round = 0; round < 10; round += 1) schedule.next(round * 1_000, 0);
    expect(schedule.bringForward(9_500)).toBe(true);
    schedule.next(10_000, 0);
    expect(schedule.bringForward(10_500)).toBe(false);
  });

  it('is no further away than ten minutes where the time of day was set back', () => {
    const schedule = new RetrySchedule();
    spend(schedule);
    expect(schedule.next(0, 0)).toBe(600_000);
  });
});
