import { LOOPBACK_HOST, MAX_PORT, WILDCARD_HOST } from './address.ts';
import { untrustedText } from './failure.ts';
import type { SshDestination } from './forwardSpec.ts';
import { quoted, slicePiece, splitColons, TextError, type Piece } from './forwardText.ts';

/** Splits at colons outside brackets; brackets must be around a whole field. */
export function splitFields(piece: Piece): Piece[] {
  const parts = splitColons(piece);
  const wrong = parts.find(({ text }) => /[[\]]/.test(text) && !/^\[[^[\]]*\]$/.test(text));
  if (wrong !== undefined) throw new TextError(`The brackets around this ${wrong.text.includes('/') ? 'path' : 'address'} do not match.`, wrong);
  return parts;
}

/** A port; 0 only where it listens. Throws a `TextError` at its place. */
export function readPort(piece: Piece, pole: 'listen' | 'connect'): number {
  if (piece.text === '') throw new TextError('A port is missing here.', piece);
  if (!isNumber(piece.text)) throw new TextError(`${quoted(piece.text)} is not a port: a port is a number from 1 to ${String(MAX_PORT)}.`, piece);
  const port = Number(piece.text);
  if (port > MAX_PORT) throw new TextError(`Port ${untrustedText(piece.text, 20)} is above ${String(MAX_PORT)}.`, piece);
  if (port === 0 && pole === 'connect') throw new TextError('Port 0 cannot be connected to.', piece);
  return port;
}

/** The address to listen on; every spelling of "everywhere" and of the loopback's name becomes one. */
export function readBindHost(piece: Piece): string {
  if (piece.text === '' || piece.text === WILDCARD_HOST) return WILDCARD_HOST;
  const host = readHost(piece);
  return host.toLowerCase() === LOOPBACK_HOST ? LOOPBACK_HOST : host;
}

/** What OpenSSH's valid_hostname() refuses in names that come from people, besides what no host name can hold, and the arrow of our own. */
const NOT_IN_HOSTS = /[\s\p{Cc}\p{Cf}\p{Cs}'"`$\\;&<>|(){},@/*?→]/u;
const NOT_IN_USERS = /[\s\p{Cc}\p{Cf}\p{Cs}'"`;&<>|(){}→]/u;
const MAX_HOST_LENGTH = 253;

/** A host without its brackets. Throws a `TextError` at the place of what cannot be in one. */
export function readHost(piece: Piece): string {
  const host = piece.text.startsWith('[') && piece.text.endsWith(']') ? piece.text.slice(1, -1) : piece.text;
  if (host === '') throw new TextError('A host is missing here.', piece);
  if (host.startsWith('-')) throw new TextError('A host cannot begin with "-".', piece);
  const wrong = NOT_IN_HOSTS.exec(host)?.[0];
  if (wrong !== undefined) throw new TextError(`A host cannot contain ${describeCharacter(wrong)}.`, piece);
  if (host.includes(':') && !isIpv6(host)) throw new TextError(`${quoted(host)} is not an IPv6 address.`, piece);
  if (host.length > MAX_HOST_LENGTH) throw new TextError(`A host name has at most ${String(MAX_HOST_LENGTH)} characters.`, piece);
  return host;
}

/** What asks a relay for a PROXY header, and can therefore not stand alone for a server. */
export const PROXY_HEADER_WORDS = /^send-proxy(?:-v2)?$/i;

/** `[user@]host[:port]` or `ssh://…`. */
export function readDestination(piece: Piece): SshDestination {
  if (PROXY_HEADER_WORDS.test(piece.text)) throw new TextError(`${quoted(piece.text)} asks a relay for a PROXY header: write user@${piece.text} for a server of that name.`, piece);
  const scheme = /^ssh:\/\//i.exec(piece.text)?.[0].length ?? 0;
  const end = scheme > 0 && piece.text.endsWith('/') ? piece.text.length - 1 : piece.text.length;
  const rest = slicePiece(piece, scheme, end);
  const at = rest.text.lastIndexOf('@');
  const before = slicePiece(rest, 0, Math.max(0, at));
  const user = at === -1 ? undefined : readUser(before, scheme > 0 ? percentDecoded(before) : before.text);
  const address = slicePiece(rest, at + 1);
  // As in ssh(1), an IPv6 address needs no brackets where no port follows.
  if (isIpv6(address.text)) return destinationOf(address.text, user, undefined);
  const [host, port, extra] = splitFields(address);
  if (host === undefined || extra !== undefined) throw new TextError('This is not an SSH server: write user@host:port.', piece);
  return destinationOf(readHost(host), user, port === undefined ? undefined : readPort(port, 'connect'));
}

/** A user name. Throws a `TextError` at its place. */
export function readUser(piece: Piece, user = piece.text): string {
  if (user === '') throw new TextError('A user name is missing here.', piece);
  if (user.startsWith('-')) throw new TextError('A user name cannot begin with "-".', piece);
  const wrong = NOT_IN_USERS.exec(user)?.[0];
  if (wrong !== undefined) throw new TextError(`A user name cannot contain ${describeCharacter(wrong)}.`, piece);
  return user;
}

export function destinationOf(host: string, user: string | undefined, port: number | undefined): SshDestination {
  return { host, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port }) };
}

export function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** RFC 3986 section 2.1, for the user in `ssh://user@host`. */
function percentDecoded(piece: Piece): string {
  try {
    return decodeURIComponent(piece.text);
  } catch {
    throw new TextError('This is not an SSH server: "%" must be followed by two hexadecimal digits.', piece);
  }
}

function isIpv6(text: string): boolean {
  return /^[\da-f:.]+(?:%[\w.-]+)?$/i.test(text) && (text.includes('::') || text.split(':').length > 6);
}

function describeCharacter(character: string): string {
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character) ? 'a control character' : `"${character}"`;
}
