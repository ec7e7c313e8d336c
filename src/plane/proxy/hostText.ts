import { isIPv6, SocketAddress } from 'node:net';
import type { HostPort } from '../../core/address.ts';
import { MAX_PORT } from '../../core/address.ts';
import { untrustedText } from '../../core/failure.ts';

/** The longest name that DNS and SOCKS can carry (RFC 1035 section 2.3.4, RFC 1928 section 5). */
export const NAME_MAX_BYTES = 255;

/** The name that a client sent, or nothing when it is none: not UTF-8, too long, or with characters that no name has. */
export function hostText(bytes: Buffer): string | undefined {
  const text = bytes.toString('utf8');
  if (bytes.length === 0 || bytes.length > NAME_MAX_BYTES || !Buffer.from(text).equals(bytes)) return undefined;
  return /\s/.test(text) || untrustedText(text, NAME_MAX_BYTES) !== text ? undefined : canonicalHost(text);
}

export function ipv4Text(bytes: Buffer): string {
  return bytes.join('.');
}

export function ipv6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return canonicalHost(groups.join(':'));
}

/** An IPv6 address in its one spelling (RFC 5952); everything else as it is. */
export function canonicalHost(host: string): string {
  return isIPv6(host) && !host.includes('%') ? new SocketAddress({ address: host, family: 'ipv6' }).address : host;
}

/** `host:port`, `[v6]:port`; `defaultPort` stands in for an absent port. Nothing when it is none. */
export function parseAuthority(text: string, defaultPort?: number): HostPort | undefined {
  const match = /^(?:\[([^[\]]+)\]|([^:[\]@]+))(?::(\d{1,5}))?$/.exec(text);
  const [, v6, name, digits] = match ?? [];
  const host = hostText(Buffer.from(v6 ?? name ?? ''));
  const port = digits === undefined ? defaultPort : Number(digits);
  if (host === undefined || (v6 !== undefined && !isIPv6(host))) return undefined;
  return port === undefined || port < 1 || port > MAX_PORT ? undefined : { host, port };
}
