import type { End, EndListener } from './end.ts';

/** An end whose peer gets a preface before anything else. The preface is none of the bytes that the relay counts. */
export class PrefacedEnd implements End {
  readonly #end: End;
  #preface: Buffer | undefined;

  constructor(end: End, preface: Buffer) {
    this.#end = end;
    this.#preface = preface;
  }

  get queuedBytes(): number {
    return this.#end.queuedBytes;
  }

  probe(): boolean {
    return this.#end.probe?.() ?? false;
  }

  /** Sends the preface: it waits for no data, since the peer may be the one that speaks first. */
  attach(listener: EndListener): void {
    this.#end.attach(listener);
    // Afterwards, since an end that has something left to write cannot borrow its reads.
    this.#sendPreface();
  }

  pause(): void {
    this.#end.pause();
  }

  resume(): void {
    this.#end.resume();
  }

  write(chunk: Buffer, isBorrowed?: boolean): boolean {
    this.#sendPreface();
    return this.#end.write(chunk, isBorrowed);
  }

  end(): void {
    this.#sendPreface();
    this.#end.end();
  }

  linger(): void {
    this.#end.linger();
  }

  reset(): void {
    this.#end.reset();
  }

  #sendPreface(): void {
    const preface = this.#preface;
    this.#preface = undefined;
    if (preface !== undefined) this.#end.write(preface);
  }
}
