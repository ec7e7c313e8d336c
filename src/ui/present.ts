import { bracketed, dialableHost, formatEndpoint, formatHostPort, isLoopback, isSocketPath, isWildcard, LOOPBACK_HOST, type Endpoint, type HostPort } from '../core/address.ts';
import { isReadOnly, NO_TRAFFIC, type CloseReason, type Connection, type Forward, type ForwardDefinition } from '../core/forward.ts';
import type { Failure } from '../core/failure.ts';
import { isProxy, isThroughSsh, listensOnServer, portCountOf, type ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf, failureOf, isDraining, isUsable, whereItRuns, type ForwardState, type Progress, type StartStep } from '../core/forwardState.ts';
import { formatDestination } from '../core/forwardText.ts';
import { formatEndpoints } from '../core/portRange.ts';
import { describeReach, fallbacksOf, speakSpec } from './describeSpec.ts';
import { formatBytes, formatCount, formatDuration, formatOrdinal } from './format.ts';
import { listenOf } from './listenPorts.ts';
import { explain } from './messages.ts';
import { formatShortPoles } from './shortPoles.ts';

/** A codicon and, where it carries meaning, a theme colour; shape and colour always say the same. */
export interface Icon {
  readonly id: string;
  readonly color?: string;
}

/** A row of the tree, ready to show. */
export interface Row {
  readonly label: string;
  readonly description: string;
  readonly icon: Icon;
  /** The row as one sentence, for a screen reader. */
  readonly spoken: string;
}

/** What the user calls the forward, or its poles. */
export function titleOf({ definition, state }: Named): string {
  return definition.name === '' ? formatPoles({ definition, state }) : definition.name;
}

type Named = Pick<Forward, 'definition' | 'state'>;

/** Both poles as short as they stay true, with the port that was got. */
export function formatPoles(forward: Named): string {
  return formatShortPoles(forward.definition.spec, listenOf(forward));
}

/** Where the far end is, as a heading: the SSH server, or this computer. */
export function serverOf(spec: ForwardSpec): string {
  return isThroughSsh(spec) ? formatDestination(spec.target) : 'This computer';
}

/** What a program is given to use the forward, once it is bound: on this machine, or on the server where that listens. */
export function localAddress(forward: Forward): string {
  const { spec } = forward.definition;
  const end = localEnd(forward);
  if (isSocketPath(end)) return end.path;
  // socks5h: whoever is asked to connect also looks the name up (curl's manual page on --proxy).
  return isProxy(spec) ? `socks5h://${formatHostPort(inFigures(end, forward.state))}` : formatEndpoints(end, portCountOf(spec));
}

/** A proxy's address in figures: not every program that takes one tries both loopbacks. */
function inFigures({ host, port }: HostPort, state: ForwardState): HostPort {
  const isOnlyV6 = boundOf(state)?.addresses.every((address) => !isSocketPath(address) && address.host.includes(':')) === true;
  return { host: host === LOOPBACK_HOST ? (isOnlyV6 ? '::1' : '127.0.0.1') : host, port };
}

/** As `localAddress`, in its parts; the first port of a range. A name would also lead to the loopback that another program may hold. */
export function localEnd(forward: Named): Endpoint {
  const { definition: { spec: { listen } }, state } = forward;
  const bound = boundOf(state);
  const [first = listen] = bound?.addresses ?? [];
  if (isSocketPath(first) || isSocketPath(listen)) return first;
  const isNameSafe = bound?.missing === undefined || bound.missing.failure.code === 'address-not-available';
  if (isNameSafe) return { host: dialableHost(listen.host), port: first.port };
  const loopback = first.host.includes(':') ? '::1' : '127.0.0.1';
  return { host: isWildcard(first.host) ? loopback : first.host, port: first.port };
}

/** The row of a forward; `isGrouped` when its server stands above it. */
export function presentForward(forward: Forward, now: number, isGrouped: boolean): Row {
  const { definition, state } = forward;
  const { spec } = definition;
  const via = isGrouped || !isThroughSsh(spec) ? '' : `via ${formatDestination(spec.target)}`;
  const poles = definition.name === '' ? '' : formatPoles(forward);
  const status = describeState(forward, now);
  return {
    label: titleOf(forward),
    description: inOrder(state, status, [poles, via, describeReach(spec), describeLogin(definition)]),
    icon: iconOf(state),
    spoken: [titleOf(forward), speakSpec(spec, listenOf(forward)), isReadOnly(definition) ? 'from ssh_config' : '', describeReach(spec), describeLogin(definition), status].filter((part) => part !== '').join(', '),
  };
}

