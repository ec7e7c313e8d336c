import { LOOPBACK_HOST, WILDCARD_HOST, isLoopback, type HostPort } from './address.ts';
import { destinationOf, isNumber, readBindHost, readDestination, readHost, readPort, readUser, splitFields } from './fieldParser.ts';
import { isProxy, listensOnServer, type ForwardSpec, type SshDestination, type SshRule, type SshSpec } from './forwardSpec.ts';
import { connectsToItself, formatRule, quoted, slicePiece, splitColons, splitWords, TextError, type Piece, type TextProblem } from './forwardText.ts';
import { isSshCommand, readSshArguments, type SshArguments } from './sshArguments.ts';

/** One meaning of a text: a whole forward, the several of one command, or what lacks its SSH server. */
export type Reading =
  | { readonly kind: 'forward'; readonly spec: ForwardSpec }
  | { readonly kind: 'forwards'; readonly specs: readonly SshSpec[] }
  | { readonly kind: 'needs-target'; readonly rules: readonly [SshRule, ...SshRule[]] };

/** What a text means, the most plausible reading first, and what a command said besides. */
export interface Readings {
  readonly readings: readonly [Reading, ...Reading[]];
  /** What means nothing for a forward. */
  readonly leftOut: readonly string[];
  /** What decides how the server is reached or who logs in, and belongs into ssh_config. */
  readonly notTakenOver: readonly string[];
}

export type ParseResult = ({ readonly isValid: true } & Readings) | { readonly isValid: false; readonly problem: TextProblem };

export interface ParseContext {
  /** The aliases of the user's ssh_config: they tell `db:5432` the server from `db:5432` the destination. */
  readonly sshHosts: ReadonlySet<string>;
}

/**
 * Reads what people type for a forward: ssh(1)'s `[bind:]port:host:hostport`, its shorter forms, with a server after it,
 * or a whole ssh command with -L, -R and -D. The first reading is the most plausible one.
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

/** The same rule with its server. */
export function withTarget(rule: SshRule, target: SshDestination): SshSpec {
  return { ...rule, target };
}

interface Poles {
  readonly listen: HostPort;
  readonly connect: HostPort;
}

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
  if (arrow === undefined && target === undefined) return alone(readWithoutTarget(first, context));
  const poles = arrow === undefined ? readPoles(first) : { listen: readListen(arrow.listen), connect: readConnect(arrow.connect) };
  if (target === undefined) return alone(relayOrTunnel(poles));
  const isPort = arrow === undefined && isNumber(first.text);
  const rules: readonly SshRule[] = [{ kind: 'local', ...poles }, isPort ? { kind: 'dynamic', listen: poles.listen } : { kind: 'remote', ...poles }];
  return alone(forwards(rules, readDestination(target)));
}

function alone(readings: readonly Reading[]): Readings {
  return { readings: readings as [Reading, ...Reading[]], leftOut: [], notTakenOver: [] };
}

function forwards(rules: readonly SshRule[], target: SshDestination): readonly Reading[] {
  return rules.map((rule) => ({ kind: 'forward', spec: withTarget(rule, target) }));
}

function readCommand(words: readonly Piece[]): Readings {
  const command = readSshArguments(words);
  const { leftOut, notTakenOver } = command;
  const rules = readRules(command);
  const target = readCommandTarget(command);
  if (target === undefined) return { readings: [{ kind: 'needs-target', rules }], leftOut, notTakenOver };
  const specs = rules.map((rule) => withTarget(rule, target));
  const [spec] = specs;
  return { readings: [spec !== undefined && specs.length === 1 ? { kind: 'forward', spec } : { kind: 'forwards', specs }], leftOut, notTakenOver };
}

/** What is said twice counts once, as in ssh(1). */
function readRules({ rules, isGateway }: SshArguments): [SshRule, ...SshRule[]] {
  const unique = new Map<string, SshRule>();
  for (const { flag, text } of rules) {
    const rule = FLAGS[flag](text);
    // -g widens only what listens here and names no address: an explicit "localhost" stays one (OpenSSH, channel_fwd_bind_addr).
    const isWidened = isGateway && !listensOnServer(rule) && splitColons(text).length < (isProxy(rule) ? 2 : 4);
    const read: SshRule = isWidened ? { ...rule, listen: { ...rule.listen, host: WILDCARD_HOST } } : rule;
    unique.set(formatRule(read), read);
  }
  return [...unique.values()] as [SshRule, ...SshRule[]];
}

const FLAGS: Readonly<Record<'L' | 'R' | 'D', (text: Piece) => SshRule>> = {
  L: (text) => ({ kind: 'local', ...readPoles(text) }),
  R: readRemoteRule,
  D: (text) => ({ kind: 'dynamic', listen: readProxyListen(text, 'D') }),
};

/** As in ssh(1), a -R that names no destination is a proxy. */
function readRemoteRule(text: Piece): SshRule {
  return splitRule(text).length < 3 ? { kind: 'remote-dynamic', listen: readProxyListen(text, 'R') } : { kind: 'remote', ...readPoles(text) };
}

/** `[bind:]port`. */
function readProxyListen(text: Piece, flag: 'R' | 'D'): HostPort {
  const [a, b, extra] = splitRule(text);
  if (extra !== undefined) throw new TextError(`-${flag} takes a port, or address:port: whoever uses the proxy says where to go.`, text);
  if (b === undefined) return { host: LOOPBACK_HOST, port: readPort(a, 'listen') };
  if (isNumber(a.text)) throw new TextError(proxyAddressProblem(a, b, flag), a);
  return { host: readBindHost(a), port: readPort(b, 'listen') };
}

/** ssh takes the first of two numbers for an address, which nobody means; what is not a number yet is being typed. */
function proxyAddressProblem(a: Piece, b: Piece, flag: 'R' | 'D'): string {
  if (flag === 'R' && !isNumber(b.text)) return 'Write -R port:host:port, or -R port alone for a proxy on the server.';
  const meant = flag === 'R' ? `-R ${a.text}:localhost:${b.text}` : `-D ${a.text}`;
  return `${quoted(a.text)} is not an address to listen on: did you mean ${quoted(meant)}?`;
}

function readCommandTarget({ destination, port, user }: SshArguments): SshDestination | undefined {
  if (destination === undefined) return undefined;
  const target = readDestination(destination);
  const explicitPort = firstSaid(port, port && readPort(port, 'connect'), destination, target.port);
  const explicitUser = firstSaid(user, user && readUser(user), destination, target.user);
  return destinationOf(target.host, explicitUser, explicitPort);
}

/** What is said twice, by an option and in the destination, counts where it comes first, as in ssh(1). */
function firstSaid<T>(option: Piece | undefined, byOption: T | undefined, destination: Piece, inDestination: T | undefined): T | undefined {
  const isOptionFirst = option !== undefined && option.start < destination.start;
  return isOptionFirst ? byOption : inDestination ?? byOption;
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
  const connect: HostPort = { host: LOOPBACK_HOST, port: poles.connect.port };
  const server: Reading = { kind: 'forward', spec: { kind: 'local', listen: poles.listen, connect, target: { host: poles.connect.host } } };
  return sshHosts.has(poles.connect.host) ? [server, relay] : [relay, server];
}

function relayOrTunnel(poles: Poles): readonly [Reading, ...Reading[]] {
  const viaServer: Reading = { kind: 'needs-target', rules: [{ kind: 'local', ...poles }] };
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
