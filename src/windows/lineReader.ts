/** Cuts what arrives into lines, and leaves out those that are longer than may be. */
export class LineReader {
  readonly #maxLength: number;
  #rest = '';
  #isSkipping = false;
  #hasSkipped = false;

  /** `maxLength` is in characters. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Whether a line was too long, ended or not. */
  get hasSkipped(): boolean {
    return this.#hasSkipped;
  }

  /** The lines that are complete now. */
  push(chunk: string): readonly string[] {
    const lines = `${this.#rest}${chunk}`.split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#isSkipping && lines.length > 0) {
      lines.shift();
      this.#isSkipping = false;
    }
    this.#isSkipping ||= this.#isTooLong(this.#rest);
    if (this.#isSkipping) this.#rest = '';
    const complete = lines.filter((line) => !this.#isTooLong(line));
    this.#hasSkipped ||= this.#isSkipping || complete.length < lines.length;
    return complete;
  }

  #isTooLong({ length }: string): boolean {
    return length > this.#maxLength;
  }
}
