import { formatHostPort, isLoopback, isSocketPath, isWildcard, LOOPBACK_HOST, type Endpoint, type HostPort } from '../core/address.ts';
import { isProxy, listensOnServer, portCountOf, type ForwardKind, type ForwardSpec, type RelaySpec, type SshRule } from '../core/forwardSpec.ts';
import { formatDestination } from '../core/forwardText.ts';
import { formatEndpoints, formatPorts } from '../core/portRange.ts';
import { distinctHosts } from './listenPorts.ts';

/** A forward, or a rule whose server is still to be chosen. */
type Described = ForwardSpec | SshRule;

/** A codicon for each kind, for rows that show no state. */
export const KIND_ICONS: Readonly<Record<ForwardKind, string>> = {
  local: 'lock', remote: 'reply', dynamic: 'globe', 'remote-dynamic': 'broadcast', relay: 'arrow-swap', udp: 'package',
};

/** What will happen, in plain words. */
export function describeSpec(spec: Described): string {
  const joint = isProxy(spec) ? ';' : spec.kind === 'udp' ? ',' : '';
  return `${describePoles(spec)}${joint} ${describeWay(spec)}`;
}

/** The first half of it: what connects where. */
export function describePoles(spec: Described): string {
  switch (spec.kind) {
    case 'local':
    case 'relay':
      return `Listen on ${describeListen(spec)}, ${describeConnect(spec)}`;
    case 'udp':
      return `Relay datagrams (UDP) from ${describeListen(spec)} to ${formatHostPort(spec.connect)}`;
    case 'remote':
      return `${atSentenceStart(spec)} listens on ${describeOwn(spec)}, ${describeConnect(spec)}`;
    case 'dynamic':
      return `SOCKS and HTTP proxy on ${describeListen(spec)}`;
    case 'remote-dynamic':
      return `${atSentenceStart(spec)} gets a SOCKS and HTTP proxy on ${describeOwn(spec)}`;
  }
}

/** The second half of it: on which way. */
export function describeWay(spec: Described): string {
  switch (spec.kind) {
    case 'relay':
      return `from this computer, ${spec.sendsProxyHeader === true ? 'saying in a PROXY header who connected, ' : ''}not encrypted (local relay)`;
    case 'udp':
      return 'not encrypted';
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
    if (!isSocketPath(spec.listen) && spec.listen.port > 0 && spec.listen.port < FIRST_UNPRIVILEGED) return `Ports below ${String(FIRST_UNPRIVILEGED)} there need a login as root.`;
    return isWide(spec) ? `You are asked first: other machines can connect if GatewayPorts in the sshd_config of ${server} lets them, else only ${server} itself.` : undefined;
  }
  if (!isWide(spec)) return undefined;
  return spec.kind === 'udp' ? 'You are asked first: other machines can send to it.' : 'You are asked first: other machines can connect.';
}

const FIRST_UNPRIVILEGED = 1024;

/** True when other machines can connect to it, or could if the server allows it. A socket is its owner's alone. */
export function isWide({ listen }: { readonly listen: Endpoint }): boolean {
  return !isSocketPath(listen) && !isLoopback(listen.host);
}

/** In a few words for the row, who else can connect; empty for a forward that only its own machine reaches. */
export function describeReach(spec: ForwardSpec): string {
  if (!isWide(spec)) return '';
  return listensOnServer(spec) ? 'reachable from other machines if GatewayPorts allows' : 'reachable from other machines';
}

/** The forward's poles as a screen reader says them; `listen` is what was got. */
export function speakSpec(spec: ForwardSpec, listen: Endpoint): string {
  const own = speakListen(spec, listen);
  switch (spec.kind) {
    case 'relay':
      return `${own} to ${formatDestinations(spec)} local relay${spec.sendsProxyHeader === true ? ' with a PROXY header' : ''}`;
    case 'udp':
      return `UDP ${own} to ${formatHostPort(spec.connect)} datagram relay`;
    case 'local':
      return `${own} to ${formatDestinations(spec)} through ${formatDestination(spec.target)}`;
    case 'remote':
      return `${own} of ${formatDestination(spec.target)} to ${formatDestinations(spec)} of this computer`;
    case 'dynamic':
      return `proxy on ${own} through ${formatDestination(spec.target)}`;
    case 'remote-dynamic':
      return `proxy on ${own} of ${formatDestination(spec.target)} through this computer`;
  }
}

