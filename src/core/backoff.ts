/** Delay before retry number `attempt` (1, 2, …) in milliseconds: 1, 2, 4 … 60 s, less up to a quarter of it by `chance` (0 to 1). */
export function backoffMs(attempt: number, chance: number): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempt - 1, MAX_DOUBLINGS));
  return Math.round(full * (1 - JITTER * chance));
}

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 60_000;
const MAX_DOUBLINGS = 10;

/** Jitter only shortens, so that the sequence never passes its cap; it keeps a hundred forwards from knocking at once. */
const JITTER = 0.25;
