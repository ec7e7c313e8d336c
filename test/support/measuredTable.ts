import { afterAll } from 'vitest';

/** What was measured in a file of tests; printed at its end, never asserted. */
export class MeasuredTable {
  readonly #lines: string[] = [];

  constructor(title: string) {
    afterAll(() => { console.log(`${title}\n${this.#lines.map((line) => `  ${line}`).join('\n')}`); });
  }

  add(what: string, measured: string): void {
    this.#lines.push(`${what.padEnd(52)} ${measured}`);
  }

  /** The longest of some durations, in milliseconds, and how many there were. */
  addLongest(what: string, durationsMs: readonly number[]): void {
    this.add(what, `${Math.max(...durationsMs).toFixed(0)} ms at most, ${String(durationsMs.length)} times`);
  }
}