/** In a few words for the row, what a program needs to use it. */
function describeLogin({ login, spec }: ForwardDefinition): string {
  return login === undefined || !isProxy(spec) ? '' : 'login needed';
}

/** A narrow sidebar cuts the end off: what is wrong or about to end comes first, what is well comes last. */
function inOrder(state: ForwardState, status: string, rest: readonly string[]): string {
  const isNews = state.phase === 'elsewhere' || failureOf(state) !== undefined || isDraining(state);
  return (isNews ? [status, ...rest] : [...rest, status]).filter((part) => part !== '').join('  ·  ');
}

/** The state in a few words, with its age or its cause where that helps. */
export function describeState({ definition, state, traffic }: Forward, now: number): string {
  const { spec } = definition;
  switch (state.phase) {
    case 'stopped':
      return 'stopped';
    case 'starting':
      if (state.outage === undefined) return describeProgress(state.progress);
      return `${describeProgress(state.progress)}${state.attempt > 1 ? `, ${formatOrdinal(state.attempt)} try` : ''}, ${describeOutage(state.outage.failure, now - state.outage.since)}`;
    case 'listening':
      if (state.complaint !== undefined) return `listening, ${explain(state.complaint.failure).summary} (${ago(now - state.complaint.at)})`;
      return traffic.openConnections === 0 ? 'listening' : formatCount(traffic.openConnections, connectionNoun(spec));
    case 'retrying':
      return `retrying in ${formatDuration(state.retryAt - now)}, ${describeOutage(state.failure, now - state.downSince)}`;
    case 'idle':
      return `listening, connects on demand${state.complaint === undefined ? '' : `, ${explain(state.complaint.failure).summary} (${ago(now - state.complaint.at)})`}`;
    case 'stopping':
      return !isDraining(state) || traffic.openConnections === 0 ? 'stopping' : `stopping, ${formatCount(traffic.openConnections, connectionNoun(spec))} left`;
    case 'failed':
      return explain(state.failure).summary;
    case 'elsewhere':
      return `${IN_ANOTHER_WINDOW}${describeState({ definition, state: state.running, traffic }, now)}`;
  }
}

/** Why it is down, and for how long where that is no moment any more. */
function describeOutage(failure: Failure, downMs: number): string {
  const { summary } = explain(failure);
  return downMs < AGE_STEP_MS ? summary : `down for ${steadyAge(downMs)}: ${summary}`;
}

/** Before what that window says of it itself. */
const IN_ANOTHER_WINDOW = 'in another window · ';

/** What passes through a forward, to be counted: datagrams have no connections. */
export function connectionNoun({ kind }: ForwardSpec): string {
  return kind === 'udp' ? 'flow' : 'connection';
}

/** As `describeState`, without times and counts: for what is not drawn again as they go on. */
function describeSteadily({ definition, state }: Named): string {
  if (state.phase === 'retrying') return `retrying, ${explain(state.failure).summary}`;
  if (state.phase === 'elsewhere') return `${IN_ANOTHER_WINDOW}${describeSteadily({ definition, state: state.running })}`;
  if (state.phase === 'listening') return state.complaint === undefined ? 'listening' : `listening, ${explain(state.complaint.failure).summary}`;
  const failure = failureOf(state);
  if (state.phase === 'starting') return failure === undefined ? 'starting' : `starting, ${explain(failure).summary}`;
  if (state.phase === 'idle' && failure !== undefined) return `listening, connects on demand, ${explain(failure).summary}`;
  return describeState({ definition, state, traffic: NO_TRAFFIC }, 0);
}

/**
 * An age in steps of ten seconds at first: drawing a row anew takes the tooltips away from under the pointer, so a row in
 * which only time passes is left alone for a while.
 */
function steadyAge(spanMs: number): string {
  if (spanMs < AGE_STEP_MS) return '< 10 s';
  return formatDuration(Math.floor(spanMs / AGE_STEP_MS) * AGE_STEP_MS);
}

function ago(spanMs: number): string {
  return spanMs < AGE_STEP_MS ? 'just now' : `${steadyAge(spanMs)} ago`;
}

/** Until then an age is that of a moment. */
export const AGE_STEP_MS = 10_000;

const STEPS: Readonly<Record<StartStep, string>> = {
  resolving: 'reading ssh_config',
  connecting: 'connecting',
  handshake: 'SSH handshake',
  'checking-host-key': 'checking the host key',
  'logging-in': 'logging in',
  binding: 'opening the port',
};

