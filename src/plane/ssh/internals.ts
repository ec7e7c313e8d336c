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

/** The channel with its internals; throws when this ssh2 has others than 1.17. */
export function withInternals<T extends Channel>(channel: T): T & ChannelInternals {
  const candidate = channel as T & Partial<ChannelInternals>;
  if (typeof candidate.incoming?.state !== 'string' || typeof candidate.outgoing?.state !== 'string') {
    throw new Error('ssh2 has changed: a channel without the states of its directions');
  }
  return candidate as T & ChannelInternals;
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
