import type { ActivePhase, RunElsewhere } from '../core/forwardState.ts';

/** A forward as the window that runs it tells the others. */
export interface WindowRun extends RunElsewhere {
  /** That window's own. */
  readonly id: string;
  /** In the notation of Forward Port. */
  readonly text: string;
  readonly isBound: boolean;
}

/** What one window wants of another. */
export type WindowRequest =
  /** Somebody sees how many connections there are. */
  | { readonly kind: 'look'; readonly isLooking: boolean }
  /** A report now, whatever was told last, and then the number. */
  | { readonly kind: 'ask'; readonly number: number }
  /** With `isHandOver`, for it to run in the window that asks. */
  | { readonly kind: 'stop'; readonly id: string; readonly isHandOver: boolean };

/** Characters in a line; more is none of ours. What is written stays below. */
export const MAX_REPORT_LENGTH = 1_000_000;
export const MAX_REQUEST_LENGTH = 10_000;

const MAX_RUNS = 500;
const MAX_TEXT_LENGTH = 800;

const PHASES: ReadonlySet<unknown> = new Set<ActivePhase>(['starting', 'listening', 'idle', 'retrying', 'stopping']);

/** A line of JSON with all that runs. Beyond 500 forwards, and 800 characters for one, the others are not told. */
export function formatReport(runs: readonly WindowRun[]): string {
  const forwards = runs.filter(({ id, text }) => id.length <= MAX_TEXT_LENGTH && text.length <= MAX_TEXT_LENGTH).slice(0, MAX_RUNS);
  return `${JSON.stringify({ forwards })}\n`;
}

/** What of a line is a report; undefined when it is none. */
export function readReport(line: string): readonly WindowRun[] | undefined {
  const { forwards } = readObject(line);
  return Array.isArray(forwards) ? forwards.filter(isRun) : undefined;
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

export function formatRequest(request: WindowRequest): string {
  return `${JSON.stringify(request)}\n`;
}

export function readRequest(line: string): WindowRequest | undefined {
  const { kind, isLooking, number, id, isHandOver } = readObject(line);
  if (kind === 'ask' && Number.isSafeInteger(number)) return { kind, number: Number(number) };
  if (kind === 'look' && typeof isLooking === 'boolean') return { kind, isLooking };
  return kind === 'stop' && typeof id === 'string' && typeof isHandOver === 'boolean' ? { kind, id, isHandOver } : undefined;
}

function isRun(value: unknown): value is WindowRun {
  if (typeof value !== 'object' || value === null) return false;
  const { id, text, phase, isBound, openConnections } = value as Readonly<Record<string, unknown>>;
  return typeof id === 'string' && typeof text === 'string' && PHASES.has(phase) && typeof isBound === 'boolean' && Number.isSafeInteger(openConnections);
}

function readObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
