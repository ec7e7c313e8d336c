/*
 * How much a socket reads in one turn of the loop. The more that is, the fewer wake-ups on both sides a byte costs: with
 * 64 KiB a GB takes 0.6 s of processor time, with 1 MiB 0.25 s. But whoever else is connected waits until that turn is over,
 * so that the size follows who else reads.
 */

/**
 * What a connection that has not said much reads into: one buffer for all, so that what it brought is copied. Nothing is in
 * it between calls: libuv reads once it knows that there is something (uv__read; on Windows after a read of nothing).
 */
const FIRST_BYTES = 4 * 1024;
/** A turn while others exchange small things, whose round trip it lengthens. */
export const SHARED_BYTES = 64 * 1024;
/** The least of a turn where all that goes on is bulk. */
const BULK_BYTES = 128 * 1024;
/** The turn of a bulk transfer that is alone; several divide it. */
const ALONE_BYTES = 1024 * 1024;

/** For so many reads after a small one its sender may have more to ask: 10 ms, where all of them are turns. */
const COMPANY_READS = 256;
/** Reads in a row that fill the buffer, before it grows further. */
const FULL_READS = 4;
/** Reads in a row that would have fitted in an eighth of the buffer, before it is given back. */
const MODEST_READS = 16;

/** All that is read in this thread. */
export class ReadingCompany {
  readonly first = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #readCount = 0;
  #lastSmallRead = -COMPANY_READS;

  /** Gives the number of this read. */
  count(isSmall: boolean): number {
    this.#readCount += 1;
    if (isSmall) this.#lastSmallRead = this.#readCount;
    return this.#readCount;
  }

  /** The size of a turn for one whose last two reads are so many reads apart. */
  turnBytes(distance: number): number {
    if (this.#readCount - this.#lastSmallRead < COMPANY_READS) return SHARED_BYTES;
    return Math.max(BULK_BYTES, ALONE_BYTES / 2 ** Math.ceil(Math.log2(distance)));
  }
}

/** Where one socket reads to: nothing of its own until a read fills the common buffer, and again when it rests. */
export class ReadBuffer {
  readonly #company: ReadingCompany;
  readonly #fixedBytes: number | undefined;
  #own: Buffer | undefined;
  /** The part of its own that is in use, or the common one. */
  #current: Buffer;
  #lastRead = 0;
  /** Counts reads in a row that were full up, and those that were modest down. */
  #streak = 0;

  /** `fixedBytes` is the size of its own for one that carries many connections and is none itself. */
  constructor(company: ReadingCompany, fixedBytes?: number) {
    this.#company = company;
    this.#fixedBytes = fixedBytes;
    this.#current = company.first;
  }

  /** Where the next read goes. */
  get current(): Buffer {
    return this.#current;
  }

  /** Whether a read of this length was a turn of the loop. */
  isTurn(length: number): boolean {
    return this.#own !== undefined && length === this.#current.length;
  }

  /** Gives what a read has brought, good until the next one, and chooses where that goes. */
  take(length: number): Buffer {
    const bytes = this.#current;
    const distance = this.#count(length);
    if (this.#own === undefined) {
      if (length === bytes.length) this.#use(this.#fixedBytes ?? SHARED_BYTES);
      return Buffer.from(bytes.subarray(0, length));
    }
    if (length === bytes.length) this.#streak = Math.max(this.#streak, 0) + 1;
    else this.#streak = length * 8 > bytes.length ? 0 : Math.min(this.#streak, 0) - 1;
    this.#resize(bytes.length, distance);
    return length === bytes.length ? bytes : bytes.subarray(0, length);
  }

  /** How many reads of this thread there have been since the one before. */
  #count(length: number): number {
    if (this.#fixedBytes !== undefined) return 1;
    const size = this.#current.length;
    // What ends a burst of a bulk transfer is large all the same: it would keep that transfer company of its own.
    const isSmall = size <= SHARED_BYTES && (this.#own === undefined ? length < size : length * 8 < size);
    const read = this.#company.count(isSmall);
    const distance = read - this.#lastRead;
    this.#lastRead = read;
    return distance;
  }

  #resize(size: number, distance: number): void {
    if (this.#streak <= -MODEST_READS) {
      this.#own = undefined;
      this.#use(this.#fixedBytes === undefined && size > SHARED_BYTES ? SHARED_BYTES : 0);
    } else if (this.#fixedBytes === undefined && (size > SHARED_BYTES || this.#streak >= FULL_READS)) this.#use(this.#company.turnBytes(distance));
  }

  /** What is larger than that is kept: company may go as quickly as it comes. */
  #use(bytes: number): void {
    if (bytes === this.#current.length) return;
    this.#streak = 0;
    if (bytes > (this.#own?.length ?? 0)) this.#own = Buffer.allocUnsafeSlow(bytes);
    this.#current = this.#own === undefined ? this.#company.first : this.#own.subarray(0, bytes);
  }
}
