import { bracketed, isSocketPath, type Endpoint, type HostPort } from './address.ts';
import type { ForwardSpec } from './forwardSpec.ts';
import { bindAddresses, shellQuoted } from './forwardText.ts';
import { ipVersion } from './ipVersion.ts';

/** A flow of datagrams has no end: as long as most address translators remember one (RFC 4787 section 4.3 asks for 2 minutes or more). */
const UDP_IDLE_SECONDS = 120;
/** The largest datagram over IPv4 (RFC 768); socat's own buffer is smaller and cuts. */
const UDP_MAX_BYTES = 65_507;

/** The socat(1) commands that do what a relay does, one for each address that it listens on; nothing for what socat cannot do. */
export function formatSocat(spec: ForwardSpec): string | undefined {
  if (spec.kind !== 'relay' && spec.kind !== 'udp') return undefined;
  // One try at one destination, one port, and no header.
  if (spec.kind === 'relay' && (spec.portCount !== undefined || spec.fallbacks !== undefined || spec.sendsProxyHeader !== undefined)) return undefined;
  const protocol = spec.kind === 'udp' ? 'UDP' : 'TCP';
  const connect = connectAddress(protocol, spec.connect);
  const listens = listenAddresses(protocol, spec.listen);
  if (connect === undefined || listens === undefined) return undefined;
  const options = protocol === 'UDP' ? ['-T', String(UDP_IDLE_SECONDS), '-b', String(UDP_MAX_BYTES)] : [];
  const commands = listens.map((listen) => ['socat', ...options, listen, connect].map(shellQuoted).join(' '));
  return ['# Needs socat; runs until it is stopped, and what passes is not encrypted.', commands.join(' &\n')].join('\n');
}

type Protocol = 'TCP' | 'UDP';

function listenAddresses(protocol: Protocol, listen: Endpoint): readonly string[] | undefined {
  if (isSocketPath(listen)) return isPlainPath(listen.path) ? [`UNIX-LISTEN:${escaped(listen.path)},mode=0600,fork`] : undefined;
  const addresses = bindAddresses(listen);
  if (listen.port === 0 || !addresses.every(({ host }) => isPlainHost(host))) return undefined;
  return addresses.map((address) => listenAddress(protocol, address));
}

/** With a family to each, so that `::` does not take IPv4 as well. */
function listenAddress(protocol: Protocol, { host, port }: HostPort): string {
  const version = ipVersion(host);
  return `${protocol}${String(version ?? '')}-LISTEN:${String(port)},bind=${bracketed(host)},${version === 6 ? 'ipv6only=1,' : ''}reuseaddr,fork`;
}

function connectAddress(protocol: Protocol, connect: Endpoint): string | undefined {
  if (isSocketPath(connect)) return isPlainPath(connect.path) ? `UNIX-CONNECT:${escaped(connect.path)}` : undefined;
  const { host, port } = connect;
  return isPlainHost(host) ? `${protocol}${String(ipVersion(host) ?? '')}:${bracketed(host)}:${String(port)}` : undefined;
}

function isPlainHost(host: string): boolean {
  return /^[\w.:%-]+$/.test(host);
}

function isPlainPath(path: string): boolean {
  return path.startsWith('/') && !/\p{Cc}/u.test(path);
}

/** socat(1), ADDRESS SPECIFICATIONS: a backslash takes the meaning from what follows. */
function escaped(path: string): string {
  return path.replaceAll(/[^\w./@%+=-]/gu, String.raw`\$&`);
}
