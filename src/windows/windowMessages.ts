import type { RunElsewhere, TrafficTotals } from '../core/forward.ts';
import { fieldsOf, readState, readTime, type Fields } from './stateReader.ts';

/** A forward as the window that runs it tells the others. */
export interface WindowRun extends RunElsewhere {
  /** That window's own. */
  readonly id: string;
  /** In the notation of Forward Port. */
  readonly text: string;
}

/** What another window may have done to a forward where it runs; `hand-over` is a stop, for it to run in the window that asks. */
const ORDERS = ['stop', 'hand-over', 'restart'] as const;

export type WindowOrder = typeof ORDERS[number];

/** What one window wants of another. */
export type WindowRequest =
  /** Somebody sees how many connections there are. */
  | { readonly kind: 'look'; readonly isLooking: boolean }
  /** A report now, whatever was told last, and then the number. */
  | { readonly kind: 'ask'; readonly number: number }
  | { readonly kind: 'order'; readonly order: WindowOrder; readonly id: string };

/** Characters in a line; more is none of ours. What is written stays below. */
export const MAX_REPORT_LENGTH = 1_000_000;
export const MAX_REQUEST_LENGTH = 10_000;

const REPORT_BUDGET = MAX_REPORT_LENGTH - 100;

const MAX_RUNS = 500;
const MAX_TEXT_LENGTH = 800;

/** A line of JSON with all that runs. Beyond 500 forwards, and 800 characters for one, the others are not told, nor beyond what a line may hold. */
export function formatReport(runs: readonly WindowRun[]): string {
  const forwards: string[] = [];
  let length = 0;
  for (const run of runs) {
    // As it will be read there, and so bounded.
    const told = readRun(run);
    const text = told === undefined ? '' : JSON.stringify(told);
    if (text === '' || length + text.length > REPORT_BUDGET || forwards.length === MAX_RUNS) continue;
    forwards.push(text);
    length += text.length + 1;
  }
  return `{"forwards":[${forwards.join(',')}]}\n`;
}

/** What of a line is a report; undefined when it is none. */
export function readReport(line: string): readonly WindowRun[] | undefined {
  const { forwards } = readObject(line);
  return Array.isArray(forwards) ? forwards.slice(0, MAX_RUNS).flatMap((run) => readRun(run) ?? []) : undefined;
}

/** Follows the report that was asked for. */
export function formatAnswered(number: number): string {
  return `${JSON.stringify({ answered: number })}\n`;
}

/** The number of what was asked; undefined in any other line. */
export function readAnswered(line: string): number | undefined {
  const { answered } = readObject(line);
  return typeof answered === 'number' ? answered : undefined;
}

/** A line of JSON. */
export function formatRequest(request: WindowRequest): string {
  return `${JSON.stringify(request)}\n`;
}

/** What of a line is a request; undefined when it is none. */
export function readRequest(line: string): WindowRequest | undefined {
  const { kind, isLooking, number, id, order } = readObject(line);
  if (kind === 'ask' && Number.isSafeInteger(number)) return { kind, number: Number(number) };
  if (kind === 'look' && typeof isLooking === 'boolean') return { kind, isLooking };
  const known = ORDERS.find((one) => one === order);
  return kind === 'order' && known !== undefined && typeof id === 'string' ? { kind, order: known, id } : undefined;
}

function readRun(value: unknown): WindowRun | undefined {
  const { id, text, running, traffic, stopsAt } = fieldsOf(value);
  const state = readState(running);
  const totals = readTotals(traffic);
  if (typeof id !== 'string' || typeof text !== 'string' || state === undefined || totals === undefined) return undefined;
  if (id.length > MAX_TEXT_LENGTH || text.length > MAX_TEXT_LENGTH) return undefined;
  const end = readTime(stopsAt);
  return { id, text, running: state, traffic: totals, ...(end === undefined ? {} : { stopsAt: end }) };
}

function readTotals(value: unknown): TrafficTotals | undefined {
  const fields = fieldsOf(value);
  const [openConnections, totalConnections, bytesUp, bytesDown] = [fields.openConnections, fields.totalConnections, fields.bytesUp, fields.bytesDown].map(readTime);
  if (openConnections === undefined || totalConnections === undefined || bytesUp === undefined || bytesDown === undefined) return undefined;
  return { openConnections, totalConnections, bytesUp, bytesDown };
}

function readObject(line: string): Fields {
  try {
    return fieldsOf(JSON.parse(line));
  } catch {
    return {};
  }
}
