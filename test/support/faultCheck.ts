import { expect } from 'vitest';
import type { FailureCode } from '../../src/core/failure.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { failureOf, type ForwardState, type Phase } from '../../src/core/forwardState.ts';
import { formatForward } from '../../src/core/forwardText.ts';
import { eventually } from './eventually.ts';
import type { MeasuredTable } from './measuredTable.ts';

/** How soon the tree is to be right, and everything back, each with what a machine may take that is ten times slower. */
const SHOWN_WITHIN_MS = 10 * 2_000;
const BACK_WITHIN_MS = 10 * 5_000;
const HEALED_WITHIN_MS = 60_000;

/** How one forward stands, and what has been written. */
export interface Look {
  readonly spec: ForwardSpec | undefined;
  readonly state: ForwardState | undefined;
  readonly openConnections: number | undefined;
  /** The lines of the log from `warn` up, each behind its level. */
  readonly log: readonly string[];
}

/** What the process and the plane's worker in it have open: how many of each kind. */
export type Resources = Readonly<Record<string, number>>;

/** Something with a whole product in it: `ControlSide` here, `HostProcess` in a process of its own. */
export interface FaultSubject {
  look(id: string): Look | Promise<Look>;
  resources(): Promise<Resources>;
}

export interface ShownFault {
  readonly phase: Phase;
  readonly cause: FailureCode;
  /** What else the line in the log must name: the hop of a chain. */
  readonly names?: string;
}

/**
 * What is true of every fault, whatever it is: no error that nobody handled, handles and descriptors as before within 5 s,
 * the tree right within 2 s, and one line in the log with host, forward and cause. Used around what a test does:
 * `begin`, the fault, `shows`, `heals` where it does, `ends`. What the tree does not show has no line either. Of errors that
 * nobody handled the subject's `close` tells, and vitest.
 */
export class FaultCheck {
  readonly #subject: FaultSubject;
  readonly #id: string;
  readonly #before: Resources;
  readonly #linesBefore: number;
  #begun = performance.now();
  #shown: ShownFault | undefined;
  #shownAfterMs: number | undefined;
  #healedAfterMs: number | undefined;

  private constructor(subject: FaultSubject, id: string, before: Resources, linesBefore: number) {
    this.#subject = subject;
    this.#id = id;
    this.#before = before;
    this.#linesBefore = linesBefore;
  }

  /** Takes down how everything stands. The fault is next, or is told of by `happens`. */
  static async begin(subject: FaultSubject, id = 'a'): Promise<FaultCheck> {
    const before = await subject.resources();
    const { log } = await subject.look(id);
    return new FaultCheck(subject, id, before, log.length);
  }

  /** From here the 2 s count, where it takes a while until anybody can know. */
  happens(): void {
    this.#begun = performance.now();
  }

  /** Waits until the tree shows the fault. */
  async shows(shown: ShownFault): Promise<void> {
    this.#shown = shown;
    let seen: Look | undefined;
    await eventually(async () => {
      seen = await this.#subject.look(this.#id);
      return seen.state?.phase === shown.phase && failureOf(seen.state)?.code === shown.cause;
    }, { deadlineMs: SHOWN_WITHIN_MS, explain: () => `not ${shown.phase}, ${shown.cause}: ${JSON.stringify(seen)}` });
    this.#shownAfterMs = performance.now() - this.#begun;
  }

  /** Waits until it listens and nothing is wrong any more, however long that is to take. */
  async heals(): Promise<void> {
    let seen: Look | undefined;
    await eventually(async () => {
      seen = await this.#subject.look(this.#id);
      return seen.state?.phase === 'listening' && failureOf(seen.state) === undefined;
    }, { deadlineMs: HEALED_WITHIN_MS, explain: () => JSON.stringify(seen) });
    this.#healedAfterMs = performance.now() - this.#begun;
  }

  /** Waits until everything is back, and looks at the log; measured where there is a table, beside what else was. */
  async ends(table?: MeasuredTable, what = '', more?: string): Promise<void> {
    const backMs = await this.isBack();
    await this.#expectLine();
    const times = { 'shown': this.#shownAfterMs, 'up again': this.#healedAfterMs, 'all back': backMs };
    const told = Object.entries(times).flatMap(([name, ms]) => (ms === undefined ? [] : [`${name} after ${ms.toFixed(0)} ms`]));
    table?.add(what, [...(more === undefined ? [] : [more]), ...told].join(', '));
  }

  /** Waits until there is no more of anything than before, and the tree says that nobody is connected; gives how long that took. */
  async isBack(): Promise<number> {
    const begun = performance.now();
    let left: string[] = [];
    await eventually(async () => {
      const { openConnections = 0 } = await this.#subject.look(this.#id);
      left = [...(openConnections === 0 ? [] : [`${String(openConnections)} connections`]), ...excess(this.#before, await this.#subject.resources())];
      return left.length === 0;
    }, { deadlineMs: BACK_WITHIN_MS, explain: () => left.join(', ') });
    return performance.now() - begun;
  }

  async #expectLine(): Promise<void> {
    const { spec, log } = await this.#subject.look(this.#id);
    const lines = log.slice(this.#linesBefore);
    if (this.#shown === undefined) {
      expect(lines).toEqual([]);
      return;
    }
    expect(lines).toHaveLength(1);
    const [line = ''] = lines;
    // The notation has the server, or of a relay the destination, as its host.
    const { cause, names = '' } = this.#shown;
    for (const part of [spec === undefined ? 'no forward' : formatForward(spec), `: ${cause}: `, names]) expect(line).toContain(part);
    expect(line).not.toMatch(/[\r\n]/);
  }
}

/** What there is more of than before. */
function excess(before: Resources, now: Resources): string[] {
  return Object.entries(now).filter(([kind, count]) => count > (before[kind] ?? 0)).map(([kind, count]) => `${kind} ${String(count)} > ${String(before[kind] ?? 0)}`);
}
