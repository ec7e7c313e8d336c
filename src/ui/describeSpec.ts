import { bracketed, formatHostPort, isLoopback, isWildcard, LOOPBACK_HOST, type HostPort } from '../core/address.ts';
import { isProxy, listensOnServer, type ForwardKind, type ForwardSpec, type SshRule } from '../core/forwardSpec.ts';
import { formatDestination } from '../core/forwardText.ts';

/** A forward, or a rule whose server is still to be chosen. */
type Described = ForwardSpec | SshRule;

/** Where a proxy leads, as the second pole. */
const ANYWHERE = 'any host (SOCKS)';

/** A codicon for each kind, for rows that show no state. */
export const KIND_ICONS: Readonly<Record<ForwardKind, string>> = {
  local: 'lock', remote: 'reply', dynamic: 'globe', 'remote-dynamic': 'broadcast', relay: 'arrow-swap',
};

/** Both poles as short as they stay true: the port alone where it is on this computer's loopback; `port` is what was got. */
export function formatShortPoles(spec: ForwardSpec, port: number): string {
  const shown = port === 0 ? 'any free port' : String(port);
  return `${shortListen(spec, shown)} → ${isProxy(spec) ? ANYWHERE : formatHostPort(spec.connect)}`;
}

function shortListen(spec: ForwardSpec, port: string): string {
  const { host } = spec.listen;
  if (!listensOnServer(spec)) return host === LOOPBACK_HOST ? port : `${bracketed(host)}:${port}`;
  const server = bracketed(spec.target.host);
  return host === LOOPBACK_HOST ? `${server}:${port}` : `${server} ${bracketed(host)}:${port}`;
}

/** What will happen, in plain words. */
export function describeSpec(spec: Described): string {
  return `${describePoles(spec)}${isProxy(spec) ? '; ' : ' '}${describeWay(spec)}`;
}

/** The first half of it: what connects where. */
export function describePoles(spec: Described): string {
  switch (spec.kind) {
    case 'local':
    case 'relay':
      return `Listen on ${describeAddress(spec.listen)}, connect to ${formatHostPort(spec.connect)}`;
    case 'remote':
      return `${atSentenceStart(spec)} listens on ${describeOwn(spec.listen)}, connects to ${formatHostPort(spec.connect)}`;
    case 'dynamic':
      return `SOCKS and HTTP proxy on ${describeAddress(spec.listen)}`;
    case 'remote-dynamic':
      return `${atSentenceStart(spec)} gets a SOCKS and HTTP proxy on ${describeOwn(spec.listen)}`;
  }
}

/** The second half of it: on which way. */
export function describeWay(spec: Described): string {
  switch (spec.kind) {
    case 'relay':
      return 'from this computer, not encrypted (local relay)';
    case 'local':
      return `as seen from ${serverName(spec)}, encrypted (SSH)`;
    case 'remote':
      return 'from this computer, encrypted (SSH)';
    case 'dynamic':
      return `names are looked up at ${serverName(spec)}, encrypted (SSH)`;
    case 'remote-dynamic':
      return 'its programs go out from this computer, encrypted (SSH)';
  }
}

/** What the preview warns of: who else may connect, and ports that the server keeps for administrators. */
export function warningOf(spec: Described): string | undefined {
  const server = serverName(spec);
  if (listensOnServer(spec)) {
    // ssh(1) on -R: privileged ports need a login as root there.
    if (spec.listen.port > 0 && spec.listen.port < FIRST_UNPRIVILEGED) return `Ports below ${String(FIRST_UNPRIVILEGED)} there need a login as root.`;
    return isWide(spec) ? `You are asked first: other machines can connect if GatewayPorts in the sshd_config of ${server} lets them, else only ${server} itself.` : undefined;
  }
  return isWide(spec) ? 'You are asked first: other machines can connect.' : undefined;
}

const FIRST_UNPRIVILEGED = 1024;

/** True when other machines can connect to it, or could if the server allows it. */
export function isWide(spec: Pick<Described, 'listen'>): boolean {
  return !isLoopback(spec.listen.host);
}

/** In a few words for the row, who else can connect; empty for a forward that only its own machine reaches. */
export function describeReach(spec: ForwardSpec): string {
  if (!isWide(spec)) return '';
  return listensOnServer(spec) ? 'reachable from other machines if GatewayPorts allows' : 'reachable from other machines';
}

/** The forward's poles as a screen reader says them; `port` is what was got. */
export function speakSpec(spec: ForwardSpec, port: number): string {
  const listen = port === 0 ? 'the next free port' : `port ${String(port)}`;
  switch (spec.kind) {
    case 'relay':
      return `${listen} to ${formatHostPort(spec.connect)} local relay`;
    case 'local':
      return `${listen} to ${formatHostPort(spec.connect)} through ${formatDestination(spec.target)}`;
    case 'remote':
      return `${listen} of ${formatDestination(spec.target)} to ${formatHostPort(spec.connect)} of this computer`;
    case 'dynamic':
      return `proxy on ${listen} through ${formatDestination(spec.target)}`;
    case 'remote-dynamic':
      return `proxy on ${listen} of ${formatDestination(spec.target)} through this computer`;
  }
}

/** What a forward listens on, and where that is when it is not this computer. */
export function describeBound(spec: ForwardSpec, addresses: readonly HostPort[]): string {
  const listed = addresses.map(formatHostPort).join(' and ');
  return listensOnServer(spec) ? `${listed} of ${formatDestination(spec.target)}` : listed;
}

function describeAddress({ host, port }: HostPort): string {
  const address = host === LOOPBACK_HOST ? '127.0.0.1' : host;
  return port === 0 ? `the next free port of ${address}` : formatHostPort({ host: address, port });
}

/** An address of the server, after its name. */
function describeOwn({ host, port }: HostPort): string {
  if (isWildcard(host)) return `${port === 0 ? 'a free port' : `port ${String(port)}`} of all its addresses`;
  if (port === 0) return `a free port of its own ${host === LOOPBACK_HOST ? '127.0.0.1' : host}`;
  return `its own ${describeAddress({ host, port })}`;
}

const ANY_SERVER = 'an SSH server';

function serverName(spec: Described): string {
  return 'target' in spec ? formatDestination(spec.target) : ANY_SERVER;
}

function atSentenceStart(spec: Described): string {
  return 'target' in spec ? serverName(spec) : 'An SSH server';
}
