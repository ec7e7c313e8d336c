import { LOOPBACK_HOST, MAX_PORT, WILDCARD_HOST, isLoopback, type HostPort } from './address.ts';
import { untrustedText } from './failure.ts';
import type { ForwardSpec, SshDestination } from './forwardSpec.ts';
import { connectsToItself, quoted, slicePiece, splitColons, splitWords, TextError, type Piece, type TextProblem } from './forwardText.ts';
import { isSshCommand, readSshArguments } from './sshArguments.ts';

/** The two poles of a forward whose SSH server, if any, is still open. */
export interface Poles {
  readonly listen: HostPort;
  readonly connect: HostPort;
}

/** One meaning of a text: a whole forward, or one that lacks its SSH server. */
export type Reading =
  | { readonly kind: 'forward'; readonly spec: ForwardSpec }
  | { readonly kind: 'needs-target'; readonly poles: Poles };

export type ParseResult =
  | { readonly isValid: true; readonly readings: readonly [Reading, ...Reading[]]; readonly leftOut: readonly string[] }
  | { readonly isValid: false; readonly problem: TextProblem };

export interface ParseContext {
  /** The aliases of the user's ssh_config: they tell `db:5432` the server from `db:5432` the destination. */
  readonly sshHosts: ReadonlySet<string>;
}

/**
 * Reads what people type for a forward: ssh(1)'s `[bind:]port:host:hostport`, its shorter forms, with a server after it,
 * or a whole ssh command. The first reading is the most plausible one.
 */
export function parseForward(text: string, context: ParseContext): ParseResult {
  try {
    return { isValid: true, ...readText(text, context) };
  } catch (error) {
    if (error instanceof TextError) return { isValid: false, problem: error.problem };
    throw error;
  }
}

/** Reads `[user@]host[:port]` or `ssh://…`; a problem is about that text alone. */
export function parseDestination(text: string): { readonly isValid: true; readonly destination: SshDestination } | { readonly isValid: false; readonly problem: TextProblem } {
  try {
    return { isValid: true, destination: readDestination({ text, start: 0 }) };
  } catch (error) {
    if (error instanceof TextError) return { isValid: false, problem: error.problem };
    throw error;
  }
}

type Readings = { readonly readings: readonly [Reading, ...Reading[]]; readonly leftOut: readonly string[] };

/** Far above any real command; what is longer costs time at every key. */
const MAX_TEXT_LENGTH = 4_000;

function readText(text: string, context: ParseContext): Readings {
  if (text.length > MAX_TEXT_LENGTH) throw new TextError(`This text is too long: at most ${String(MAX_TEXT_LENGTH)} characters.`, { text, start: 0 });
  const words = splitWords(text);
  const first = words[0];
  if (first === undefined) throw new TextError('Type a port, host:port or port:host:port.', { text: '', start: 0 });
  if (isSshCommand(words)) return readCommand(words);
  const arrow = splitArrow(words);
  const [target, extra] = arrow?.rest ?? words.slice(1);
  if (extra !== undefined) throw new TextError(`${quoted(extra.text)} is one word too many: write the forward, a space, and the SSH server.`, extra);
  if (arrow === undefined && target === undefined) return { readings: readWithoutTarget(first, context), leftOut: [] };
  const poles = arrow === undefined ? readPoles(first) : { listen: readListen(arrow.listen), connect: readConnect(arrow.connect) };
  return { readings: target === undefined ? relayOrTunnel(poles) : [local(poles, readDestination(target))], leftOut: [] };
}

function readCommand(words: readonly Piece[]): Readings {
  const { rule, destination, port, user, isGateway, leftOut } = readSshArguments(words);
  let poles = readPoles(rule);
  // -g widens only what names no bind address: an explicit "localhost" stays one (OpenSSH, channel_fwd_bind_addr).
  if (isGateway && splitColons(rule).length < 4) poles = { ...poles, listen: { ...poles.listen, host: WILDCARD_HOST } };
  if (destination === undefined) return { readings: [{ kind: 'needs-target', poles }], leftOut };
  const target = readDestination(destination);
  const explicitPort = firstSaid(port, port && readPort(port, 'connect'), destination, target.port);
  const explicitUser = firstSaid(user, user && readUser(user), destination, target.user);
  return { readings: [local(poles, destinationOf(target.host, explicitUser, explicitPort))], leftOut };
}

/** What is said twice, by an option and in the destination, counts where it comes first, as in ssh(1). */
function firstSaid<T>(option: Piece | undefined, byOption: T | undefined, destination: Piece, inDestination: T | undefined): T | undefined {
  const isOptionFirst = option !== undefined && option.start < destination.start;
  return isOptionFirst ? byOption : inDestination ?? byOption;
}

