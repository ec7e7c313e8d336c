import { isLoopback, isSocketPath, LOOPBACK_HOST, WILDCARD_HOST, type HostPort } from './address.ts';
import { destinationOf, isNumber, PROXY_HEADER_WORDS, readBindHost, readDestination, readPort, readUser, splitFields } from './fieldParser.ts';
import type { ForwardSpec, SshDestination, SshRule, SshSpec } from './forwardSpec.ts';
import { connectsToItself, formatRule, quoted, splitColons, splitWords, TextError, type Piece, type TextProblem } from './forwardText.ts';
import { isPath } from './pathParser.ts';
import { isPorts, LOCAL, readPoles, RELAY, REMOTE, splitRule, type Placement, type Poles } from './poleParser.ts';
import { isForRelays, isProxyHeaderWord, noFailover, noProxyHeader, noUdp, readRelay, readWords, readWritten, refuseRelayWords, udpPrefixOf, type Written } from './relayParser.ts';
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
  /** The SSH server, where it is named apart from a text without one. */
  readonly target?: SshDestination;
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

/** Far above any real command; what is longer costs time at every key. */
const MAX_TEXT_LENGTH = 4_000;

function readText(text: string, context: ParseContext): Readings {
  if (text.length > MAX_TEXT_LENGTH) throw new TextError(`This text is too long: at most ${String(MAX_TEXT_LENGTH)} characters.`, { text, start: 0 });
  const words = splitWords(text);
  const first = words[0];
  if (first === undefined) throw new TextError('Type a port, host:port or port:host:port.', { text: '', start: 0 });
  if (isSshCommand(words)) return readCommand(words, context);
  const { server, ...written } = readWords(words);
  const target = server === undefined ? context.target : readDestination(server);
  return { readings: target === undefined ? readWithoutTarget(written, context) : readWithTarget(written, target), leftOut: [], notTakenOver: [] };
}

function readWithTarget(written: Written, target: SshDestination): readonly [Reading, ...Reading[]] {
  refuseRelayWords(written);
  const poles = readWritten(written, LOCAL);
  const isPort = written.arrow === undefined && isNumber(written.rule.text);
  const back = isPort ? undefined : ifPossible(() => readWritten(written, REMOTE));
  return [
    tunnel({ kind: 'local', ...poles }, target),
    ...(isPort && !isSocketPath(poles.listen) ? [tunnel({ kind: 'dynamic', listen: poles.listen }, target)] : []),
    ...(back === undefined ? [] : [tunnel({ kind: 'remote', ...back }, target)]),
  ];
}

function tunnel(rule: SshRule, target: SshDestination): Reading {
  return { kind: 'forward', spec: withTarget(rule, target) };
}

/** Without a server the text is a relay, or the server is still to be chosen; `host:port` may name the server itself. */
function readWithoutTarget(written: Written, { sshHosts }: ParseContext): readonly [Reading, ...Reading[]] {
  const { rule, arrow } = written;
  const parts = splitColons(rule);
  const [only] = parts;
  if (arrow === undefined && parts.length === 1 && only !== undefined && sshHosts.has(only.text)) {
    throw new TextError(`Which port of ${quoted(only.text)}? Write the port first, as in ${quoted(`5432 ${only.text}`)}.`, only);
  }
  if (isForRelays(written)) return [{ kind: 'forward', spec: readRelay(written) }];
  const poles = readWritten(written, RELAY);
  const through = ifPossible(() => readWritten(written, LOCAL));
  const { listen, connect } = poles;
  const viaServer: readonly Reading[] = through === undefined ? [] : [{ kind: 'needs-target', rules: [{ kind: 'local', ...through }] }];
  if (connectsToItself(listen, connect)) {
    const [reading] = viaServer;
    if (reading === undefined) throw new TextError('This would connect to itself: name another destination.', rule);
    return [reading];
  }
  const relay: Reading = { kind: 'forward', spec: { kind: 'relay', ...poles } };
  const isHostAndPort = arrow === undefined && parts.length === 2 && only !== undefined && !isPorts(only.text) && !isPath(only);
  if (!isHostAndPort || isSocketPath(connect) || isLoopback(connect.host) || PROXY_HEADER_WORDS.test(connect.host)) return [relay, ...viaServer];
  const server = tunnel({ kind: 'local', ...poles, connect: { host: LOOPBACK_HOST, port: connect.port } }, { host: connect.host });
  return sshHosts.has(connect.host) ? [server, relay] : [relay, server];
}

/** What is possible on one machine may not be on the other. */
function ifPossible<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof TextError) return undefined;
    throw error;
  }
}

