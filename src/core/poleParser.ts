import { isSocketPath, LOOPBACK_HOST, type Endpoint } from './address.ts';
import { isNumber, readBindHost, readHost, readPort, splitFields } from './fieldParser.ts';
import { quoted, slicePiece, TextError, type Piece } from './forwardText.ts';
import { isPath, readPath, type Side } from './pathParser.ts';

/** Where a forward listens and connects. */
export interface Poles {
  readonly listen: Endpoint;
  readonly connect: Endpoint;
  /** Where both are ranges: how many ports, 2 or more. */
  readonly portCount?: number;
}

/** What cannot be seen in a text: which machine each pole is on, and where ports listen that name no address. */
export interface Placement {
  readonly listen: Side;
  readonly connect: Side;
  readonly unnamedHost: string;
}

export const LOCAL: Placement = { listen: 'here', connect: 'server', unnamedHost: LOOPBACK_HOST };
export const REMOTE: Placement = { listen: 'server', connect: 'here', unnamedHost: LOOPBACK_HOST };
export const RELAY: Placement = { listen: 'here', connect: 'here', unnamedHost: LOOPBACK_HOST };

/** `[bind:]port:host:port` and its shorter forms, with a path or a range in the place of ports. */
export function readPoles(rule: Piece, placement: Placement): Poles {
  const fields = splitRule(rule);
  const [listening, connecting] = splitPoles(fields);
  const refuse = (): TextError => tooMany(fields, rule);
  if (listening !== undefined) return joined(readListenFields(listening, placement, refuse), readConnectFields(connecting, placement, refuse));
  const connect = readConnectFields(connecting, placement, refuse);
  if (isSocketPath(connect.endpoint)) throw new TextError(`${quoted(rule.text)} is one end only: write what listens before it, as in ${quoted(`5432:${rule.text}`)}.`, rule);
  return joined({ ...connect, endpoint: { host: placement.unnamedHost, port: connect.endpoint.port } }, connect);
}

/** The two sides of an arrow: `[bind:]port` and `[host:]port`, or paths. */
export function readArrow({ listen, connect }: { readonly listen: Piece; readonly connect: Piece }, placement: Placement): Poles {
  const listening = readListenFields(splitRule(listen), placement, () => new TextError('Before the arrow belongs a port, or address:port.', listen));
  return joined(listening, readConnectFields(splitRule(connect), placement, () => new TextError('After the arrow belongs a port, or host:port.', connect)));
}

/** A further destination: `[host:]port`, or a path. */
export function readDestinationPole(piece: Piece): Endpoint {
  const { endpoint, count } = readConnectFields(splitRule(piece), RELAY, () => new TextError('After a comma belongs a port, host:port or a path.', piece));
  if (count > 1) throw new TextError('A range of ports has one destination.', piece);
  return endpoint;
}

/** The fields of a rule. */
export function splitRule(rule: Piece): [Piece, ...Piece[]] {
  if (/^[a-z][\w+.-]*:\/\//i.test(rule.text)) throw new TextError(`${quoted(rule.text)} is a web address: write only its host:port.`, rule);
  const parts = splitFields(rule);
  if (parts.length > 4) throw tooMany(parts, rule);
  return parts as [Piece, ...Piece[]];
}

/** True for a port and for a range of them. */
export function isPorts(text: string): boolean {
  return isNumber(text) || RANGE.test(text);
}

const RANGE = /^(\d+)-(\d+)$/;
const MAX_PORT_COUNT = 1_000;

interface Pole {
  readonly endpoint: Endpoint;
  /** How many ports in a row; 1 for a path. */
  readonly count: number;
  readonly piece: Piece;
}

type Fields = readonly [Piece, ...Piece[]];

/** The fields of each pole; without the first where the port is the same at both ends. */
function splitPoles(fields: Fields): readonly [Fields | undefined, Fields] {
  const at = (index: number): readonly [Fields, Fields] => [fields.slice(0, index) as [Piece, ...Piece[]], fields.slice(index) as [Piece, ...Piece[]]];
  const [first] = fields;
  if (fields.length === 1) return [undefined, fields];
  if (isPath(fields.at(-1) ?? first)) return at(fields.length - 1);
  if (isPath(first)) return at(1);
  if (fields.length === 2 && !isPorts(first.text)) return [undefined, fields];
  return at(fields.length === 4 ? 2 : 1);
}

function readListenFields([a, b, extra]: Fields, { listen, unnamedHost }: Placement, refuse: () => TextError): Pole {
  if (extra !== undefined || (isPath(a) && b !== undefined)) throw refuse();
  if (isPath(a)) return { endpoint: { path: readPath(a, listen) }, count: 1, piece: a };
  const host = b === undefined ? unnamedHost : readBindHost(a);
  const { port, count } = readPorts(b ?? a, 'listen');
  return { endpoint: { host, port }, count, piece: b ?? a };
}

function readConnectFields([a, b, extra]: Fields, { connect }: Placement, refuse: () => TextError): Pole {
  if (extra !== undefined) throw refuse();
  if (b === undefined && isPath(a)) return { endpoint: { path: readPath(a, connect) }, count: 1, piece: a };
  const host = b === undefined ? LOOPBACK_HOST : readHost(a);
  const { port, count } = readPorts(b ?? a, 'connect');
  return { endpoint: { host, port }, count, piece: b ?? a };
}

function joined(listen: Pole, connect: Pole): Poles {
  const poles = { listen: listen.endpoint, connect: connect.endpoint };
  if (listen.count === connect.count) return listen.count === 1 ? poles : { ...poles, portCount: listen.count };
  const range = listen.count > 1 ? listen : connect;
  if (isSocketPath(poles.listen) || isSocketPath(poles.connect)) throw new TextError('A range of ports leads to a range of ports, not to a socket.', range.piece);
  throw new TextError(`Both ends need the same number of ports: here ${String(listen.count)} would lead to ${String(connect.count)}.`, connect.piece);
}

function readPorts(piece: Piece, pole: 'listen' | 'connect'): { readonly port: number; readonly count: number } {
  const [, from, to] = RANGE.exec(piece.text) ?? [];
  if (from === undefined || to === undefined) return { port: readPort(piece, pole), count: 1 };
  const port = readPort(slicePiece(piece, 0, from.length), 'listen');
  const last = readPort(slicePiece(piece, from.length + 1), 'listen');
  if (last < port) throw new TextError(`A range goes up: write ${quoted(`${to}-${from}`)}.`, piece);
  if (port === 0) throw new TextError('A range begins with port 1 or one above.', piece);
  const count = last - port + 1;
  if (count > MAX_PORT_COUNT) throw new TextError(`A range has at most ${String(MAX_PORT_COUNT)} ports, and this one has ${String(count)}.`, piece);
  return { port, count };
}

function tooMany(fields: readonly Piece[], rule: Piece): TextError {
  const example = fields.some(isPath) ? 'A path with a colon needs brackets, as in [/run/a:b].' : 'An IPv6 address needs brackets, as in [::1].';
  return new TextError(`Too many parts. ${example}`, rule);
}
