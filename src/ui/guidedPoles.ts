import { isSocketPath, LOOPBACK_HOST, MAX_PORT, type Endpoint } from '../core/address.ts';
import { parseForward } from '../core/forwardParser.ts';
import { isProxy, portCountOf, type ForwardKind } from '../core/forwardSpec.ts';
import { connectsToItself } from '../core/forwardText.ts';
import { fallbacksOf } from './describeSpec.ts';

/** Where a guided forward leads. */
export interface GuidedDestination {
  readonly connect: Endpoint;
  /** For a range: `connect` is its first port. */
  readonly portCount?: number;
  /** Tried in order after `connect`. */
  readonly fallbacks?: readonly Endpoint[];
}

/** What a kind of forward can lead to, in words. */
export function describeChoices(guide: ForwardKind): string {
  if (guide === 'udp') return 'a port, or host:port';
  const choices = 'a port, host:port, a range of ports (8000-8010), or the path of a socket';
  return guide === 'relay' ? `${choices}; several, separated by commas, are tried in order` : choices;
}

/** Reads what was typed for a destination as the notation of that kind of forward does; a string is the problem with it. */
export function readDestination(guide: ForwardKind, text: string): GuidedDestination | string {
  const isOfOne = text.split(',').every(isOneDestination);
  const parsed = parseForward(inNotation(guide, text), { sshHosts: new Set() });
  if (!parsed.isValid) return parsed.problem.message;
  const [reading] = parsed.readings;
  const rule = reading.kind === 'forward' ? reading.spec : reading.kind === 'needs-target' ? reading.rules[0] : undefined;
  if (!isOfOne || rule === undefined || isProxy(rule)) return `Write ${describeChoices(guide)}.`;
  const portCount = portCountOf(rule);
  const fallbacks = fallbacksOf(rule);
  return { connect: rule.connect, ...(portCount === 1 ? {} : { portCount }), ...(fallbacks.length === 0 ? {} : { fallbacks }) };
}

/** No field before the host: that would be a port to listen on, which is asked for next. */
function isOneDestination(text: string): boolean {
  const fields = text.replace(/\[[^\]]*\]/g, '').split(':');
  return !/\s/.test(text) && (fields.length < 2 || (fields.length === 2 && !/^[\d-]+$/.test(fields[0] ?? '')));
}

/** Any port to listen on stands for the one that is asked for next; a range has to be as long as that of the destination. */
function inNotation(guide: ForwardKind, text: string): string {
  const range = text.includes('/') ? undefined : /(?:^|:)(\d+-\d+)$/.exec(text)?.[1];
  const rule = `${range ?? '1'}:${/^[\d-]+$/.test(text) ? `${LOOPBACK_HOST}:` : ''}${text}`;
  if (guide === 'local') return `-L ${rule} ${ANY_SERVER}`;
  if (guide === 'remote') return `-R ${rule} ${ANY_SERVER}`;
  return guide === 'udp' ? `udp:${rule}` : rule;
}

const ANY_SERVER = 'server';

/** The port to listen on that goes with a destination: the same; of a socket, the number at the end of its name (`.s.PGSQL.5432`). */
export function naturalPort({ connect }: GuidedDestination): number {
  if (!isSocketPath(connect)) return connect.port;
  const port = Number(/\.(\d+)$/.exec(connect.path)?.[1] ?? 0);
  return port > 0 && port <= MAX_PORT ? port : PORT_FOR_SOCKET;
}

const PORT_FOR_SOCKET = 8080;

/** True when a relay that listens there would connect to itself; of a range, each port or none does. */
export function leadsToItself(listen: Endpoint, { connect, fallbacks = [] }: GuidedDestination): boolean {
  return [connect, ...fallbacks].some((endpoint) => connectsToItself(listen, endpoint));
}

/** The problem with what was typed for a port to listen on, the first of `portCount`. */
export function problemOfPort(text: string, portCount = 1): string | undefined {
  const typed = text.trim();
  if (!/^\d+$/.test(typed)) return `A port is a number from 1 to ${String(MAX_PORT)}.`;
  if (Number(typed) > MAX_PORT) return `Port ${typed} is above ${String(MAX_PORT)}.`;
  if (portCount === 1) return undefined;
  if (Number(typed) === 0) return 'A range needs a first port.';
  return Number(typed) + portCount - 1 > MAX_PORT ? `${String(portCount)} ports from ${typed} on would end above ${String(MAX_PORT)}.` : undefined;
}

/** What comes before a path to make a forward of it, for the kinds that may listen on a socket. */
const BEFORE_PATH: Partial<Record<ForwardKind, string>> = { local: '-L ', remote: '-R ', relay: '' };

/** Whether a kind of forward can have a path in place of so many ports. */
export function mayListenOnSocket(guide: ForwardKind, portCount: number | undefined): boolean {
  return BEFORE_PATH[guide] !== undefined && (portCount ?? 1) === 1;
}

/** Where to listen, as it was typed: a port of the loopback, or the path of a socket; or why it is neither. */
export function readListen(guide: ForwardKind, text: string, portCount: number | undefined): Endpoint | string {
  if (!mayListenOnSocket(guide, portCount) || !/[/\\]/.test(text)) return problemOfPort(text, portCount) ?? { host: LOOPBACK_HOST, port: Number(text) };
  const parsed = parseForward(`${BEFORE_PATH[guide] ?? ''}${text}:localhost:1${guide === 'relay' ? '' : ' server'}`, { sshHosts: new Set() });
  if (!parsed.isValid) return parsed.problem.message;
  const [reading] = parsed.readings;
  return reading.kind === 'forward' ? reading.spec.listen : 'Write a port, or the path of a socket.';
}
