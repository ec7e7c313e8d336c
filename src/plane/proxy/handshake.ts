import { HTTP } from './http.ts';
import { MORE, NOTHING, refused, type Reader, type Reading } from './reading.ts';
import { SOCKS4 } from './socks4.ts';
import { SOCKS5 } from './socks5.ts';

/** What the client is told now, and what came of the handshake once it is over. */
export interface HandshakeStep {
  /** May be empty. */
  readonly answer: Buffer;
  readonly outcome: Extract<Reading, { kind: 'request' | 'refused' }> | undefined;
}

/** SOCKS and HTTP have no first byte in common. */
const ANY: Reader = {
  read: (bytes) => (bytes[0] === undefined ? MORE : begin(bytes[0])),
  unfinished: NOTHING,
};

/**
 * Reads what a client says before its connection can be relayed: SOCKS 4, 4a and 5 and HTTP, told apart by the first
 * byte. Pure: bytes in, however they are cut, and a step out.
 */
export class Handshake {
  #reader = ANY;
  #received = NOTHING;

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

function begin(first: number): Reading {
  const reader = first === 4 ? SOCKS4 : first === 5 ? SOCKS5 : isPrintable(first) ? HTTP : undefined;
  return reader === undefined ? refused(NOTHING, 'neither SOCKS nor HTTP') : { kind: 'next', length: 0, answer: NOTHING, reader };
}

function isPrintable(byte: number): boolean {
  return byte > 0x20 && byte < 0x7f;
}