/** The step a start has reached, with the server where a chain has several. */
export function describeProgress({ step, host }: Progress): string {
  return host === undefined ? STEPS[step] : `${STEPS[step]} (${host})`;
}

function iconOf(state: ForwardState): Icon {
  switch (state.phase) {
    case 'stopped':
      return { id: 'circle-outline' };
    case 'starting':
    case 'stopping':
      return { id: 'loading~spin' };
    case 'idle':
      return state.complaint === undefined ? { id: 'debug-pause', color: 'charts.green' } : { id: 'warning', color: 'charts.yellow' };
    case 'listening':
      return state.complaint === undefined ? { id: 'pass-filled', color: 'charts.green' } : { id: 'warning', color: 'charts.yellow' };
    case 'retrying':
      return { id: 'sync', color: 'charts.yellow' };
    case 'failed':
      return { id: 'error', color: 'charts.red' };
    case 'elsewhere':
      return { ...iconOf(state.running), id: 'multiple-windows' };
  }
}

const CLOSE_REASONS: Readonly<Record<CloseReason, string>> = {
  'client-ended': 'closed by the client',
  'destination-ended': 'closed by the destination',
  'client-reset': 'reset by the client',
  'destination-reset': 'reset by the destination',
  'destination-refused': 'the destination refused',
  'destination-unreachable': 'the destination could not be reached',
  'forwarding-prohibited': 'the server forbids it',
  'not-understood': 'what it asked for was not understood',
  'login-refused': 'login refused',
  'tunnel-lost': 'the SSH connection was lost',
  'not-served': 'the tunnel did not come back in time',
  'too-many-parked': 'too many wait for the tunnel',
  'not-taken': 'the client was gone, and the destination took no more',
  'too-many-connections': 'too many connections are open',
  'too-much-queued': 'too much waits to be read',
  idle: 'nothing came for a while',
  stopped: 'stopped',
};

/** Where the proxy of a server may go is the user's own rule, in ssh_config. */
function describeClosing(reason: CloseReason, spec: ForwardSpec | undefined): string {
  return reason === 'forwarding-prohibited' && spec?.kind === 'remote-dynamic' ? 'PermitRemoteOpen forbids it' : CLOSE_REASONS[reason];
}

/** A program of this computer, as the system names it. */
export interface ConnectedProgram {
  readonly program: string;
  readonly pid: number;
}

/**
 * One connection as netstat would show it, the origin's port alone where it is this computer; `by` is who opened it. The
 * origin of a forward that listens on its server is as that server sees it.
 */
export function presentConnection(connection: Connection, now: number, by?: ConnectedProgram, spec?: ForwardSpec): Row {
  const bytes = `↑ ${formatBytes(connection.bytesUp)}  ↓ ${formatBytes(connection.bytesDown)}`;
  const { state, icon, age } = presentPhase(connection, now, spec);
  const showsBytes = connection.phase === 'established' || connection.bytesUp + connection.bytesDown > 0;
  const spokenBytes = showsBytes ? `, ${formatBytes(connection.bytesUp)} sent, ${formatBytes(connection.bytesDown)} received` : '';
  const origin = presentOrigin(connection, spec);
  const way = presentWay(connection, spec);
  const spokenBy = by === undefined ? '' : ` (${by.program}, pid ${String(by.pid)})`;
  return {
    label: state,
    description: [`${origin.short}${by === undefined ? '' : ` ${by.program}`}${way.short}`.trim(), ...(showsBytes ? [bytes] : []), age].filter((part) => part !== '').join('  '),
    icon,
    spoken: `${state === FLOW ? 'Flow' : `${capitalised(state)} ${spec === undefined ? 'connection' : connectionNoun(spec)}`} from ${origin.spoken}${spokenBy}${way.spoken}, ${age}${spokenBytes}`,
  };
}

/** The same for the eye and for the ear. */
interface Told {
  readonly short: string;
  readonly spoken: string;
}

/** Who connected. At a socket there is no address to tell it by. */
function presentOrigin({ origin }: Connection, spec: ForwardSpec | undefined): Told {
  const server = spec !== undefined && listensOnServer(spec) ? spec.target.host : undefined;
  if (isSocketPath(origin)) {
    const someone = `a program of ${server ?? 'this computer'}`;
    return { short: '', spoken: someone };
  }
  const whole = formatHostPort(origin);
  if (!isLoopback(origin.host)) return { short: whole, spoken: whole };
  if (server === undefined) return { short: `:${String(origin.port)}`, spoken: whole };
  return { short: `${bracketed(server)}:${String(origin.port)}`, spoken: `${whole} of ${server}` };
}

