import type { Failure } from './failure.ts';
import { isProxy, type ForwardSpec } from './forwardSpec.ts';

interface CheckTimes {
  readonly intervalSeconds?: number;
  /** For the whole of one check. */
  readonly timeoutSeconds?: number;
}

/** The destination takes a connection. */
export interface ConnectCheck extends CheckTimes {
  readonly kind: 'connect';
}

/** The destination answers `GET path` over plain HTTP; without `status`, with any of 2xx and 3xx. */
export interface HttpCheck extends CheckTimes {
  readonly kind: 'http';
  readonly path?: string;
  readonly status?: number;
}

/** What is asked of a forward's destination in the background, as the user wrote it: what is absent has its default. */
export type HealthCheck = ConnectCheck | HttpCheck;

/** `unknown`: it came to nothing that concerns the destination, such as a tunnel that was lost meanwhile. */
export type CheckOutcome =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'unknown' };

export const UNKNOWN_OUTCOME: CheckOutcome = { kind: 'unknown' };

const DEFAULT_INTERVAL_SECONDS = 30;
const MIN_INTERVAL_SECONDS = 5;
const MAX_INTERVAL_SECONDS = 24 * 60 * 60;
const DEFAULT_TIMEOUT_SECONDS = 5;
const MAX_PATH_LENGTH = 1_000;

const FIELDS: readonly string[] = ['kind', 'path', 'status', 'intervalSeconds', 'timeoutSeconds'];

/** True for what leads to one destination that takes connections; of a range its first port is asked. */
export function canBeChecked(spec: ForwardSpec): boolean {
  return !isProxy(spec) && spec.kind !== 'udp';
}

/** From one check to the next, in milliseconds. */
export function intervalMsOf({ intervalSeconds = DEFAULT_INTERVAL_SECONDS }: HealthCheck): number {
  return intervalSeconds * 1_000;
}

/** How long an answer may take, in milliseconds. */
export function timeoutMsOf({ timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: HealthCheck): number {
  return timeoutSeconds * 1_000;
}

/** What is asked for by GET. */
export function pathOf({ path = '/' }: HttpCheck): string {
  return path;
}

/** The request, for people: a query may hold a secret, and is left out. */
export function tellRequest(check: HttpCheck): string {
  return `GET ${withoutQuery(pathOf(check))}`;
}

/** Nothing of a text from its first question mark on. */
export function withoutQuery(text: string): string {
  return text.replace(/\?.*$/s, '?…');
}

/** What the answer's status is expected to be, for people. */
export function expectationOf({ status }: HttpCheck): string {
  return status === undefined ? '2xx or 3xx' : String(status);
}

/** Whether an HTTP status is the one that it should be; by default any of 2xx and 3xx. */
export function isExpected(status: number, { status: expected }: HttpCheck): boolean {
  return expected === undefined ? status >= 200 && status < 400 : status === expected;
}

export function isSameCheck(a: HealthCheck | undefined, b: HealthCheck | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const fieldsOf = (check: HealthCheck): string => JSON.stringify([
    check.kind, intervalMsOf(check), timeoutMsOf(check), check.kind === 'http' ? [pathOf(check), check.status] : [],
  ]);
  return fieldsOf(a) === fieldsOf(b);
}

/** The check that a setting's value asks for, or what is wrong with it. */
export function readHealthCheck(value: unknown, spec: ForwardSpec): HealthCheck | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return '"healthCheck" must be an object such as { "kind": "connect" } or { "kind": "http", "path": "/health" }.';
  if (!canBeChecked(spec)) return '"healthCheck" is for forwards with one destination that takes connections: a proxy has none of its own, and of datagrams only an answer would tell.';
  const { kind, path, status, intervalSeconds, timeoutSeconds } = value as Record<string, unknown>;
  const stranger = Object.keys(value).find((field) => !FIELDS.includes(field));
  if (stranger !== undefined) return `"healthCheck" has no ${JSON.stringify(stranger.slice(0, 40))}.`;
  const times = readTimes(intervalSeconds, timeoutSeconds);
  if (typeof times === 'string') return times;
  if (kind === 'connect') return path === undefined && status === undefined ? { kind, ...times } : '"path" and "status" are for a "healthCheck" of the kind "http".';
  if (kind !== 'http') return '"kind" of "healthCheck" must be "connect" or "http".';
  const problem = problemOfPath(path) ?? problemOfStatus(status);
  if (problem !== undefined) return problem;
  return { kind, ...(typeof path === 'string' ? { path } : {}), ...(typeof status === 'number' ? { status } : {}), ...times };
}

/** It goes into a request as it is: nothing of it may end the line (RFC 9112 section 3). */
export function problemOfPath(path: unknown): string | undefined {
  if (path === undefined) return undefined;
  if (typeof path !== 'string' || !path.startsWith('/')) return '"path" of "healthCheck" must begin with "/".';
  if (!/^[!-~]*$/.test(path) || path.includes('#')) return '"path" of "healthCheck" can have no space, no "#", and only ASCII: write others as % and two digits.';
  return path.length > MAX_PATH_LENGTH ? `"path" of "healthCheck" has at most ${String(MAX_PATH_LENGTH)} characters.` : undefined;
}

/** Why a status cannot be expected, as a sentence; undefined where it can. */
export function problemOfStatus(status: unknown): string | undefined {
  const isStatus = status === undefined || (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 599);
  return isStatus ? undefined : '"status" of "healthCheck" must be a number from 200 to 599.';
}

function readTimes(intervalSeconds: unknown, timeoutSeconds: unknown): CheckTimes | string {
  const isInterval = typeof intervalSeconds === 'number' && intervalSeconds >= MIN_INTERVAL_SECONDS && intervalSeconds <= MAX_INTERVAL_SECONDS;
  if (intervalSeconds !== undefined && !isInterval) return `"intervalSeconds" of "healthCheck" must be a number from ${String(MIN_INTERVAL_SECONDS)} to ${String(MAX_INTERVAL_SECONDS)}.`;
  const limit = isInterval ? intervalSeconds : DEFAULT_INTERVAL_SECONDS;
  const isTimeout = typeof timeoutSeconds === 'number' && timeoutSeconds > 0 && timeoutSeconds <= limit;
  if (timeoutSeconds !== undefined && !isTimeout) return `"timeoutSeconds" of "healthCheck" must be a number above 0 and at most the interval, ${String(limit)}.`;
  return { ...(isInterval ? { intervalSeconds } : {}), ...(isTimeout ? { timeoutSeconds } : {}) };
}
