/** How much follows the head of a message: a number of bytes, or chunks that say it themselves. */
export type BodyLength = number | 'chunked';

/** Nobody's chunk has a size line or a trailer that is longer. */
const LINE_MAX_LENGTH = 16 * 1024;

/** What a request says about its body (RFC 9112 section 6.3); undefined for what servers understand differently. */
export function bodyLengthOf(lengths: readonly string[], encodings: readonly string[]): BodyLength | undefined {
  const [length = '0', ...others] = lengths;
  const [encoding] = encodings;
  if (encoding !== undefined) return lengths.length === 0 && encodings.length === 1 && /(?:^|,[\t ]*)chunked$/i.test(encoding) ? 'chunked' : undefined;
  return /^\d{1,15}$/.test(length) && others.every((other) => other === length) ? Number(length) : undefined;
}

/** Finds where a message ends in the bytes that are passed on, however they are cut. */
export class MessageEnd {
  readonly #isChunked: boolean;
  /** Bytes that belong to the message whatever they are. */
  #left: number;
  /** What has come of a line between or behind the chunks. */
  #line = '';
  #isInTrailer = false;
  #isOver = false;

  /** `headLength` is that of the head as it is passed on. */
  constructor(headLength: number, body: BodyLength) {
    this.#isChunked = body === 'chunked';
    this.#left = headLength + (body === 'chunked' ? 0 : body);
  }

  /** How many of the bytes that come next belong to the message. */
  take(bytes: Buffer): number {
    let at = 0;
    while (at < bytes.length && !this.#isOver) at += this.#left > 0 ? this.#count(bytes.length - at) : this.#readLine(bytes.subarray(at));
    return at;
  }

  #count(available: number): number {
    const length = Math.min(this.#left, available);
    this.#left -= length;
    if (this.#left === 0 && !this.#isChunked) this.#isOver = true;
    return length;
  }

  #readLine(bytes: Buffer): number {
    const lineFeed = bytes.indexOf(0x0a);
    const length = lineFeed === -1 ? bytes.length : lineFeed + 1;
    this.#line += bytes.toString('latin1', 0, length);
    if (this.#line.length > LINE_MAX_LENGTH) this.#isOver = true;
    else if (lineFeed !== -1) this.#endLine();
    return length;
  }

  /** RFC 9112 section 7.1. What is no size is for the server to refuse, and nothing goes on behind it. */
  #endLine(): void {
    const line = this.#line.trimEnd();
    this.#line = '';
    if (this.#isInTrailer) {
      this.#isOver = line === '';
      return;
    }
    const size = /^([\da-f]{1,12})[\t ]*(?:;|$)/i.exec(line)?.[1];
    if (size === undefined) this.#isOver = true;
    else if (Number.parseInt(size, 16) === 0) this.#isInTrailer = true;
    else this.#left = Number.parseInt(size, 16) + '\r\n'.length;
  }
}
