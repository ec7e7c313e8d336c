import { isIPv4, isIPv6 } from 'node:net';
import { isSocketPath, type Endpoint } from '../core/address.ts';

/*
 * The header of the PROXY protocol, version 2, which tells a destination who connected (HAProxy's proxy-protocol.txt,
 * section 2.2): signature, version and command, family and transport, length, then both addresses and both ports.
 */

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

const COMMAND_LOCAL = 0x20;
const COMMAND_PROXY = 0x21;

const UNSPECIFIED = 0x00;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const UNIX_STREAM = 0x31;

/** `sun_path` of most systems, as the header has it. */
const UNIX_PATH_BYTES = 108;

const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex');

/**
 * The header for a connection from `origin` that was accepted at `accepted`. Where the header has no form for the two, it is
 * the one of command LOCAL, which every receiver must accept and which leaves it with what it sees itself.
 */
export function proxyHeader(origin: Endpoint, accepted: Endpoint): Buffer {
  if (isSocketPath(origin) || isSocketPath(accepted)) return isSocketPath(accepted) ? unixHeader(accepted.path) : localHeader();
  const [source, destination] = [addressBytes(origin.host), addressBytes(accepted.host)];
  if (source === undefined || destination === undefined) return localHeader();
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(origin.port, 0);
  ports.writeUInt16BE(accepted.port, 2);
  // Of two families both are written as the larger one.
  if (source.length === 4 && destination.length === 4) return header(COMMAND_PROXY, TCP_OVER_IPV4, source, destination, ports);
  return header(COMMAND_PROXY, TCP_OVER_IPV6, asIpv6(source), asIpv6(destination), ports);
}

/** A client of a Unix socket has no name of its own: its address is empty. */
function unixHeader(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > UNIX_PATH_BYTES || !path.startsWith('/')) return localHeader();
  return header(COMMAND_PROXY, UNIX_STREAM, Buffer.alloc(UNIX_PATH_BYTES), Buffer.concat([bytes], UNIX_PATH_BYTES));
}

/** For a connection that is nobody else's: "health checks" are what command LOCAL is there for. */
export function localHeader(): Buffer {
  return header(COMMAND_LOCAL, UNSPECIFIED);
}

function header(command: number, family: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const fixed = Buffer.from([command, family, 0, 0]);
  fixed.writeUInt16BE(body.length, 2);
  return Buffer.concat([SIGNATURE, fixed, body]);
}

/** Four bytes, or sixteen; an IPv4 address within IPv6 is the IPv4 address that it is. Undefined for a name. */
function addressBytes(host: string): Buffer | undefined {
  if (isIPv4(host)) return ipv4Bytes(host);
  if (!isIPv6(host)) return undefined;
  const bytes = ipv6Bytes(host);
  return bytes.subarray(0, MAPPED_PREFIX.length).equals(MAPPED_PREFIX) ? bytes.subarray(MAPPED_PREFIX.length) : bytes;
}

function asIpv6(bytes: Buffer): Buffer {
  return bytes.length === 4 ? Buffer.concat([MAPPED_PREFIX, bytes]) : bytes;
}

function ipv4Bytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

/** RFC 4291 section 2.2, all three forms, with or without a zone. */
function ipv6Bytes(address: string): Buffer {
  const [withoutZone = ''] = address.split('%');
  const [before = '', after] = withoutZone.split('::');
  const [head, tail] = [groupBytes(before), groupBytes(after ?? '')];
  return Buffer.concat([head, Buffer.alloc(16 - head.length - tail.length), tail]);
}

function groupBytes(groups: string): Buffer {
  if (groups === '') return Buffer.alloc(0);
  return Buffer.concat(groups.split(':').map((group) => (group.includes('.') ? ipv4Bytes(group) : Buffer.from(group.padStart(4, '0'), 'hex'))));
}