function local(poles: Poles, target: SshDestination): Reading {
  return { kind: 'forward', spec: { kind: 'local', ...poles, target } };
}

/** Without a server the text is a relay, or the server is still to be chosen; `host:port` may name the server itself. */
function readWithoutTarget(rule: Piece, { sshHosts }: ParseContext): readonly [Reading, ...Reading[]] {
  const parts = splitColons(rule);
  const [only] = parts;
  if (parts.length === 1 && only !== undefined && sshHosts.has(only.text)) {
    throw new TextError(`Which port of ${quoted(only.text)}? Write the port first, as in ${quoted(`5432 ${only.text}`)}.`, only);
  }
  const poles = readPoles(rule);
  const readings = relayOrTunnel(poles);
  const [relay] = readings;
  const isHostAndPort = parts.length === 2 && only !== undefined && !isNumber(only.text);
  if (relay.kind !== 'forward' || !isHostAndPort || isLoopback(poles.connect.host)) return readings;
  const server = local({ listen: poles.listen, connect: { host: LOOPBACK_HOST, port: poles.connect.port } }, { host: poles.connect.host });
  return sshHosts.has(poles.connect.host) ? [server, relay] : [relay, server];
}

function relayOrTunnel(poles: Poles): readonly [Reading, ...Reading[]] {
  const viaServer: Reading = { kind: 'needs-target', poles };
  if (connectsToItself(poles.listen, poles.connect)) return [viaServer];
  return [{ kind: 'forward', spec: { kind: 'relay', ...poles } }, viaServer];
}

