import type { HostPort } from '../../../../src/core/address.ts';
import { Handshake } from '../../../../src/plane/proxy/handshake.ts';
import type { ProxyRequest } from '../../../../src/plane/proxy/reading.ts';
import type { ProxyCredentials } from '../../../../src/protocol/messages.ts';

/** All ways to cut a short text in two, and to the byte; for a long one some. */
export function cuts(bytes: Buffer): Buffer[][] {
  const step = Math.max(1, Math.floor(bytes.length / 600));
  const inTwo = Array.from({ length: Math.ceil(bytes.length / step) }, (_, index) => [bytes.subarray(0, index * step), bytes.subarray(index * step)]);
  return [[bytes], ...inTwo, Array.from(bytes, (byte) => Buffer.from([byte]))];
}

/** What came of a handshake; answers are hexadecimal. */
export interface Conversation {
  readonly answer: string;
  readonly isRefused: boolean;
  readonly isOver: boolean;
  readonly destination: HostPort | undefined;
  readonly granted: string | undefined;
  readonly early: string | undefined;
  readonly request: ProxyRequest | undefined;
}

/** Hands these chunks to a new handshake until it is over; what is left then belongs to the destination. */
export function converse(chunks: readonly Buffer[], credentials?: ProxyCredentials): Conversation {
  const handshake = new Handshake(credentials);
  const answers: Buffer[] = [];
  for (const [index, chunk] of chunks.entries()) {
    const { answer, outcome } = handshake.push(chunk);
    answers.push(answer);
    if (outcome?.kind === 'refused') return { ...nothing(Buffer.concat([...answers, outcome.answer])), isRefused: true, isOver: true };
    if (outcome?.kind === 'request') {
      const { request } = outcome;
      const early = Buffer.concat([request.early, ...chunks.slice(index + 1)]).toString('latin1');
      return { ...nothing(Buffer.concat(answers)), isOver: true, destination: request.destination, granted: request.granted.toString('hex'), early, request };
    }
  }
  return nothing(Buffer.concat(answers));
}

function nothing(answer: Buffer): Conversation {
  return { answer: answer.toString('hex'), isRefused: false, isOver: false, destination: undefined, granted: undefined, early: undefined, request: undefined };
}
