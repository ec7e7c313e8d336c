import { bracketed, dialableHost, formatHostPort, isLoopback, isWildcard, LOOPBACK_HOST, type HostPort } from '../core/address.ts';
import { isReadOnly, NO_TRAFFIC, type CloseReason, type Connection, type Forward } from '../core/forward.ts';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf, type ForwardState, type Progress, type StartStep } from '../core/forwardState.ts';
import { formatDestination } from '../core/forwardText.ts';
import { formatBytes, formatCount, formatDuration } from './format.ts';
import { explain } from './messages.ts';

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

/** Both poles as short as they stay true: the port alone where the address is the loopback. */
export function formatPoles({ definition, state }: Named): string {
  const { listen, connect } = definition.spec;
  const port = boundOf(state)?.addresses[0]?.port ?? listen.port;
  const shown = port === 0 ? 'any free port' : String(port);
  return `${listen.host === LOOPBACK_HOST ? shown : `${bracketed(listen.host)}:${shown}`} → ${formatHostPort(connect)}`;
}

/** Where the far end is, as a heading: the SSH server, or this computer. */
export function serverOf(spec: ForwardSpec): string {
  return spec.kind === 'relay' ? 'This computer' : formatDestination(spec.target);
}

/** What will happen, in plain words: the preview under the Forward Port box. */
export function describeSpec(spec: ForwardSpec): string {
  return `${describePoles(spec)} ${describeWay(spec)}`;
}

/** The first half of it: what connects where. */
export function describePoles({ listen, connect }: Pick<ForwardSpec, 'listen' | 'connect'>): string {
  return `${describeListen(listen)}, connect to ${formatHostPort(connect)}`;
}

/** The second half of it: on which way. */
export function describeWay(spec: ForwardSpec): string {
  return spec.kind === 'relay' ? 'from this computer, not encrypted (local relay)' : `as seen from ${formatDestination(spec.target)}, encrypted (SSH)`;
}

function describeListen({ host, port }: HostPort): string {
  const address = host === LOOPBACK_HOST ? '127.0.0.1' : host;
  return port === 0 ? `Listen on the next free port of ${address}` : `Listen on ${formatHostPort({ host: address, port })}`;
}

/** The address that a program on this machine dials, once the forward is bound. */
export function localAddress(forward: Forward): string {
  return formatHostPort(localEnd(forward));
}

/** As `localAddress`, in its parts. A name would also lead to the loopback that another program may hold. */
export function localEnd({ definition: { spec: { listen } }, state }: Named): HostPort {
  const bound = boundOf(state);
  const [first = listen] = bound?.addresses ?? [];
  const isNameSafe = bound?.missing === undefined || bound.missing.failure.code === 'address-not-available';
  if (isNameSafe) return { host: dialableHost(listen.host), port: first.port };
  const loopback = first.host.includes(':') ? '::1' : '127.0.0.1';
  return { host: isWildcard(first.host) ? loopback : first.host, port: first.port };
}

/** The row of a forward; `isGrouped` when its server stands above it. */
export function presentForward(forward: Forward, now: number, isGrouped: boolean): Row {
  const { definition, state } = forward;
  const { spec } = definition;
  const via = isGrouped || spec.kind === 'relay' ? '' : `via ${formatDestination(spec.target)}`;
  const poles = definition.name === '' ? '' : formatPoles(forward);
  const status = describeState(forward, now);
  return {
    label: titleOf(forward),
    description: inOrder(state, status, [poles, via, isWide(spec) ? 'reachable from other machines' : '']),
    icon: iconOf(state),
    spoken: `${titleOf(forward)}, ${spokenSpec(forward)}${isReadOnly(definition) ? ', from ssh_config' : ''}${isWide(spec) ? ', reachable from other machines' : ''}, ${status}`,
  };
}