function readCommand(words: readonly Piece[], context: ParseContext): Readings {
  const command = readSshArguments(words);
  const { leftOut, notTakenOver } = command;
  const rules = readRules(command);
  const target = readCommandTarget(command) ?? context.target;
  if (target === undefined) return { readings: [{ kind: 'needs-target', rules }], leftOut, notTakenOver };
  const specs = rules.map((rule) => withTarget(rule, target));
  const [spec] = specs;
  return { readings: [spec !== undefined && specs.length === 1 ? { kind: 'forward', spec } : { kind: 'forwards', specs }], leftOut, notTakenOver };
}

/** What is said twice counts once, as in ssh(1). */
function readRules({ rules, isGateway }: SshArguments): [SshRule, ...SshRule[]] {
  const unique = new Map<string, SshRule>();
  for (const { flag, text } of rules) {
    // -g widens only what listens here and names no address: an explicit "localhost" stays one (OpenSSH, channel_fwd_bind_addr).
    const read = FLAGS[flag](text, isGateway ? WILDCARD_HOST : LOOPBACK_HOST);
    unique.set(formatRule(read), read);
  }
  return [...unique.values()] as [SshRule, ...SshRule[]];
}

const FLAGS: Readonly<Record<'L' | 'R' | 'D', (text: Piece, unnamedHost: string) => SshRule>> = {
  L: (text, unnamedHost) => ({ kind: 'local', ...readFlaggedPoles(text, { ...LOCAL, unnamedHost }) }),
  R: readRemoteRule,
  D: (text, unnamedHost) => ({ kind: 'dynamic', listen: readProxyListen(text, 'D', unnamedHost) }),
};

/** As in ssh(1), a -R that names no destination is a proxy. */
function readRemoteRule(text: Piece): SshRule {
  const [a, b, c] = splitFields(text);
  const isDestination = c !== undefined || (b !== undefined && isPath(b));
  if (isDestination) return { kind: 'remote', ...readFlaggedPoles(text, REMOTE) };
  if (a !== undefined && b !== undefined && isPath(a) && isPorts(b.text)) throw new TextError(`Where on this computer? Did you mean ${quoted(`-R ${a.text}:localhost:${b.text}`)}?`, text);
  return { kind: 'remote-dynamic', listen: readProxyListen(text, 'R', LOOPBACK_HOST) };
}

function readFlaggedPoles(text: Piece, placement: Placement): Poles {
  const udp = udpPrefixOf(text);
  if (udp !== undefined) throw noUdp(udp);
  // In ssh's own syntax a path may have commas.
  const several = splitFields(text).find((field) => field.text.includes(',') && !isPath(field));
  if (several !== undefined) throw noFailover(several);
  return readPoles(text, placement);
}

/** `[bind:]port`. */
function readProxyListen(text: Piece, flag: 'R' | 'D', unnamedHost: string): HostPort {
  const udp = udpPrefixOf(text);
  if (udp !== undefined) throw noUdp(udp);
  const [a, b, extra] = splitRule(text);
  const path = [a, b].find((field) => field !== undefined && isPath(field));
  if (extra !== undefined) throw new TextError(`-${flag} takes a port, or address:port: whoever uses the proxy says where to go.`, text);
  if (path !== undefined) throw new TextError(`A proxy listens on a port, not on a path${flag === 'R' ? ': write -R path:host:port for a destination' : ''}.`, path);
  const range = [a, b].find((field) => field !== undefined && isPorts(field.text) && !isNumber(field.text));
  if (b !== undefined && isPorts(a.text) && (flag === 'R' || range === undefined)) throw new TextError(proxyAddressProblem(a, b, flag), a);
  if (range !== undefined) throw new TextError('A proxy has one port, no range.', range);
  return { host: b === undefined ? unnamedHost : readBindHost(a), port: readPort(b ?? a, 'listen') };
}

/** ssh takes the first of two numbers for an address, which nobody means; what is not a number yet is being typed. */
function proxyAddressProblem(a: Piece, b: Piece, flag: 'R' | 'D'): string {
  if (flag === 'R' && !isPorts(b.text)) return 'Write -R port:host:port, or -R port alone for a proxy on the server.';
  const meant = flag === 'R' ? `-R ${a.text}:localhost:${b.text}` : `-D ${a.text}`;
  return `${quoted(a.text)} is not an address to listen on: did you mean ${quoted(meant)}?`;
}

function readCommandTarget({ destination, port, user }: SshArguments): SshDestination | undefined {
  if (destination === undefined) return undefined;
  if (isProxyHeaderWord(destination)) throw noProxyHeader(destination);
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
