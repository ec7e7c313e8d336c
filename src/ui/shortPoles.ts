import { bracketed, isSocketPath, LOOPBACK_HOST, type Endpoint } from '../core/address.ts';
import { isProxy, listensOnServer, portCountOf, type ForwardSpec } from '../core/forwardSpec.ts';
import { formatEndpoints, formatPorts } from '../core/portRange.ts';
import { fallbacksOf } from './describeSpec.ts';

/** Where a proxy leads, as the second pole. */
const ANYWHERE = 'any host (SOCKS)';

/** Destinations after the first that a row names; the others are counted. */
const MAX_FALLBACKS = 2;

/** Longer paths are cut. */
const MAX_PATH_LENGTH = 24;

/** Both poles as short as they stay true: the port alone where it is on this computer's loopback; `listen` is what was got. */
export function formatShortPoles(spec: ForwardSpec, listen: Endpoint): string {
  const datagrams = spec.kind === 'udp' ? 'UDP ' : '';
  return `${datagrams}${shortListen(spec, listen)} → ${shortConnect(spec)}`;
}

function shortListen(spec: ForwardSpec, listen: Endpoint): string {
  const server = listensOnServer(spec) ? bracketed(spec.target.host) : undefined;
  if (isSocketPath(listen)) return server === undefined ? shortPath(listen.path) : `${server}:${shortPath(listen.path)}`;
  const { host, port } = listen;
  const ports = port === 0 ? 'any free port' : formatPorts(port, portCountOf(spec));
  if (server === undefined) return host === LOOPBACK_HOST ? ports : `${bracketed(host)}:${ports}`;
  return host === LOOPBACK_HOST ? `${server}:${ports}` : `${server} ${bracketed(host)}:${ports}`;
}

function shortConnect(spec: ForwardSpec): string {
  if (isProxy(spec)) return ANYWHERE;
  const fallbacks = fallbacksOf(spec);
  const named = fallbacks.slice(0, MAX_FALLBACKS).map((endpoint) => `, else ${shortEndpoints(endpoint, 1)}`).join('');
  const more = fallbacks.length > MAX_FALLBACKS ? ` and ${String(fallbacks.length - MAX_FALLBACKS)} more` : '';
  const header = spec.kind === 'relay' && spec.sendsProxyHeader === true ? ' (PROXY header)' : '';
  return `${shortEndpoints(spec.connect, portCountOf(spec))}${named}${more}${header}`;
}

function shortEndpoints(endpoint: Endpoint, portCount: number): string {
  return isSocketPath(endpoint) ? shortPath(endpoint.path) : formatEndpoints(endpoint, portCount);
}

/** Of a path that would fill the row, what tells it from others: its end. */
function shortPath(path: string): string {
  const end = /[/\\][^/\\]+$/.exec(path)?.[0];
  return path.length <= MAX_PATH_LENGTH || end === undefined ? path : `…${end}`;
}
