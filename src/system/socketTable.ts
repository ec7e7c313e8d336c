import type { HostPort } from '../core/address.ts';

/** One TCP socket of this machine, as Linux lists it in /proc/net/tcp and /proc/net/tcp6 (proc(5)). */
export interface TcpSocket {
  readonly local: HostPort;
  readonly remote: HostPort;
  readonly isListening: boolean;
  /** What links it to the file descriptors below /proc/<pid>/fd; 0 when no process holds it any more. */
  readonly inode: number;
}

/** TCP_LISTEN of Linux' include/net/tcp_states.h. */
const LISTEN_STATE = 0x0a;

/** Reads the text of /proc/net/tcp or /proc/net/tcp6, or of it only what has one of these ports here: there may be thousands of lines. */
export function parseProcNetTcp(text: string, localPorts?: ReadonlySet<number>): TcpSocket[] {
  return text.split('\n').flatMap((line) => {
    if (localPorts !== undefined && !localPorts.has(localPortOf(line))) return [];
    const fields = line.trim().split(/\s+/);
    const local = parseEndpoint(fields[1]);
    const remote = parseEndpoint(fields[2]);
    const inode = Number(fields[9]);
    if (local === undefined || remote === undefined || !Number.isInteger(inode)) return [];
    return [{ local, remote, isListening: Number.parseInt(fields[3] ?? '', 16) === LISTEN_STATE, inode }];
  });
}

function localPortOf(line: string): number {
  return Number.parseInt(/^ *\d+: [0-9A-F]+:([0-9A-F]{4}) /i.exec(line)?.[1] ?? '', 16);
}

function parseEndpoint(field: string | undefined): HostPort | undefined {
  const found = /^([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4})$/i.exec(field ?? '');
  const [, address, port] = found ?? [];
  if (address === undefined || port === undefined) return undefined;
  return { host: formatAddress(address), port: Number.parseInt(port, 16) };
}

/** The kernel prints each 32 bits of an address as a number of its own byte order: little-endian on every desktop. */
function formatAddress(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)));
  if (bytes.length === 4) return bytes.join('.');
  // RFC 4291 section 2.5.5.2: an IPv4 address in an IPv6 socket.
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return isMapped ? bytes.slice(12).join('.') : compressAddress(bytes);
}

function compressAddress(bytes: readonly number[]): string {
  const groups = Array.from({ length: 8 }, (_, index) => (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
