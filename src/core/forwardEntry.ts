import { untrustedText } from './failure.ts';
import type { ForwardDefinition } from './forward.ts';
import { canBeOnDemand, isProxy, isThroughSsh, type ForwardSpec, type SshDestination, type SshRule } from './forwardSpec.ts';
import { parseDestination, parseForward } from './forwardParser.ts';
import { connectsToItself, formatDestination, formatRule, isSameSpec } from './forwardText.ts';
import { canBeChecked, isSameCheck, readHealthCheck, type HealthCheck } from './healthCheck.ts';
import { utf8Length } from './utf8.ts';

/** One entry of the setting `culvert.forwards`, as people write it. */
export interface ForwardEntry {
  readonly id?: string;
  readonly name?: string;
  /** The notation of Forward Port: `[bind:]port:host:hostport` or one of its shorter forms, after `-R` or `-D` where it is not a -L. */
  readonly forward: string;
  /** The SSH server, `[user@]host[:port]`; absent for a local relay. */
  readonly target?: string;
  readonly autoStart?: boolean;
  /** The tunnel opens for the first connection; for what listens here and goes through SSH. */
  readonly onDemand?: boolean;
  /** Minutes of running after which it stops by itself. */
  readonly stopAfterMinutes?: number;
  /** What is asked of the destination in the background. */
  readonly healthCheck?: HealthCheck;
  /** The user name that clients of a proxy log in with; the password is not in the settings. */
  readonly login?: string;
}

/** An entry that is no forward, and why. */
export interface EntryProblem {
  /** Position in the setting, from 0. */
  readonly index: number;
  readonly message: string;
  /** What the entry calls itself, as far as that can be read. */
  readonly label: string;
}

export interface ReadEntries {
  readonly definitions: readonly ForwardDefinition[];
  readonly problems: readonly EntryProblem[];
}

/** Reads the setting's value, whatever it is; every entry becomes a definition or a problem, in order. */
export function readEntries(value: unknown): ReadEntries {
  if (value === undefined || value === null) return { definitions: [], problems: [] };
  if (!Array.isArray(value)) return { definitions: [], problems: [{ index: 0, message: 'The setting must be a list of forwards.', label: 'culvert.forwards' }] };
  const definitions: ForwardDefinition[] = [];
  const problems: EntryProblem[] = [];
  const ids = new Set<string>();
  value.forEach((raw: unknown, index) => {
    const result = readEntry(raw);
    if (typeof result === 'string') {
      problems.push({ index, message: result, label: labelOf(raw, index) });
      return;
    }
    const id = uniqueId(idOf(raw) ?? derivedId(raw), ids);
    definitions.push({ ...result, id });
  });
  return { definitions, problems };
}

/** The entry that reads back as this definition. */
export function toEntry({ id, name, spec, autoStart, login, isOnDemand, stopAfterMinutes, healthCheck }: ForwardDefinition): ForwardEntry {
  return {
    id,
    ...(name === '' ? {} : { name }),
    forward: formatRule(spec),
    ...(isThroughSsh(spec) ? { target: formatDestination(spec.target) } : {}),
    ...(autoStart ? { autoStart } : {}),
    ...(isOnDemand === true && canBeOnDemand(spec) ? { onDemand: true } : {}),
    ...(stopAfterMinutes === undefined ? {} : { stopAfterMinutes }),
    ...(healthCheck !== undefined && canBeChecked(spec) ? { healthCheck } : {}),
    ...(login !== undefined && isProxy(spec) ? { login } : {}),
  };
}

/**
 * The setting's value after the user's forwards became `definitions`: entries that could not be read stay where they
 * are, unchanged ones stay to the letter, and what Culvert does not know in an entry is kept.
 */
