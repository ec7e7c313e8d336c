import type { ProxyCredentials } from '../../protocol/messages.ts';
import { httpReader } from './http.ts';
import { MORE, NOTHING, refused, type Reader, type Reading } from './reading.ts';
import { SOCKS4, SOCKS4_WITHOUT_LOGIN } from './socks4.ts';
import { socks5Reader } from './socks5.ts';

/** What the client is told now, and what came of the handshake once it is over. */
export interface HandshakeStep {
  /** May be empty. */
  readonly answer: Buffer;
  readonly outcome: Extract<Reading, { kind: 'request' | 'refused' }> | undefined;
}

/**
 * Reads what a client says before its connection can be relayed: SOCKS 4, 4a and 5 and HTTP, told apart by the first
 * byte. Pure: bytes in, however they are cut, and a step out. With credentials, only who shows them gets to a request.
 */
export class Handshake {
  #reader: Reader;
  #received = NOTHING;

  constructor(credentials?: ProxyCredentials) {
    this.#reader = { read: ([first]) => (first === undefined ? MORE : begin(first, credentials)), unfinished: NOTHING };
  }

  /** Takes what came next; not to be called after an outcome. */
  push(chunk: Buffer): HandshakeStep {
    this.#received = Buffer.concat([this.#received, chunk]);
    const answers: Buffer[] = [];
    for (;;) {
      const reading = this.#reader.read(this.#received);
      if (reading.kind !== 'next') return { answer: Buffer.concat(answers), outcome: reading.kind === 'more' ? undefined : reading };
      answers.push(reading.answer);
      this.#received = this.#received.subarray(reading.length);
      this.#reader = reading.reader;
    }
  }

  /** What to tell a client that has not finished its request; may be empty. */
  get unfinished(): Buffer {
    return this.#reader.unfinished;
  }
}

function begin(first: number, credentials: ProxyCredentials | undefined): Reading {
  const reader = readerFor(first, credentials);
  return reader === undefined ? refused(NOTHING, 'neither SOCKS nor HTTP') : { kind: 'next', length: 0, answer: NOTHING, reader };
}

/** SOCKS and HTTP have no first byte in common. */
function readerFor(first: number, credentials: ProxyCredentials | undefined): Reader | undefined {
  if (first === 4) return credentials === undefined ? SOCKS4 : SOCKS4_WITHOUT_LOGIN;
  if (first === 5) return socks5Reader(credentials);
  return isPrintable(first) ? httpReader(credentials) : undefined;
}

function isPrintable(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}
