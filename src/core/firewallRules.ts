import { bracketed, isLoopback, isSocketPath, isWildcard, LOOPBACK_HOST, type HostPort } from './address.ts';
import type { ForwardSpec } from './forwardSpec.ts';
import { bindAddresses } from './forwardText.ts';
import { ipVersion } from './ipVersion.ts';

/** What a firewall is told: addresses in figures alone, and one destination. */
interface Redirection {
  readonly protocol: 'tcp' | 'udp';
  readonly listens: readonly Listen[];
  readonly connect: HostPort;
  readonly connectVersion: 4 | 6;
  /** How many ports in a row, each to the same one there. */
  readonly portCount: number;
}

interface Listen extends HostPort {
  readonly version: 4 | 6;
}

/** The nftables rules (nft(8)) that do what a relay does; nothing where they cannot. */
export function formatNftables(spec: ForwardSpec): string | undefined {
  const all = redirectionOf(spec);
  if (all === undefined) return undefined;
  const listens = all.listens.filter((listen) => canNft(listen, all));
  if (listens.length === 0) return undefined;
  const redirection = { ...all, listens };
  const table = nameOf(redirection);
  const settings = nftSysctls(redirection);
  const families = [...new Set(listens.map(({ version }) => familyOf(version)))];
  return [
    `# Needs Linux, nftables and a root shell; lasts until the next boot.${exceptions(all, listens)} Passes only what the other rules of the firewall let pass.`,
    `# Remove it with: ${families.map((family) => `nft delete table ${family} ${table}`).join('; ')}`,
    ...settings.map((setting) => `# and, unless something else needs it: sysctl -w ${setting}=0`),
    ...settings.map((setting) => `sysctl -w ${setting}=1`),
    "nft -f - <<'EOF'",
    ...listens.flatMap((listen) => nftTable(table, listen, redirection)),
    'EOF',
  ].join('\n');
}

/** The kernel takes no ::1 of a packet through another interface, in neither direction, and has no setting for that. */
function canNft({ host, version }: Listen, { connect, connectVersion }: Redirection): boolean {
  return version === connectVersion && (version === 4 || (isLoopback(host) && isLoopback(connect.host)));
}

/** ip-sysctl of Linux: both settings are off on most machines, and stay on when the table is gone, with its guard. */
function nftSysctls({ listens, connect }: Redirection): string[] {
  const isForwarded = listens.some(({ host }) => !isLoopback(host)) && !isLoopback(connect.host);
  return [...(isForwarded ? ['net.ipv4.ip_forward'] : []), ...(listens.some((listen) => leavesLoopback(listen, connect)) ? ['net.ipv4.conf.all.route_localnet'] : [])];
}

/** True where packets of 127.0.0.0/8 go to or come from another interface than the loopback's. */
function leavesLoopback({ host }: Listen, connect: HostPort): boolean {
  return isWildcard(host) || isLoopback(host) !== isLoopback(connect.host);
}

function nftTable(table: string, listen: Listen, { protocol, connect, portCount }: Redirection): string[] {
  const family = familyOf(listen.version);
  const ports = portsOf(listen.port, portCount);
  const to = isWildcard(listen.host) ? 'fib daddr type local' : `${family} daddr ${listen.host}`;
  const destination = portCount > 1 ? connect.host : `${bracketed(connect.host)}:${String(connect.port)}`;
  const rule = `${to} ${protocol} dport ${ports} dnat to ${destination}`;
  return [
    `table ${family} ${table} {`,
    // route_localnet alone would let neighbours in to what listens on the loopback; this runs before any address is translated.
    ...(leavesLoopback(listen, connect) ? nftChain('guard', 'type filter hook prerouting priority raw', 'iifname != "lo" ip daddr 127.0.0.0/8 drop') : []),
    ...(isLoopback(listen.host) ? [] : nftChain('prerouting', 'type nat hook prerouting priority dstnat', rule)),
    // What this computer sends itself passes by prerouting.
    ...nftChain('output', 'type nat hook output priority -100', rule),
    ...(isLoopback(connect.host) ? [] : nftChain('postrouting', 'type nat hook postrouting priority srcnat',
      `ct status dnat ${family} daddr ${connect.host} ${protocol} dport ${portsOf(connect.port, portCount)} ct original proto-dst ${ports} masquerade`)),
    '}',
  ];
}

function nftChain(name: string, hook: string, rule: string): string[] {
  return [`  chain ${name} {`, `    ${hook};`, `    ${rule}`, '  }'];
}