/** A narrow sidebar cuts the end off: what is wrong comes first, what is well comes last. */
function inOrder(state: ForwardState, status: string, rest: readonly string[]): string {
  const isTrouble = state.phase === 'failed' || state.phase === 'retrying' || (state.phase === 'listening' && state.complaint !== undefined);
  return (isTrouble ? [status, ...rest] : [...rest, status]).filter((part) => part !== '').join('  ·  ');
}

/** True when other machines can connect to it. */
export function isWide(spec: ForwardSpec): boolean {
  return !isLoopback(spec.listen.host);
}

/** The state in a few words, with its age or its cause where that helps. */
export function describeState({ state, traffic }: Pick<Forward, 'state' | 'traffic'>, now: number): string {
  switch (state.phase) {
    case 'stopped':
      return 'stopped';
    case 'starting':
      return describeProgress(state.progress);
    case 'listening':
      if (state.complaint !== undefined) return `listening, ${explain(state.complaint.failure).summary} (${ago(now - state.complaint.at)})`;
      return traffic.openConnections === 0 ? 'listening' : formatCount(traffic.openConnections, 'connection');
    case 'retrying':
      return `retrying in ${formatDuration(state.retryAt - now)}, ${explain(state.failure).summary}`;
    case 'stopping':
      return 'stopping';
    case 'failed':
      return explain(state.failure).summary;
  }
}

/** As `describeState`, without times and counts: for what is not drawn again as they go on. */
function describeSteadily({ state }: Named): string {
  if (state.phase === 'retrying') return `retrying, ${explain(state.failure).summary}`;
  if (state.phase === 'listening') return state.complaint === undefined ? 'listening' : `listening, ${explain(state.complaint.failure).summary}`;
  return state.phase === 'starting' ? 'starting' : describeState({ state, traffic: NO_TRAFFIC }, 0);
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

const AGE_STEP_MS = 10_000;

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
    case 'listening':
      return state.complaint === undefined ? { id: 'pass-filled', color: 'charts.green' } : { id: 'warning', color: 'charts.yellow' };
    case 'retrying':
      return { id: 'sync', color: 'charts.yellow' };
    case 'failed':
      return isElsewhere(state) ? { id: 'multiple-windows' } : { id: 'error', color: 'charts.red' };
  }
}

/** Its port is served, by another window of the editor: nothing is wrong. */
function isElsewhere(state: ForwardState): boolean {
  return state.phase === 'failed' && state.failure.code === 'running-elsewhere';
}

function spokenSpec({ definition: { spec }, state }: Named): string {
  const port = boundOf(state)?.addresses[0]?.port ?? spec.listen.port;
  const connect = `to ${formatHostPort(spec.connect)}`;
  const from = spec.kind === 'relay' ? 'local relay' : `through ${formatDestination(spec.target)}`;
  return `${port === 0 ? 'the next free port' : `port ${String(port)}`} ${connect} ${from}`;
}

/** The rows under a forward that name what it listens on, or what it had to do without. */
export function presentAddresses({ state }: Forward): Row[] {
  const bound = boundOf(state);
  if (bound === undefined) return [];
  const addresses = bound.addresses.map(formatHostPort).join('  ');
  const missing = bound.missing === undefined ? '' : `without ${formatHostPort(bound.missing.address)}: ${explain(bound.missing.failure).summary}`;
  return [{
    label: 'LISTEN',
    description: missing === '' ? addresses : `${addresses}  ·  ${missing}`,
    icon: missing === '' ? { id: 'radio-tower' } : { id: 'warning', color: 'charts.yellow' },
    spoken: `Listening on ${addresses}${missing === '' ? '' : `, ${missing}`}`,
  }];
}

const CLOSE_REASONS: Readonly<Record<CloseReason, string>> = {
  'client-ended': 'closed by the client',
  'destination-ended': 'closed by the destination',
  'client-reset': 'reset by the client',
  'destination-reset': 'reset by the destination',
  'destination-refused': 'the destination refused',
  'destination-unreachable': 'the destination could not be reached',
  'forwarding-prohibited': 'the server forbids it',
  'tunnel-lost': 'the SSH connection was lost',
  'not-served': 'the tunnel did not come back in time',
  stopped: 'stopped',
};

