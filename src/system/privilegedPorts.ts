import { readFile } from 'node:fs/promises';
import { isWildcard, type HostPort } from '../core/address.ts';

/** IPPORT_RESERVED of netinet/in.h. */
const FIRST_UNPRIVILEGED_PORT = 1024;

/**
 * The first port that needs no right to bind. Linux: net.ipv4.ip_unprivileged_port_start (ip-sysctl), for IPv6 as well.
 * macOS: since 10.14 in_pcbbind of XNU asks for no right when the address is the wildcard; for every other address,
 * loopback among them, it is 1024 as before. Windows has no such ports. Never rejects.
 */
export async function firstUnprivilegedPort(host: string): Promise<number> {
  if (process.platform === 'win32') return 0;
  if (process.platform === 'darwin' && isWildcard(host)) return 0;
  if (process.platform !== 'linux') return FIRST_UNPRIVILEGED_PORT;
  const text = await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : FIRST_UNPRIVILEGED_PORT;
}

/** Whether this process may bind the port, as far as its number decides. Never rejects. */
export async function mayBind({ host, port }: HostPort): Promise<boolean> {
  if (port === 0 || port >= (await firstUnprivilegedPort(host))) return true;
  return process.platform === 'linux' ? hasBindCapability() : process.geteuid?.() === 0;
}

/** CAP_NET_BIND_SERVICE, bit 10 (capabilities(7)): root without it may not, a user with it may. */
async function hasBindCapability(): Promise<boolean> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (effective === undefined) return process.geteuid?.() === 0;
  return (BigInt(`0x${effective}`) & (1n << 10n)) !== 0n;
}
