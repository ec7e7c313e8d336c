import { bracketed, dialableHost, isLoopback, isSamePath, isSocketPath, isWildcard, LOOPBACK_HOST, WILDCARD_HOST, type Endpoint, type HostPort } from './address.ts';
import { untrustedText } from './failure.ts';
import { isProxy, isThroughSsh, portCountOf, type ForwardKind, type ForwardSpec, type SshDestination, type SshRule, type SshSpec } from './forwardSpec.ts';
import { formatPorts, nthEndpoint } from './portRange.ts';

/** A stretch of what the user typed. */
export interface Piece {
  readonly text: string;
  /** Offset of its first character in the whole text. */
  readonly start: number;
  /** Offset of each character, where quotes that disappeared may have torn it apart. */
  readonly offsets?: readonly number[];
}

/** A part of a piece, which still knows where it came from. */
export function slicePiece({ text, start, offsets }: Piece, from: number, to = text.length): Piece {
  const part = text.slice(from, to);
  if (offsets === undefined) return { text: part, start: start + from };
  return { text: part, start: offsets[from] ?? endOf({ text, start, offsets }), offsets: offsets.slice(from, to) };
}

/** Offset after the last character of a piece in the whole text. */
export function endOf({ text, start, offsets }: Piece): number {
  return text === '' ? start : (offsets?.at(-1) ?? start + text.length - 1) + 1;
}

/** A piece as messages quote it: bounded, and with nothing in it that could forge a display. */
export function quoted(text: string): string {
  return `"${untrustedText(text, MAX_QUOTED_LENGTH)}"`;
}

const MAX_QUOTED_LENGTH = 60;

/** Why a text is no forward, and which stretch of it is to blame. */
export interface TextProblem {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

/** Thrown while parsing and caught at the entry; never leaves this room. */
export class TextError extends Error {
  readonly problem: TextProblem;

