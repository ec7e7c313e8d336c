import type { HostPort } from '../../core/address.ts';
import type { FailureCode } from '../../core/failure.ts';
import type { CloseReason } from '../../core/forward.ts';
import type { MessageEnd } from './messageEnd.ts';

/** What a client asked of the proxy, and how to answer it in its own protocol. */
export interface ProxyRequest {
  readonly destination: HostPort;
  /** For the client, once the destination is reached. */
  readonly granted: Buffer;
  /** For the client, when the destination is not reached. */
  refusal(code: FailureCode): Buffer;
  /** For the destination, before everything that still comes: what came behind the request, or was made of it. */
  readonly early: Buffer;
  /** Where that ends which may be passed on, `early` included; absent for what has no end of its own. */
  readonly end?: MessageEnd;
}

/** What the bytes so far amount to. */
export type Reading =
  | { readonly kind: 'more' }
  /** The first `length` bytes are dealt with by this answer; the rest is for another reader. */
  | { readonly kind: 'next'; readonly length: number; readonly answer: Buffer; readonly reader: Reader }
  | { readonly kind: 'request'; readonly request: ProxyRequest }
  /** An empty answer means that none fits. */
  | { readonly kind: 'refused'; readonly answer: Buffer; readonly detail: string; readonly closeReason: RefusalReason };

/** Whether the client was not understood, or did not show that it may use the proxy. */
export type RefusalReason = Extract<CloseReason, 'not-understood' | 'login-refused'>;

/** Understands one message of a protocol. */
export interface Reader {
  /** Reads a message from its beginning; pure, and asked again with more bytes as long as it says `more`. */
  read(bytes: Buffer): Reading;
  /** For a client that does not finish its message. */
  readonly unfinished: Buffer;
}

export const MORE: Reading = { kind: 'more' };

export const NOTHING = Buffer.alloc(0);

/** The end of a handshake, with what its client is told. */
export function refused(answer: Buffer, detail: string, closeReason: RefusalReason = 'not-understood'): Reading {
  return { kind: 'refused', answer, detail, closeReason };
}
