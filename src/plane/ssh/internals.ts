import type { Channel, Client } from 'ssh2';

/** Where one direction of a channel stands, in ssh2's own words. */
type DirectionState = 'open' | 'eof' | 'closing' | 'closed';

/**
 * The part of ssh2's channel that its types leave out and the relay rules need: whether an end came from the peer or
 * from the death of the transport, and a way to stop ssh2 from writing to a channel that is closed (RFC 4254 section 5.3;
 * golang.org/x/crypto/ssh ends the whole connection over a message for a closed channel).
 */
export interface ChannelInternals {
  readonly incoming: { state: DirectionState };
  readonly outgoing: { state: DirectionState };
}

/** What answers for the window of a channel, where this ssh2 has it. */
interface WindowInternals {
  readonly incoming: { window?: number };
  readonly outgoing: { readonly id?: number; readonly state: DirectionState };
  readonly _client?: { readonly _protocol?: { channelWindowAdjust?: (channel: number, bytes: number) => void } };
}

/** The window that ssh2 grants for a channel (MAX_WINDOW of its Channel.js). */
export const WINDOW_BYTES = 2 * 1024 * 1024;

/**
 * Gives the server back at once what it may send (RFC 4254 section 5.2), be it nothing, where ssh2 would wait for half the
 * window: a packet of ours acknowledges those of the server. sshd leaves Nagle's algorithm on for connections that only
 * forward, and holds back the second of two small packets, such as a greeting behind the channel's confirmation or an end
 * behind the last answer, until our system's delayed acknowledgement, 40 ms later. Does nothing where ssh2 is not as expected.
 */
export function acknowledge(channel: Channel): void {
  credit(channel, (window, unread) => Math.max(0, WINDOW_BYTES - window - unread));
}

/** Lets the server have this much on its way to us, once half of it is used up and taken; nothing where ssh2 is not as expected. */
export function grantWindow(channel: Channel, sizeBytes: number): void {
  credit(channel, (window, unread) => {
    const due = sizeBytes - window - unread;
    return due < sizeBytes / 2 ? undefined : due;
  });
}

/** `bytesFor` says how much to add to the present window, of which what waits here unread is not free again; undefined sends nothing. */
function credit(channel: Channel, bytesFor: (window: number, unreadBytes: number) => number | undefined): void {
  const { incoming, outgoing, _client: client } = channel as unknown as WindowInternals;
  const protocol = client?._protocol;
  // After our own end the server still sends; after a close nothing may follow.
  if ((outgoing.state !== 'open' && outgoing.state !== 'eof') || typeof outgoing.id !== 'number' || typeof incoming.window !== 'number') return;
  if (typeof protocol?.channelWindowAdjust !== 'function') return;
  const bytes = bytesFor(incoming.window, channel.readableLength);
  if (bytes === undefined) return;
  incoming.window += bytes;
  protocol.channelWindowAdjust(outgoing.id, bytes);
}

/**
 * Lets ssh2 credit only what was taken, but for so many bytes: else a channel that is not read fills up with its window and
 * all that was credited meanwhile, twice what the server may send. Does nothing where Node is not as expected.
 */
export function boundUnread(channel: Channel, bytes: number): void {
  const state = (channel as unknown as { readonly _readableState?: { highWaterMark?: unknown } })._readableState;
  if (typeof state?.highWaterMark === 'number') state.highWaterMark = bytes;
}

/** The channel with its internals; throws when this ssh2 has others than 1.17. */
export function withInternals<T extends Channel>(channel: T): T & ChannelInternals {
  const candidate = channel as T & Partial<ChannelInternals>;
  if (typeof candidate.incoming?.state !== 'string' || typeof candidate.outgoing?.state !== 'string') {
    throw new Error('ssh2 has changed: a channel without the states of its directions');
  }
  return candidate as T & ChannelInternals;
}

/** What both sides agreed on, in their own names. */
export interface Negotiated {
  readonly keyExchange: string;
  readonly hostKey: string;
  readonly cipher: string;
  /** Empty for a cipher that authenticates by itself. */
  readonly mac: string;
}

interface NegotiationInternals {
  readonly _protocol?: { readonly _kex?: { readonly negotiated?: { readonly kex?: unknown; readonly serverHostKey?: unknown; readonly cs?: { readonly cipher?: unknown; readonly mac?: unknown } } } };
}