  constructor(message: string, piece: Piece) {
    super(message);
    this.problem = { message, start: piece.start, end: endOf(piece) };
  }
}

/** Splits at white space; quotes group, as in a shell, and disappear, and so does the `\` that continues a line or stands before a quote. */
export function splitWords(text: string): Piece[] {
  const words: Piece[] = [];
  let start: number | undefined;
  let offsets: number[] = [];
  let quote: Piece | undefined;
  const endWord = (end: number): void => {
    if (start !== undefined && text.slice(start, end) !== '\\') words.push({ text: offsets.map((at) => text.charAt(at)).join(''), start: offsets[0] ?? start, offsets });
    start = undefined;
    offsets = [];
  };
  for (let index = 0; index < text.length; index += 1) {
    const character = text.charAt(index);
    if (quote === undefined && /\s/.test(character)) {
      endWord(index);
      continue;
    }
    start ??= index;
    if (quote === undefined && character === '\\' && /^["']/.test(text.slice(index + 1, index + 2))) offsets.push(index += 1);
    else if (character === quote?.text) quote = undefined;
    else if (quote === undefined && (character === '"' || character === "'")) quote = { text: character, start: index };
    else offsets.push(index);
  }
  if (quote !== undefined) throw new TextError('This quote is not closed.', quote);
  endWord(text.length);
  return words;
}

/** A word as `splitWords` reads it back. */
export function quotedWord(word: string): string {
  if (!/[\s'"]/.test(word)) return word;
  return word.includes('"') ? singleQuoted(word) : `"${word}"`;
}

/** Splits at colons, or at another character, that are not inside brackets. */
export function splitColons(piece: Piece, separator: ':' | ',' = ':'): Piece[] {
  const parts: Piece[] = [];
  let start = 0;
  let depth = 0;
  for (let index = 0; index <= piece.text.length; index += 1) {
    const character = piece.text[index];
    if (character === '[') depth += 1;
    if (character === ']') depth = Math.max(0, depth - 1);
    if (character !== undefined && (character !== separator || depth > 0)) continue;
    parts.push(slicePiece(piece, start, index));
    start = index + 1;
  }
  return parts;
}

/** The notation of ssh(1) without the server: `[bind:]port:host:hostport`, after its flag where it is not a -L or a relay. */
export function formatRule(spec: ForwardSpec | SshRule): string {
  const flag = flagOf(spec);
  const rule = quotedWord(formatArgument(spec));
  if (spec.kind === 'udp') return `${UDP_PREFIX}:${rule}`;
  if (spec.kind === 'relay' && spec.sendsProxyHeader === true) return `${rule} ${PROXY_HEADER_WORD}`;
  return flag === '-L' ? rule : `${flag} ${rule}`;
}

/** What stands before a rule for datagrams, and what after one whose destination is told who connects: HAProxy's own word. */
export const UDP_PREFIX = 'udp';
export const PROXY_HEADER_WORD = 'send-proxy-v2';

/** What follows the flag: `[bind:]port:host:hostport`, or `[bind:]port` for a proxy. */
function formatArgument(spec: ForwardSpec | SshRule): string {
  const { listen } = spec;
  const count = portCountOf(spec);
  const shown = formatPole(listen, count, isSocketPath(listen) || listen.host === LOOPBACK_HOST ? '' : `${bracketed(listen.host)}:`);
  if (isProxy(spec)) return shown;
  const fallbacks = 'fallbacks' in spec ? spec.fallbacks ?? [] : [];
  return `${shown}:${[spec.connect, ...fallbacks].map((pole) => formatPole(pole, count)).join(',')}`;
}

/** A path, in brackets where something in it would separate, or a host and its ports. */
function formatPole(pole: Endpoint, count: number, host = isSocketPath(pole) ? '' : `${bracketed(pole.host)}:`): string {
  if (isSocketPath(pole)) return (pole.path.startsWith('\\') ? /[:,]/ : /[:,\\]/).test(pole.path) ? `[${pole.path}]` : pole.path;
  return host + formatPorts(pole.port, count);
}

/** The option of ssh(1) that makes this kind of forward; a relay, of datagrams too, is written like a -L without a server. */
export function flagOf({ kind }: { readonly kind: ForwardKind }): '-L' | '-R' | '-D' {
  switch (kind) {
    case 'local':
    case 'relay':
    case 'udp':
      return '-L';
    case 'remote':
    case 'remote-dynamic':
      return '-R';
    case 'dynamic':
      return '-D';
  }
}

/** `[user@]host[:port]`. */
export function formatDestination({ host, user, port }: SshDestination): string {
  const prefix = user === undefined ? '' : `${user}@`;
  return port === undefined ? prefix + bracketed(host) : `${prefix}${bracketed(host)}:${String(port)}`;
}

/** What can be typed into Forward Port to get this forward again. */
export function formatForward(spec: ForwardSpec): string {
  return isThroughSsh(spec) ? `${formatRule(spec)} ${formatDestination(spec.target)}` : formatRule(spec);
}

/** The ssh(1) command that does the same, with an option for each port of a range: ssh has none. */
export function formatSshCommand(spec: SshSpec): string {
  const { host, user, port } = spec.target;
  const words = ['ssh', '-N', ...singlePorts(spec).flatMap((single) => [flagOf(spec), shellArgument(single)])];
  if (port !== undefined) words.push('-p', String(port));
  words.push(shellQuoted(user === undefined ? host : `${user}@${host}`));
  return words.join(' ');
}

function singlePorts(spec: SshSpec): readonly SshSpec[] {
  const count = portCountOf(spec);
  if (count === 1 || isProxy(spec)) return [spec];
  const { kind, listen, connect, target } = spec;
  return Array.from({ length: count }, (_, offset) => ({ kind, listen: nthEndpoint(listen, offset), connect: nthEndpoint(connect, offset), target }));
}

/** True when a relay would connect to its own listener, again and again. */
export function connectsToItself(listen: Endpoint, connect: Endpoint): boolean {
  if (isSocketPath(listen) || isSocketPath(connect)) return isSocketPath(listen) && isSocketPath(connect) && isSamePath(listen.path, connect.path);
  if (listen.port !== connect.port || listen.port === 0) return false;
  const [here, there] = [listen.host.toLowerCase(), dialableHost(connect.host).toLowerCase()];
  return here === there || (isWildcard(here) && isLoopback(there)) || sharesLoopback(here, there);
}

/** True for two hosts that share one of the addresses behind `localhost`: 127.0.0.1 and ::1, none of the other loopbacks. */
export function sharesLoopback(a: string, b: string): boolean {
  return (a === LOOPBACK_HOST && isFirstLoopback(b)) || (b === LOOPBACK_HOST && isFirstLoopback(a));
}

/** True when both say the same, whatever the order of their fields. */
export function isSameSpec(a: ForwardSpec, b: ForwardSpec): boolean {
  return formatForward(a) === formatForward(b);
}

/** The addresses to bind for a listen host, the first one mandatory where it can be had at all. */
export function bindAddresses({ host, port }: HostPort): HostPort[] {
  // A resolver may look up names below localhost elsewhere; RFC 6761 section 6.3 says that they are the loopback.
  if (host.toLowerCase() === LOOPBACK_HOST || host.toLowerCase().endsWith('.localhost')) return [{ host: '127.0.0.1', port }, { host: '::1', port }];
  if (host === WILDCARD_HOST || host === '') return [{ host: '0.0.0.0', port }, { host: '::', port }];
  return [{ host, port }];
}

function isFirstLoopback(host: string): boolean {
  return host === '127.0.0.1' || host === '::1' || host === LOOPBACK_HOST;
}

/** A word as a POSIX shell takes it literally. */
export function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : singleQuoted(word);
}

function singleQuoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** The argument of the flag for a shell, which replaces `~` at the beginning of a word alone; ssh does it nowhere in a forward. */
function shellArgument(spec: SshSpec): string {
  if (isProxy(spec)) return shellQuoted(formatArgument(spec));
  const marked = (pole: Endpoint): Endpoint => (isSocketPath(pole) ? { path: pole.path.replace(/^~(?=\/)/, '\0') } : pole);
  const parts = formatArgument({ ...spec, listen: marked(spec.listen), connect: marked(spec.connect) }).split('\0');
  return parts.map((part) => (part === '' && parts.length > 1 ? '' : shellQuoted(part))).join('"$HOME"');
}