function speakListen(spec: ForwardSpec, listen: Endpoint): string {
  if (isSocketPath(listen)) return socketName(listen.path);
  if (listen.port === 0) return 'the next free port';
  const portCount = portCountOf(spec);
  return portCount === 1 ? `port ${String(listen.port)}` : `ports ${String(listen.port)} to ${String(listen.port + portCount - 1)}`;
}

/** What a forward listens on, and where that is when it is not this computer. */
export function describeBound(spec: ForwardSpec, addresses: readonly Endpoint[]): string {
  const portCount = portCountOf(spec);
  const listed = distinctHosts(addresses).map((address) => formatEndpoints(address, portCount)).join(' and ');
  return listensOnServer(spec) ? `${listed} of ${formatDestination(spec.target)}` : listed;
}

/** Every destination of a forward in the order in which they are tried. */
export function formatDestinations(spec: { readonly connect: Endpoint; readonly portCount?: number } | RelaySpec): string {
  return [formatEndpoints(spec.connect, spec.portCount ?? 1), ...fallbacksOf(spec).map((endpoint) => `else ${formatEndpoints(endpoint, 1)}`)].join(', ');
}

/** The destinations after the first. */
export function fallbacksOf(spec: object | RelaySpec): readonly Endpoint[] {
  return 'fallbacks' in spec ? spec.fallbacks ?? [] : [];
}

/** What a path is called: Windows has named pipes in place of sockets. */
export function socketName(path: string): string {
  return path.startsWith('\\\\') ? `named pipe ${path}` : `socket ${path}`;
}

function describeListen(spec: Described): string {
  return isSocketPath(spec.listen) ? `the ${socketName(spec.listen.path)}` : describeAddress(spec.listen, portCountOf(spec));
}

function describeConnect(spec: Extract<Described, { readonly connect: Endpoint }>): string {
  const verb = spec.kind === 'remote' ? 'connects' : 'connect';
  const portCount = portCountOf(spec);
  if (portCount > 1) return `${verb} port by port to ${formatEndpoints(spec.connect, portCount)}`;
  return `${verb} to ${[spec.connect, ...fallbacksOf(spec)].map(describeDestination).join(', else to ')}`;
}

function describeDestination(endpoint: Endpoint): string {
  return isSocketPath(endpoint) ? `the ${socketName(endpoint.path)}` : formatHostPort(endpoint);
}

function describeAddress({ host, port }: HostPort, portCount = 1): string {
  const address = host === LOOPBACK_HOST ? '127.0.0.1' : host;
  return port === 0 ? `the next free port of ${address}` : formatEndpoints({ host: address, port }, portCount);
}

/** An address of the server, after its name. */
function describeOwn(spec: Extract<Described, { readonly kind: 'remote' | 'remote-dynamic' }>): string {
  const { listen } = spec;
  if (isSocketPath(listen)) return `its own ${socketName(listen.path)}`;
  const { host, port } = listen;
  const portCount = portCountOf(spec);
  if (isWildcard(host)) return `${port === 0 ? 'a free port' : `port${portCount === 1 ? '' : 's'} ${formatPorts(port, portCount)}`} of all its addresses`;
  if (port === 0) return `a free port of its own ${host === LOOPBACK_HOST ? '127.0.0.1' : host}`;
  return `its own ${describeAddress(listen, portCount)}`;
}

const ANY_SERVER = 'an SSH server';

function serverName(spec: Described): string {
  return 'target' in spec ? formatDestination(spec.target) : ANY_SERVER;
}

function atSentenceStart(spec: Described): string {
  return 'target' in spec ? serverName(spec) : 'An SSH server';
}