function splitRule(rule: Piece): [Piece, ...Piece[]] {
  if (/^[a-z][\w+.-]*:\/\//i.test(rule.text)) throw new TextError(`${quoted(rule.text)} is a web address: write only its host:port.`, rule);
  const parts = splitFields(rule);
  const socket = parts.find(({ text }) => text.startsWith('/'));
  if (socket !== undefined) throw new TextError(`${quoted(socket.text)} is a path: Unix sockets cannot be forwarded yet.`, socket);
  if (parts.length > 4) throw new TextError('Too many parts. An IPv6 address needs brackets, as in [::1].', rule);
  return parts as [Piece, ...Piece[]];
}

function splitFields(piece: Piece): Piece[] {
  const parts = splitColons(piece);
  const wrong = parts.find(({ text }) => /[[\]]/.test(text) && !/^\[[^[\]]*\]$/.test(text));
  if (wrong !== undefined) throw new TextError('The brackets around this address do not match.', wrong);
  return parts;
}

function readPoles(rule: Piece): Poles {
  const [a, b, c, d] = splitRule(rule);
  if (b === undefined) return samePort(readPort(a, 'connect'));
  if (c === undefined) return readTwoParts(a, b);
  if (d === undefined) return { listen: { host: LOOPBACK_HOST, port: readPort(a, 'listen') }, connect: { host: readHost(b), port: readPort(c, 'connect') } };
  return { listen: { host: readBindHost(a), port: readPort(b, 'listen') }, connect: { host: readHost(c), port: readPort(d, 'connect') } };
}

/** `[bind:]port`, before an arrow. */
function readListen(piece: Piece): HostPort {
  const [a, b, extra] = splitRule(piece);
  if (extra !== undefined) throw new TextError('Before the arrow belongs a port, or address:port.', piece);
  return b === undefined ? { host: LOOPBACK_HOST, port: readPort(a, 'listen') } : { host: readBindHost(a), port: readPort(b, 'listen') };
}

/** `[host:]port`, after an arrow. */
function readConnect(piece: Piece): HostPort {
  const [a, b, extra] = splitRule(piece);
  if (extra !== undefined) throw new TextError('After the arrow belongs a port, or host:port.', piece);
  return b === undefined ? { host: LOOPBACK_HOST, port: readPort(a, 'connect') } : { host: readHost(a), port: readPort(b, 'connect') };
}

function readTwoParts(a: Piece, b: Piece): Poles {
  if (isNumber(a.text)) {
    return { listen: { host: LOOPBACK_HOST, port: readPort(a, 'listen') }, connect: { host: LOOPBACK_HOST, port: readPort(b, 'connect') } };
  }
  const port = readPort(b, 'connect');
  return { listen: { host: LOOPBACK_HOST, port }, connect: { host: readHost(a), port } };
}

function samePort(port: number): Poles {
  return { listen: { host: LOOPBACK_HOST, port }, connect: { host: LOOPBACK_HOST, port } };
}

function readPort(piece: Piece, pole: 'listen' | 'connect'): number {
  if (piece.text === '') throw new TextError('A port is missing here.', piece);
  if (!isNumber(piece.text)) throw new TextError(`${quoted(piece.text)} is not a port: a port is a number from 1 to ${String(MAX_PORT)}.`, piece);
  const port = Number(piece.text);
  if (port > MAX_PORT) throw new TextError(`Port ${untrustedText(piece.text, 20)} is above ${String(MAX_PORT)}.`, piece);
  if (port === 0 && pole === 'connect') throw new TextError('Port 0 cannot be connected to.', piece);
  return port;
}

function readBindHost(piece: Piece): string {
  if (piece.text === '' || piece.text === WILDCARD_HOST) return WILDCARD_HOST;
  const host = readHost(piece);
  return host.toLowerCase() === LOOPBACK_HOST ? LOOPBACK_HOST : host;
}

/** What OpenSSH's valid_hostname() refuses in names that come from people, besides what no host name can hold. */
const NOT_IN_HOSTS = /[\s\p{Cc}\p{Cf}\p{Cs}'"`$\\;&<>|(){},@/*?]/u;
const NOT_IN_USERS = /[\s\p{Cc}\p{Cf}\p{Cs}'"`;&<>|(){}]/u;
const MAX_HOST_LENGTH = 253;

function readHost(piece: Piece): string {
  const host = piece.text.startsWith('[') && piece.text.endsWith(']') ? piece.text.slice(1, -1) : piece.text;
  if (host === '') throw new TextError('A host is missing here.', piece);
  if (host.startsWith('-')) throw new TextError('A host cannot begin with "-".', piece);
  const wrong = NOT_IN_HOSTS.exec(host)?.[0];
  if (wrong !== undefined) throw new TextError(`A host cannot contain ${describeCharacter(wrong)}.`, piece);
  if (host.includes(':') && !isIpv6(host)) throw new TextError(`${quoted(host)} is not an IPv6 address.`, piece);
  if (host.length > MAX_HOST_LENGTH) throw new TextError(`A host name has at most ${String(MAX_HOST_LENGTH)} characters.`, piece);
  return host;
}

function readDestination(piece: Piece): SshDestination {
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

function readUser(piece: Piece, user = piece.text): string {
  if (user === '') throw new TextError('A user name is missing here.', piece);
  if (user.startsWith('-')) throw new TextError('A user name cannot begin with "-".', piece);
  const wrong = NOT_IN_USERS.exec(user)?.[0];
  if (wrong !== undefined) throw new TextError(`A user name cannot contain ${describeCharacter(wrong)}.`, piece);
  return user;
}

function destinationOf(host: string, user: string | undefined, port: number | undefined): SshDestination {
  return { host, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port }) };
}

/** RFC 3986 section 2.1, for the user in `ssh://user@host`. */
function percentDecoded(piece: Piece): string {
  try {
    return decodeURIComponent(piece.text);
  } catch {
    throw new TextError('This is not an SSH server: "%" must be followed by two hexadecimal digits.', piece);
  }
}

/** `2323 -> 23`: the arrow may stand alone or touch either side. */
function splitArrow(words: readonly Piece[]): { readonly listen: Piece; readonly connect: Piece; readonly rest: readonly Piece[] } | undefined {
  const index = words.findIndex(({ text }) => ARROW.test(text));
  const word = words[index];
  const match = ARROW.exec(word?.text ?? '');
  if (word === undefined || match === null || index > 1) return undefined;
  const arrow = slicePiece(word, match.index, match.index + match[0].length);
  const [before, after] = [slicePiece(word, 0, match.index), slicePiece(word, match.index + match[0].length)];
  const [listen, tooMany] = [...words.slice(0, index), before].filter(({ text }) => text !== '');
  const [connect, ...rest] = [after, ...words.slice(index + 1)].filter(({ text }) => text !== '');
  if (listen === undefined) throw new TextError('A port is missing before the arrow.', arrow);
  if (tooMany !== undefined) throw new TextError('Before the arrow belongs a port, or address:port.', tooMany);
  if (connect === undefined) throw new TextError('A port is missing after the arrow.', arrow);
  return { listen, connect, rest };
}

const ARROW = /->|=>|→/;

function isIpv6(text: string): boolean {
  return /^[\da-f:.]+(?:%[\w.-]+)?$/i.test(text) && (text.includes('::') || text.split(':').length > 6);
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

function describeCharacter(character: string): string {
  return /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character) ? 'a control character' : `"${character}"`;
}
