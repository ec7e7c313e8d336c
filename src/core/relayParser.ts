import { isSocketPath, type Endpoint } from './address.ts';
import { PROXY_HEADER_WORDS } from './fieldParser.ts';
import type { RelaySpec, UdpSpec } from './forwardSpec.ts';
import { connectsToItself, PROXY_HEADER_WORD, quoted, slicePiece, splitColons, TextError, UDP_PREFIX, type Piece } from './forwardText.ts';
import { readArrow, readDestinationPole, readPoles, RELAY, type Placement, type Poles } from './poleParser.ts';

/** A forward in words that are no ssh command, taken apart. */
export interface Written {
  /** `[bind:]port:host:port`; before an arrow, what listens. */
  readonly rule: Piece;
  /** After an arrow, where it leads. */
  readonly arrow: Piece | undefined;
  /** What only relays have: destinations after the first, the word for datagrams, and the word for the PROXY header. */
  readonly fallbacks: readonly Piece[];
  readonly udp: Piece | undefined;
  readonly header: Piece | undefined;
}

/** Takes the words of a forward and its SSH server apart. */
export function readWords(words: readonly Piece[]): Written & { readonly server: Piece | undefined } {
  const header = words.slice(1).find(isProxyHeaderWord);
  const left = words.filter((word) => word !== header);
  const arrow = splitArrow(left);
  const [first = arrow?.listen, ...others] = left;
  if (first === undefined) throw new TextError('A port is missing here.', { text: '', start: 0 });
  const [server, extra] = arrow?.rest ?? others;
  if (extra !== undefined) throw new TextError(`${quoted(extra.text)} is one word too many: write the forward, a space, and the SSH server.`, extra);
  const listen = arrow?.listen ?? first;
  const udp = udpPrefixOf(listen);
  const rule = udp === undefined ? listen : slicePiece(listen, udp.text.length + 1);
  const [leads = rule, ...fallbacks] = splitColons(arrow?.connect ?? rule, ',');
  return { ...(arrow === undefined ? { rule: leads, arrow: undefined } : { rule, arrow: leads }), fallbacks, udp, header, server };
}

/** The poles of a forward to its first destination. */
export function readWritten({ rule, arrow }: Written, placement: Placement): Poles {
  return arrow === undefined ? readPoles(rule, placement) : readArrow({ listen: rule, connect: arrow }, placement);
}

/** Whether anything was written that only a relay has. */
export function isForRelays({ fallbacks, udp, header }: Written): boolean {
  return fallbacks.length > 0 || udp !== undefined || header !== undefined;
}

/** Throws for what does not go through an SSH server, and says why. */
export function refuseRelayWords({ fallbacks: [fallback], udp, header }: Written): void {
  if (udp !== undefined) throw noUdp(udp);
  if (fallback !== undefined) throw noFailover(fallback);
  if (header !== undefined) throw noProxyHeader(header);
}

export function noUdp(piece: Piece): TextError {
  return new TextError('SSH carries no UDP, only streams: leave the server out for a UDP relay on this computer.', piece);
}

export function noFailover(piece: Piece): TextError {
  return new TextError('SSH leads to one destination: only a relay, without a server, tries several.', piece);
}

export function noProxyHeader(piece: Piece): TextError {
  return new TextError('SSH sends no PROXY header: only a relay, without a server, does.', piece);
}

const MAX_DESTINATIONS = 8;

/** A relay of datagrams, with several destinations, or with a PROXY header. */
export function readRelay(written: Written): RelaySpec | UdpSpec {
  const { rule, fallbacks, udp, header } = written;
  const poles = readWritten(written, RELAY);
  const [second] = fallbacks;
  if (second !== undefined && poles.portCount !== undefined) throw new TextError('A range of ports has one destination.', second);
  const tooMany = fallbacks[MAX_DESTINATIONS - 1];
  if (tooMany !== undefined) throw new TextError(`A relay has at most ${String(MAX_DESTINATIONS)} destinations.`, tooMany);
  if (connectsToItself(poles.listen, poles.connect)) throw toItself(written.arrow ?? rule);
  if (udp !== undefined) return readUdp(written, poles);
  const others = fallbacks.map((piece) => readFallback(piece, poles.listen));
  return { kind: 'relay', ...poles, ...(others.length === 0 ? {} : { fallbacks: others }), ...(header === undefined ? {} : { sendsProxyHeader: true }) };
}

function readFallback(piece: Piece, listen: Endpoint): Endpoint {
  if (piece.text === '') throw new TextError('A destination is missing after this comma.', piece);
  const fallback = readDestinationPole(piece);
  if (connectsToItself(listen, fallback)) throw toItself(piece);
  return fallback;
}

function readUdp({ rule, fallbacks: [second], header }: Written, { listen, connect, portCount }: Poles): UdpSpec {
  if (second !== undefined) throw new TextError('UDP has one destination: nobody answers whether it can be reached.', second);
  if (header !== undefined) throw new TextError('There is no PROXY header for UDP here: leave the word out.', header);
  if (portCount !== undefined) throw new TextError('A UDP relay has one port, no range.', rule);
  if (isSocketPath(listen) || isSocketPath(connect)) throw new TextError('UDP goes from port to port, not to a path.', rule);
  return { kind: 'udp', listen, connect };
}

function toItself(piece: Piece): TextError {
  return new TextError('This would connect to itself: name another destination.', piece);
}

/** The `udp` of `udp:5353:10.0.0.2:53`. */
export function udpPrefixOf(rule: Piece): Piece | undefined {
  const [first, ...others] = splitColons(rule);
  return others.length > 0 && first?.text.toLowerCase() === UDP_PREFIX ? first : undefined;
}

/** True for `send-proxy-v2`; the first version is refused. */
export function isProxyHeaderWord(word: Piece): boolean {
  if (!PROXY_HEADER_WORDS.test(word.text)) return false;
  if (word.text.toLowerCase() !== PROXY_HEADER_WORD) throw new TextError(`Only version 2 of the PROXY protocol can be sent: write ${quoted(PROXY_HEADER_WORD)}.`, word);
  return true;
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