export function updateEntries(value: unknown, definitions: readonly ForwardDefinition[]): unknown[] {
  const raws: readonly unknown[] = Array.isArray(value) ? value : [];
  const wanted = new Map(definitions.map((definition) => [definition.id, definition]));
  const ids = new Set<string>();
  const result: unknown[] = [];
  for (const raw of raws) {
    const read = readEntry(raw);
    if (typeof read === 'string') {
      result.push(raw);
      continue;
    }
    const ownId = idOf(raw) ?? derivedId(raw);
    const id = uniqueId(ownId, ids);
    const definition = wanted.get(id);
    wanted.delete(id);
    if (definition === undefined) continue;
    // A twin gets its id written down: without its neighbour it would read as that one.
    result.push(id === ownId && isSame({ ...read, id }, definition) ? raw : mergeEntry(raw, definition));
  }
  return [...result, ...[...wanted.values()].map(toEntry)];
}

type WithoutId = Omit<ForwardDefinition, 'id'>;

const FIELDS = ['name', 'target', 'autoStart', 'login', 'onDemand', 'stopAfterMinutes', 'healthCheck'] as const;

function mergeEntry(raw: unknown, definition: ForwardDefinition): unknown {
  const merged: Record<string, unknown> = { ...(raw as Record<string, unknown>) };
  for (const field of FIELDS) Reflect.deleteProperty(merged, field);
  return { ...merged, ...toEntry(definition) };
}

function isSame(a: ForwardDefinition, b: ForwardDefinition): boolean {
  return a.name === b.name && a.autoStart === b.autoStart && a.login === b.login && a.isOnDemand === b.isOnDemand && a.stopAfterMinutes === b.stopAfterMinutes
    && isSameCheck(a.healthCheck, b.healthCheck) && isSameSpec(a.spec, b.spec);
}

/** The definition, or what is wrong with the entry. */
function readEntry(raw: unknown): WithoutId | string {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return 'An entry must be an object with "forward".';
  const { id, name = '', forward, target, autoStart = false, login } = raw as Record<string, unknown>;
  if (typeof forward !== 'string') return '"forward" must be a text such as "5432:localhost:5432".';
  if (id !== undefined && (typeof id !== 'string' || id === '')) return '"id" must be a text.';
  if (typeof name !== 'string') return '"name" must be a text.';
  if (typeof autoStart !== 'boolean') return '"autoStart" must be true or false.';
  if (target !== undefined && typeof target !== 'string') return '"target" must be a text such as "me@bastion".';
  const spec = readSpec(forward, target);
  if (typeof spec === 'string') return spec;
  const asked = login === undefined ? {} : readLogin(login, spec);
  if (typeof asked === 'string') return asked;
  const lasting = readLasting(raw as Record<string, unknown>, spec);
  if (typeof lasting === 'string') return lasting;
  const { healthCheck } = raw as Record<string, unknown>;
  const check = healthCheck === undefined ? undefined : readHealthCheck(healthCheck, spec);
  return typeof check === 'string' ? check : { name, spec, autoStart, origin: 'user', ...asked, ...lasting, ...(check === undefined ? {} : { healthCheck: check }) };
}

/** RFC 1929 section 2: a user name has 1 to 255 bytes, and so has a password. */
export const MAX_LOGIN_BYTES = 255;

function readLogin(login: unknown, spec: ForwardSpec): { readonly login: string } | string {
  if (typeof login !== 'string' || login === '') return '"login" must be a text: the user name that clients of the proxy log in with.';
  if (!isProxy(spec)) return '"login" is for proxies alone: for -D, and for -R without a destination.';
  if (/[\p{Cc}\p{Cs}]/u.test(login)) return '"login" cannot contain a control character.';
  // RFC 7617 section 2.
  if (login.includes(':')) return '"login" cannot contain a colon: over HTTP, the password would begin there.';
  return utf8Length(login) > MAX_LOGIN_BYTES ? `"login" has at most ${String(MAX_LOGIN_BYTES)} bytes.` : { login };
}

