/** Cuts what arrives into lines. */
export class LineReader {
  readonly #maxLength: number;
  #rest = '';

  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** The lines that are complete now; undefined once one is longer than may be, after which nothing more is read. */
  push(chunk: string): readonly string[] | undefined {
    const lines = `${this.#rest}${chunk}`.split('\n');
    this.#rest = lines.pop() ?? '';
    return [this.#rest, ...lines].some(({ length }) => length > this.#maxLength) ? undefined : lines;
  }
}
