import { createContext, Script } from 'node:vm';
import fc from 'fast-check';

/** More on demand: CULVERT_FUZZ_CASES=1000000 npx vitest run --project unit fuzz. */
const CASES = process.env['CULVERT_FUZZ_CASES'];
/** With it the same values are generated again. */
export const FUZZ_SEED = Number(process.env['CULVERT_FUZZ_SEED'] ?? 20_261_122);

/** Far more than any parser needs, on a busy machine too: only what never ends takes as long. */
const BASE_MS = 20_000;
const PER_CASE_MS = 3;
/** Of a value in a message. */
const SHOWN_MAX_LENGTH = 1_000;
const RUN_LENGTH = 100_000;

/** What is tried, and with how many values unless CULVERT_FUZZ_CASES says otherwise. */
export interface Fuzzing<T> {
  readonly cases: number;
  readonly values: fc.Arbitrary<T>;
  /** Throws for a value for which the property does not hold. */
  readonly check: (value: T) => void;
}

/** How many values are tried where this many are usual, and the timeout that a test of them needs. */
export function fuzzPlan(usualCases: number): { readonly cases: number; readonly timeout: number } {
  const cases = CASES === undefined ? usualCases : Number(CASES);
  return { cases, timeout: 2 * (BASE_MS + PER_CASE_MS * cases) };
}

/**
 * Tries the property with many values; fails with the smallest one found that breaks it, and the seed that finds it again.
 * What does not come back is stopped, and fails with the value that it was given.
 */
export function fuzz<T>({ cases, values, check }: Fuzzing<T>): void {
  const plan = fuzzPlan(cases);
  let last: T | undefined;
  const property = fc.property(values, (value) => {
    last = value;
    check(value);
  });
  stopAfter(plan.timeout / 2, () => { fc.assert(property, { numRuns: plan.cases, seed: FUZZ_SEED }); }, () => `with CULVERT_FUZZ_SEED=${String(FUZZ_SEED)}, for ${fc.stringify(last)}`);
}

/** Tries one character very often, with and without something behind it: what takes a careless parser the square of the length. */
export function tryLongRuns(check: (run: string) => void): void {
  let last = '';
  stopAfter(BASE_MS, () => {
    for (const character of ' \t\r"\'\\=:[,%|@-a0') {
      for (const end of ['', 'x', '" x']) {
        last = `${JSON.stringify(character)} and ${JSON.stringify(end)}`;
        check(`${character.repeat(RUN_LENGTH)}${end}`);
      }
    }
  }, () => `for a run of ${last}`);
}

function stopAfter(deadlineMs: number, run: () => void, describe: () => string): void {
  try {
    // Nothing else stops a loop or a regular expression in this thread.
    new Script('run()').runInContext(createContext({ run }), { timeout: deadlineMs });
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
    throw new Error(`It does not end, ${describe().slice(0, SHOWN_MAX_LENGTH)}`, { cause: error });
  }
}
