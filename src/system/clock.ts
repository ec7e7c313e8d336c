import type { Clock } from '../core/ports.ts';
import { onDispose } from '../core/lifecycle.ts';

/** The machine's own clock; the one place with timers. A timer keeps no process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, action) {
    if (delayMs <= 0) {
      // A timer would wait for a millisecond.
      const immediate = setImmediate(action);
      return onDispose(() => { clearImmediate(immediate); });
    }
    const timer = setTimeout(action, delayMs);
    timer.unref();
    return onDispose(() => { clearTimeout(timer); });
  },
};