/** The pf rules (pf.conf(5)) that do what a relay does; nothing where they cannot. */
export function formatPf(spec: ForwardSpec): string | undefined {
  const all = redirectionOf(spec);
  if (all === undefined) return undefined;
  const { protocol, connect, connectVersion, portCount } = all;
  const isHere = isLoopback(connect.host);
  // What comes from the loopback cannot leave through another interface.
  const listens = all.listens.filter(({ host, version }) => version === connectVersion && (isHere || !isLoopback(host)));
  const [first] = listens;
  if (first === undefined) return undefined;
  const anchor = `com.apple/${nameOf(all)}`;
  const family = connectVersion === 4 ? 'inet' : 'inet6';
  const rules = listens.map(({ host, port }) => {
    const [on, to] = isLoopback(host) ? [' on lo0', host] : ['', isWildcard(host) ? 'self' : host];
    return `rdr pass${on} ${family} proto ${protocol} from any to ${to} port ${pfPorts(port, portCount)} -> ${connect.host} port ${pfPorts(connect.port, portCount, '*')}`;
  });
  const nat = `nat on $out ${family} proto ${protocol} from any to ${connect.host} port ${pfPorts(connect.port, portCount)} -> ($out)`;
  return [
    `# Needs macOS, or a BSD whose pf.conf has the anchor, and sudo; lasts until the next boot.${exceptions(all, listens)}${isHere ? '' : ` Put the interface that leads to ${connect.host} in place of en0; programs on this computer itself are not redirected.`}`,
    `# Remove it with: sudo pfctl -a ${anchor} -F all`,
    ...(isHere ? [] : [`sudo sysctl -w ${connectVersion === 4 ? 'net.inet.ip.forwarding' : 'net.inet6.ip6.forwarding'}=1`]),
    `sudo pfctl -a ${anchor} -E -f - <<'EOF'`,
    ...(isHere ? [] : ['out = "en0"', nat]),
    ...rules,
    'EOF',
  ].join('\n');
}

/** The `netsh interface portproxy` commands that do what a relay does; nothing where they cannot. They take names, and TCP alone. */
export function formatNetsh(spec: ForwardSpec): string | undefined {
  if (spec.kind !== 'relay' || spec.portCount !== undefined || isFurnished(spec) || isSocketPath(spec.listen) || isSocketPath(spec.connect)) return undefined;
  const { listen, connect } = spec;
  const listens = versioned(listen);
  if (listen.port === 0 || listens === undefined || !/^[\w.:-]+$/.test(connect.host)) return undefined;
  const to = `v${String(ipVersion(connect.host) ?? 4)}`;
  const commands = (verb: string, more: string): string[] => listens.map(({ host, port, version }) => (
    `netsh interface portproxy ${verb} v${String(version)}to${to} listenaddress=${host} listenport=${String(port)}${more}`));
  return [
    'rem Needs Windows, a prompt as administrator and the service "IP Helper"; stays, over restarts too, until it is removed.'
      + (listens.some(({ host }) => !isLoopback(host)) ? ' The firewall must let the port in.' : ''),
    ...commands('delete', '').map((command) => `rem Remove it with: ${command}`),
    ...commands('add', ` connectaddress=${connect.host} connectport=${String(connect.port)}`),
  ].join('\n');
}

function redirectionOf(spec: ForwardSpec): Redirection | undefined {
  if ((spec.kind !== 'relay' && spec.kind !== 'udp') || isFurnished(spec) || isSocketPath(spec.listen) || isSocketPath(spec.connect)) return undefined;
  const portCount = spec.kind === 'relay' ? spec.portCount ?? 1 : 1;
  const listens = versioned(spec.listen);
  const connect = { host: spec.connect.host === LOOPBACK_HOST ? '127.0.0.1' : spec.connect.host, port: spec.connect.port };
  const connectVersion = ipVersion(connect.host);
  if (spec.listen.port === 0 || listens === undefined || connectVersion === undefined || isWildcard(connect.host)) return undefined;
  // A firewall shifts no row of ports.
  if (portCount > 1 && spec.listen.port !== connect.port) return undefined;
  return { protocol: spec.kind === 'udp' ? 'udp' : 'tcp', listens, connect, connectVersion, portCount };
}

/** A firewall tries one destination, and adds nothing to what passes. */
function isFurnished(spec: ForwardSpec): boolean {
  return spec.kind === 'relay' && (spec.fallbacks !== undefined || spec.sendsProxyHeader !== undefined);
}

/** The addresses to listen on; nothing when one is a name. */
function versioned(listen: HostPort): readonly Listen[] | undefined {
  const listens = bindAddresses(listen).map((address) => ({ ...address, version: ipVersion(address.host) }));
  return listens.every((address): address is Listen => address.version !== undefined) ? listens : undefined;
}

function exceptions({ listens }: Redirection, covered: readonly Listen[]): string {
  const missing = listens.filter((listen) => !covered.includes(listen)).map(({ host }) => host);
  return missing.length === 0 ? '' : ` Does not cover ${missing.join(' and ')}.`;
}

function nameOf({ protocol, listens: [listen] }: Redirection): string {
  return `culvert_${protocol === 'udp' ? 'udp_' : ''}${String(listen?.port ?? 0)}`;
}

function familyOf(version: 4 | 6): 'ip' | 'ip6' {
  return version === 4 ? 'ip' : 'ip6';
}

function portsOf(first: number, count: number): string {
  return count > 1 ? `${String(first)}-${String(first + count - 1)}` : String(first);
}

/** pf.conf(5): a range has colons, and after the arrow a star for its end. */
function pfPorts(first: number, count: number, end = String(first + count - 1)): string {
  return count > 1 ? `${String(first)}:${end}` : String(first);
}