/** When the tunnel opens, and when the forward ends. */
function readLasting({ onDemand = false, stopAfterMinutes }: Record<string, unknown>, spec: ForwardSpec): Pick<WithoutId, 'isOnDemand' | 'stopAfterMinutes'> | string {
  if (typeof onDemand !== 'boolean') return '"onDemand" must be true or false.';
  if (onDemand && !canBeOnDemand(spec)) return '"onDemand" is for forwards that listen on this computer and go through SSH.';
  const isSpan = typeof stopAfterMinutes === 'number' && stopAfterMinutes > 0 && stopAfterMinutes <= MAX_STOP_AFTER_MINUTES;
  if (stopAfterMinutes !== undefined && !isSpan) return `"stopAfterMinutes" must be a number of minutes, at most ${String(MAX_STOP_AFTER_MINUTES)}.`;
  return { ...(onDemand ? { isOnDemand: true } : {}), ...(isSpan ? { stopAfterMinutes } : {}) };
}

/** A week; more than setTimeout(3) of any system counts to would stop at once. */
export const MAX_STOP_AFTER_MINUTES = 7 * 24 * 60;

function readSpec(forward: string, target: string | undefined): ForwardSpec | string {
  const parsed = parseForward(forward, { sshHosts: new Set() });
  if (!parsed.isValid) return `"forward": ${parsed.problem.message}`;
  const [first] = parsed.readings;
  if (first.kind === 'forwards' || (first.kind === 'needs-target' && first.rules.length > 1)) return '"forward": This command means several forwards: write an entry for each.';
  // Here nobody sees a preview that names it.
  if (parsed.notTakenOver.length > 0) return `"forward": ${parsed.notTakenOver.join(', ')} cannot be taken over from a command: put it into ~/.ssh/config for this server.`;
  if (target === undefined) return first.kind === 'forward' ? first.spec : withoutServer(first.rules[0]);
  const destination = parseDestination(target);
  if (!destination.isValid) return `"target": ${destination.problem.message}`;
  if (first.kind === 'forward' && isThroughSsh(first.spec)) return 'The server is named twice: in "forward" and in "target".';
  return throughServer(forward, destination.destination);
}

function withoutServer(rule: SshRule): string {
  const isItself = rule.kind === 'local' && connectsToItself(rule.listen, rule.connect);
  return `${isItself ? 'This forward would connect to itself' : 'The SSH server is missing'}: add "target" with the SSH server.`;
}

/** What the text means once its server is known: not everything that a relay does goes through one. */
function throughServer(forward: string, target: SshDestination): ForwardSpec | string {
  const parsed = parseForward(forward, { sshHosts: new Set(), target });
  if (!parsed.isValid) return `"forward": ${parsed.problem.message}`;
  const [first] = parsed.readings;
  return first.kind === 'forward' ? first.spec : 'This is no forward through "target".';
}

function idOf(raw: unknown): string | undefined {
  const { id } = raw as { id?: unknown };
  return typeof id === 'string' ? id : undefined;
}

/** A hand-written entry without an id is known by what it forwards, whatever its name and its other fields become. */
function derivedId(raw: unknown): string {
  let hash = 0x811c9dc5;
  const { forward, target } = raw as { forward?: unknown; target?: unknown };
  for (const character of JSON.stringify([forward, target])) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  return `settings-${hash.toString(16)}`;
}

function uniqueId(id: string, taken: Set<string>): string {
  let unique = id;
  for (let copy = 2; taken.has(unique); copy += 1) unique = `${id}-${String(copy)}`;
  taken.add(unique);
  return unique;
}

function labelOf(raw: unknown, index: number): string {
  if (typeof raw === 'object' && raw !== null) {
    const { name, forward } = raw as Record<string, unknown>;
    for (const text of [name, forward]) if (typeof text === 'string' && text.trim() !== '') return untrustedText(text, 60);
  }
  return `entry ${String(index + 1)}`;
}
