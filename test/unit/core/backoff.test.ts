import { expect, it } from 'vitest';
import { backoffMs } from '../../../src/core/backoff.ts';

it('doubles from one second to a minute and stays there', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 8, 100, 10_000].map((attempt) => backoffMs(attempt, 0));
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]);
});

it('is shortened by chance, by a quarter at most', () => {
  expect([backoffMs(1, 1), backoffMs(1, 0.5), backoffMs(9, 1)]).toEqual([750, 875, 45_000]);
});