/** A program of this computer, as the system names it. */
export interface ConnectedProgram {
  readonly program: string;
  readonly pid: number;
}

/** One connection as netstat would show it, the origin's port alone where it is this computer; `by` is who opened it. */
export function presentConnection(connection: Connection, now: number, by?: ConnectedProgram): Row {
  const origin = formatHostPort(connection.origin);
  const short = isLoopback(connection.origin.host) ? `:${String(connection.origin.port)}` : origin;
  const bytes = `↑ ${formatBytes(connection.bytesUp)}  ↓ ${formatBytes(connection.bytesDown)}`;
  const { state, icon, age } = presentPhase(connection, now);
  const showsBytes = connection.phase === 'established' || connection.bytesUp + connection.bytesDown > 0;
  const spokenBytes = showsBytes ? `, ${formatBytes(connection.bytesUp)} sent, ${formatBytes(connection.bytesDown)} received` : '';
  return {
    label: state,
    description: [by === undefined ? short : `${short} ${by.program}`, ...(showsBytes ? [bytes] : []), age].join('  '),
    icon,
    spoken: `${capitalised(state)} connection from ${origin}${by === undefined ? '' : ` (${by.program}, pid ${String(by.pid)})`}, ${age}${spokenBytes}`,
  };
}

function capitalised(text: string): string {
  return text.charAt(0) + text.slice(1).toLowerCase();
}

function presentPhase(connection: Connection, now: number): { state: string; icon: Icon; age: string } {
  const age = steadyAge(now - connection.openedAt);
  switch (connection.phase) {
    case 'parked':
      return { state: 'PARKED', icon: { id: 'watch', color: 'charts.yellow' }, age: `waiting for the tunnel, ${age}` };
    case 'dialing':
      return { state: 'CONNECTING', icon: { id: 'loading~spin' }, age };
    case 'established':
      return { state: 'ESTABLISHED', icon: { id: 'arrow-swap', color: 'charts.green' }, age };
    case 'closed': {
      const reason = CLOSE_REASONS[connection.closeReason ?? 'stopped'];
      return { state: 'CLOSED', icon: { id: 'circle-slash' }, age: `${reason}, ${ago(now - (connection.closedAt ?? now))}` };
    }
  }
}

/** The heading of the forwards that ssh_config offers: folded away, it still tells what is going on under it. */
export function presentConfigGroup(forwards: readonly Forward[]): Row {
  const count = (phase: ForwardState['phase'], word: string): string => {
    const number = forwards.filter(({ state }) => state.phase === phase).length;
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

export function presentStatus(all: readonly Forward[]): StatusSummary | undefined {
  // What ssh_config merely offers is nothing that the user has to do with yet.
  const forwards = all.filter(({ definition, state }) => !isReadOnly(definition) || state.phase !== 'stopped');
  if (forwards.length === 0) return undefined;
  const count = (...phases: ForwardState['phase'][]): number => forwards.filter(({ state }) => phases.includes(state.phase)).length;
  const listening = count('listening');
  const failed = forwards.filter(({ state }) => state.phase === 'failed' && !isElsewhere(state)).length;
  const busy = count('starting', 'retrying', 'stopping');
  const wanted = listening + failed + busy;
  const lines = forwards.map((forward) => `${titleOf(forward)}: ${describeSteadily(forward)}`);
  const spoken = `Culvert: ${formatCount(listening, 'forward')} listening${busy === 0 ? '' : `, ${String(busy)} on the way`}${failed === 0 ? '' : `, ${String(failed)} failed`}`;
  const ratio = listening === wanted ? String(listening) : `${String(listening)}/${String(wanted)}`;
  if (failed > 0) return { text: `$(warning) ${ratio}`, spoken, isWarning: true, lines };
  return { text: `${busy > 0 ? '$(sync~spin)' : '$(plug)'} ${ratio}`, spoken, isWarning: false, lines };
}
