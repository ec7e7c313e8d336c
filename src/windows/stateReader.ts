import type { Endpoint } from '../core/address.ts';
import { FAILURE_CODES, untrustedText, type Failure, type FailureContext } from '../core/failure.ts';
import { START_STEPS, type Bound, type Complaint, type Outage, type Progress, type ToldState } from '../core/forwardState.ts';

/** Far more than there are: of what one forward listens on, and of the facts of a failure. */
const MAX_ITEMS = 20;

/** Of a path, a host or a fact. */
const MAX_TEXT_LENGTH = 400;

export type Fields = Readonly<Record<string, unknown>>;

/** What of a value from another window is a state, bounded in length; undefined where it is none. Total. */
export function readState(value: unknown): ToldState | undefined {
  const fields = fieldsOf(value);
  const since = readTime(fields.since);
  const failure = readFailure(fields.failure);
  if (since !== undefined && failure !== undefined && fields.phase === 'failed') return { phase: 'failed', since, failure };
  const generation = readTime(fields.generation);
  if (generation === undefined || since === undefined) return undefined;
  const run = { generation, since };
  const bound = readBound(fields.bound);
  const attempt = readTime(fields.attempt) ?? 1;
  switch (fields.phase) {
    case 'starting':
      return { phase: 'starting', ...run, attempt, bound, progress: readProgress(fields.progress), ...named('outage', readOutage(fields.outage)) };
    case 'listening':
      return bound && { phase: 'listening', ...run, bound, complaint: readComplaint(fields.complaint) };
    case 'idle':
      return bound && { phase: 'idle', ...run, bound, ...named('complaint', readOutage(fields.complaint)) };
    case 'retrying':
      return failure && { phase: 'retrying', ...run, attempt, bound, failure, retryAt: readTime(fields.retryAt) ?? since, downSince: readTime(fields.downSince) ?? since };
    case 'stopping': {
      const drainUntil = readTime(fields.drainUntil);
      return { phase: 'stopping', ...run, ...(drainUntil === undefined ? {} : { drainUntil }) };
    }
    default:
      return undefined;
  }
}

/** A whole number that counts something or is a time; undefined for anything else. */
export function readTime(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function readProgress(value: unknown): Progress {
  const { step, host } = fieldsOf(value);
  const known = START_STEPS.find((one) => one === step) ?? 'connecting';
  return typeof host === 'string' ? { step: known, host: untrustedText(host, MAX_TEXT_LENGTH) } : { step: known };
}

function readComplaint(value: unknown): Complaint | undefined {
  const fields = fieldsOf(value);
  const failure = readFailure(fields.failure);
  const at = readTime(fields.at);
  return failure === undefined || at === undefined ? undefined : { failure, at };
}

function readOutage(value: unknown): Outage | undefined {
  const complaint = readComplaint(value);
  return complaint && { ...complaint, since: readTime(fieldsOf(value).since) ?? complaint.at };
}

/** A field for a spread, which is not there without a value. */
function named<K extends string>(name: K, outage: Outage | undefined): Partial<Record<K, Outage>> {
  return outage === undefined ? {} : { [name]: outage } as Record<K, Outage>;
}

function readBound(value: unknown): Bound | undefined {
  const { addresses, missing } = fieldsOf(value);
  if (!Array.isArray(addresses)) return undefined;
  const read = addresses.slice(0, MAX_ITEMS).flatMap((address) => readEndpoint(address) ?? []);
  const [address, failure] = [readEndpoint(fieldsOf(missing).address), readFailure(fieldsOf(missing).failure)];
  if (read.length === 0) return undefined;
  return address === undefined || failure === undefined ? { addresses: read } : { addresses: read, missing: { address, failure } };
}

function readEndpoint(value: unknown): Endpoint | undefined {
  const { host, port, path } = fieldsOf(value);
  if (typeof path === 'string') return { path: untrustedText(path, MAX_TEXT_LENGTH) };
  const number = readTime(port);
  return typeof host === 'string' && number !== undefined && number <= 65_535 ? { host: untrustedText(host, MAX_TEXT_LENGTH), port: number } : undefined;
}

/** One of a newer Culvert may have a code that this one has no words for. */
function readFailure(value: unknown): Failure | undefined {
  const { code, detail, context } = fieldsOf(value);
  const known = FAILURE_CODES.find((one) => one === code);
  return known === undefined ? undefined : { code: known, detail: untrustedText(String(detail)), context: readContext(context) };
}

function readContext(value: unknown): FailureContext {
  const facts = Object.entries(fieldsOf(value)).slice(0, MAX_ITEMS).flatMap(([name, fact]): [string, FailureContext[string]][] => {
    if (typeof fact === 'number' || typeof fact === 'boolean') return [[name, fact]];
    if (typeof fact === 'string') return [[name, untrustedText(fact, MAX_TEXT_LENGTH)]];
    if (!Array.isArray(fact)) return [];
    return [[name, fact.slice(0, MAX_ITEMS).filter((item) => typeof item === 'string').map((item) => untrustedText(item, MAX_TEXT_LENGTH))]];
  });
  return Object.fromEntries(facts);
}

/** The fields of an object; none of anything else. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Fields : {};
}
