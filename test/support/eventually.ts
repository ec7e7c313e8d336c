/** How long a condition may take, and how often it is asked. */
export interface EventuallyOptions {
  readonly deadlineMs?: number;
  readonly intervalMs?: number;
  /** Added to the message when the deadline passes: a log, a state. Asked only then. */
  readonly explain?: () => string | Promise<string>;
}

const DEFAULT_DEADLINE_MS = 20_000;
const DEFAULT_INTERVAL_MS = 20;

/**
 * Asks until the condition neither throws nor answers `false`, `null` or `undefined`, and gives its answer.
 * Rejects with the last refusal once the deadline has passed. Use it in place of any fixed wait.
 */
export async function eventually<T>(
  condition: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadlineMs = options.deadlineMs ?? DEFAULT_DEADLINE_MS;
  const end = performance.now() + deadlineMs;
  for (;;) {
    const attempt = await tryOnce(condition);
    if (attempt.isMet) return attempt.value as Exclude<T, false | null | undefined>;
    if (performance.now() >= end) {
      const explanation = options.explain ? `\n${await options.explain()}` : '';
      throw new Error(`Not so within ${deadlineMs} ms: ${attempt.reason}${explanation}`, { cause: attempt.cause });
    }
    await pause(options.intervalMs ?? DEFAULT_INTERVAL_MS);
  }
}

type Attempt<T> =
  | { readonly isMet: true; readonly value: T }
  | { readonly isMet: false; readonly reason: string; readonly cause?: unknown };

async function tryOnce<T>(condition: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    const value = await condition();
    if (value === false || value === null || value === undefined) {
      return { isMet: false, reason: `the condition answers ${String(value)}` };
    }
    return { isMet: true, value };
  } catch (error) {
    return { isMet: false, reason: error instanceof Error ? error.message : String(error), cause: error };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
