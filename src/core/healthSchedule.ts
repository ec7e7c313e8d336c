import { intervalMsOf, isSameCheck, type HealthCheck } from './healthCheck.ts';
import type { Disposable } from './lifecycle.ts';
import type { Clock } from './ports.ts';

/** A run of a forward that is to be checked. */
export interface CheckedRun {
  readonly generation: number;
  readonly check: HealthCheck;
}

interface Checked extends CheckedRun {
  startedAt: number;
  /** While no check is on its way. */
  timer: Disposable | undefined;
}

/** When forwards are checked: at once, and then every interval, of each one check at a time. */
export class HealthSchedule implements Disposable {
  readonly #checked = new Map<string, Checked>();
  readonly #begin: (id: string, run: CheckedRun) => void;
  readonly #clock: Clock;

  /** `begin` begins a check, of which `answered` is to be told. */
  constructor(begin: (id: string, run: CheckedRun) => void, clock: Clock) {
    this.#begin = begin;
    this.#clock = clock;
  }

  /** Has this run of a forward checked from now on, or none; for the same run and check it goes on as it was. */
  set(id: string, run: CheckedRun | undefined): void {
    const before = this.#checked.get(id);
    if (before?.generation === run?.generation && isSameCheck(before?.check, run?.check)) return;
    before?.timer?.dispose();
    this.#checked.delete(id);
    if (run === undefined) return;
    const checked: Checked = { ...run, startedAt: 0, timer: undefined };
    this.#checked.set(id, checked);
    this.#check(id, checked);
  }

  /** Goes on after an answer; false when it belongs to a check that nobody wants to know of any more. */
  answered(id: string, { generation, check }: CheckedRun): boolean {
    const checked = this.#checked.get(id);
    if (checked?.generation !== generation || checked.check !== check || checked.timer !== undefined) return false;
    const delayMs = Math.max(0, checked.startedAt + intervalMsOf(check) - this.#clock.now());
    checked.timer = this.#clock.after(delayMs, () => { this.#check(id, checked); });
    return true;
  }

  dispose(): void {
    for (const { timer } of this.#checked.values()) timer?.dispose();
    this.#checked.clear();
  }

  #check(id: string, checked: Checked): void {
    checked.timer = undefined;
    checked.startedAt = this.#clock.now();
    this.#begin(id, checked);
  }
}