/** At which port of a range it arrived, or where it goes unless the rows above it say so. */
function presentWay({ accepted, destination }: Connection, spec: ForwardSpec | undefined): Told {
  const isOneOfMany = spec !== undefined && portCountOf(spec) > 1 && !isSocketPath(accepted);
  const at = isOneOfMany ? String(accepted.port) : '';
  const isFirst = spec !== undefined && fallbacksOf(spec).length > 0 && !isProxy(spec) && destination === formatEndpoint(spec.connect);
  const to = destination === undefined || isFirst ? '' : destination;
  return {
    short: at === '' ? (to === '' ? '' : ` → ${to}`) : ` at ${at}`,
    spoken: `${at === '' ? '' : ` at port ${at}`}${to === '' ? '' : ` to ${to}`}`,
  };
}

/** What one origin of a datagram relay sends, and what comes back: there is no connection. */
const FLOW = 'FLOW';

function capitalised(text: string): string {
  return text.charAt(0) + text.slice(1).toLowerCase();
}

function presentPhase(connection: Connection, now: number, spec: ForwardSpec | undefined): { state: string; icon: Icon; age: string } {
  const age = steadyAge(now - connection.openedAt);
  switch (connection.phase) {
    case 'parked':
      return { state: 'PARKED', icon: { id: 'watch', color: 'charts.yellow' }, age: `waiting for the tunnel, ${age}` };
    case 'dialing':
      return { state: 'CONNECTING', icon: { id: 'loading~spin' }, age };
    case 'established':
      return { state: spec?.kind === 'udp' ? FLOW : 'ESTABLISHED', icon: { id: 'arrow-swap', color: 'charts.green' }, age };
    case 'closed': {
      const reason = describeClosing(connection.closeReason ?? 'stopped', spec);
      return { state: 'CLOSED', icon: { id: 'circle-slash' }, age: `${reason}, ${ago(now - (connection.closedAt ?? now))}` };
    }
  }
}

/** The heading of the forwards that ssh_config offers: folded away, it still tells what is going on under it. */
export function presentConfigGroup(forwards: readonly Forward[]): Row {
  const count = (phase: ForwardState['phase'], word: string): string => {
    const number = forwards.filter(({ state }) => whereItRuns(state).phase === phase).length;
    return number === 0 ? '' : `${String(number)} ${word}`;
  };
  const parts = [formatCount(forwards.length, 'forward'), count('listening', 'listening'), count('retrying', 'retrying'), count('failed', 'failed')].filter((part) => part !== '');
  return {
    label: 'From ssh_config',
    description: parts.join('  ·  '),
    icon: { id: 'settings-gear' },
    spoken: `From ssh_config, ${parts.join(', ')}`,
  };
}

/** The status bar's text, tooltip line by line, and how loud it is; undefined while there is nothing to show. */
export interface StatusSummary {
  readonly text: string;
  readonly spoken: string;
  readonly isWarning: boolean;
  readonly lines: readonly string[];
}

/** The text of the status bar; undefined where there is nothing to show. */
export function presentStatus(all: readonly Forward[]): StatusSummary | undefined {
  // What ssh_config merely offers is nothing that the user has to do with yet.
  const forwards = all.filter(({ definition, state }) => !isReadOnly(definition) || (state.phase !== 'stopped' && state.phase !== 'elsewhere'));
  if (forwards.length === 0) return undefined;
  const count = (...phases: ForwardState['phase'][]): number => forwards.filter(({ state }) => phases.includes(whereItRuns(state).phase)).length;
  const listening = forwards.filter(({ state }) => isUsable(state)).length;
  const failed = count('failed');
  const busy = count('starting', 'retrying', 'stopping');
  const wanted = listening + failed + busy;
  const lines = forwards.map((forward) => `${titleOf(forward)}: ${describeSteadily(forward)}`);
  const spoken = `Culvert: ${formatCount(listening, 'forward')} listening${busy === 0 ? '' : `, ${String(busy)} on the way`}${failed === 0 ? '' : `, ${String(failed)} failed`}`;
  const ratio = listening === wanted ? String(listening) : `${String(listening)}/${String(wanted)}`;
  if (failed > 0) return { text: `$(warning) ${ratio}`, spoken, isWarning: true, lines };
  return { text: `${busy > 0 ? '$(sync~spin)' : '$(plug)'} ${ratio}`, spoken, isWarning: false, lines };
}