/** The algorithms of the key exchange under way, which ssh2 tells only when it is over; undefined where this ssh2 is not as expected. */
export function negotiatedBy(client: Client): Negotiated | undefined {
  const negotiated = (client as unknown as NegotiationInternals)._protocol?._kex?.negotiated;
  const { kex, serverHostKey, cs } = negotiated ?? {};
  if (typeof kex !== 'string' || typeof serverHostKey !== 'string' || typeof cs?.cipher !== 'string') return undefined;
  return { keyExchange: kex, hostKey: serverHostKey, cipher: cs.cipher, mac: typeof cs.mac === 'string' ? cs.mac : '' };
}

/** The part of ssh2's client that hands over messages which it has no event for. */
interface ClientInternals {
  readonly _protocol: { readonly _handlers: Record<string, unknown> };
}

/** Calls `onRemark` with the texts of SSH_MSG_DEBUG (RFC 4253 section 11.3) of a client that has begun to connect. */
export function onServerRemark(client: Client, onRemark: (text: string) => void): void {
  const handlers = (client as unknown as Partial<ClientInternals>)._protocol?._handlers;
  if (typeof handlers !== 'object') throw new Error('ssh2 has changed: a client without the handlers of its messages');
  handlers['DEBUG'] = (_protocol: unknown, _isToBeShown: boolean, text: unknown) => { onRemark(String(text)); };
}

/** The part of ssh2's client that keeps a connection alive. */
interface KeepaliveInternals {
  readonly _callbacks?: unknown[];
  readonly _protocol?: { readonly ping?: () => void };
}

/**
 * Asks the server for an answer of any kind (keepalive@openssh.com, PROTOCOL of OpenSSH, section 2.4 says how); false where
 * this ssh2 is not as expected. Global requests are answered in order (RFC 4254 section 4), which is how ssh2 tells them apart.
 */
export function ping(client: Client, onAnswer: () => void): boolean {
  const { _callbacks: callbacks, _protocol: protocol } = client as unknown as KeepaliveInternals;
  if (!Array.isArray(callbacks) || typeof protocol?.ping !== 'function') return false;
  callbacks.push(onAnswer);
  protocol.ping();
  return true;
}

/** What ssh2 builds a packet with, and then encrypts and writes it. */
export interface PacketCipher {
  /** Gives a packet with its lengths and its padding, in which the payload is to be filled in. */
  allocPacket(payloadBytes: number): Buffer;
  encrypt(packet: Buffer): void;
}

/** What is sent goes through it until the next key exchange; undefined where that is not AES-GCM or this ssh2 is not as expected. */
export function gcmCipherOf(client: Client): PacketCipher | undefined {
  const cipher = (client as unknown as { readonly _protocol?: { readonly _cipher?: Partial<PacketCipher> } })._protocol?._cipher;
  if (typeof cipher?.allocPacket !== 'function' || typeof cipher.encrypt !== 'function') return undefined;
  const name: unknown = Object.getOwnPropertyDescriptor(cipher, '_encSSLName')?.value;
  return typeof name === 'string' && name.endsWith('-gcm') ? (cipher as PacketCipher) : undefined;
}

/** The part of ssh2's client that parses what the server sends. */
interface ProtocolInternals {
  parse(chunk: Buffer, start: number, end: number): void;
  readonly _handlers: { DISCONNECT(protocol: unknown, reason: number, text: string): void };
}

/** What a connection looks at before ssh2 does, or what ssh2 keeps to itself. */
export interface Watcher {
  /** Gets what the server sends until it gives bytes on to ssh2's parser; may throw, which ssh2's client tells as its error. */
  takeHeader(chunk: Buffer): Buffer | undefined;
  /** The server's reason for its goodbye (RFC 4253 section 11.1): of some reasons ssh2's client tells nothing. */
  onDisconnect(text: string): void;
}

/** Puts the watcher between a server and ssh2's client, which must have been told to connect; throws when this ssh2 is another than 1.17. */
export function watchProtocol(client: Client, watcher: Watcher): void {
  const protocol = (client as Client & { readonly _protocol?: Partial<ProtocolInternals> })._protocol;
  const { parse, _handlers: handlers } = protocol ?? {};
  if (protocol === undefined || typeof parse !== 'function' || typeof handlers?.DISCONNECT !== 'function') {
    throw new Error('ssh2 has changed: a client without a parser and handlers');
  }
  protocol.parse = (chunk, start, end) => {
    const header = watcher.takeHeader(chunk.subarray(start, end));
    if (header === undefined) return;
    protocol.parse = parse;
    parse.call(protocol, header, 0, header.length);
  };
  const disconnect = handlers.DISCONNECT.bind(handlers);
  handlers.DISCONNECT = (from, reason, text) => {
    watcher.onDisconnect(text);
    disconnect(from, reason, text);
  };
}
