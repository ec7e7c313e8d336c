import { ForwardError, untrustedText, type FailureContext } from '../../core/failure.ts';

/** What ssh(1) takes before it gives up (SSH_MAX_BANNER_LEN and SSH_MAX_PRE_BANNER_LINES of OpenSSH's ssh.h). */
const LINE_MAX_BYTES = 8_192;
const GREETING_MAX_LINES = 1_024;

/** What is quoted of a server's first words. */
const SAID_MAX_LENGTH = 100;

const [NUL, LINE_FEED, CARRIAGE_RETURN] = [0, 10, 13];

/** Who speaks first, or answers our own identification, with something else: how it begins, and what people call it. */
const FOREIGN: readonly { readonly speaks: string; readonly begins: RegExp }[] = [
  { speaks: 'HTTP', begins: /^HTTP\/\d/ },
  // An alert of any version: type 21, then the version's first half (RFC 8446 section 5.1).
  { speaks: 'TLS', begins: /^\x15\x03/ },
  { speaks: 'VNC', begins: /^RFB \d/ },
  { speaks: 'Telnet', begins: /^\xff[\xfb-\xfe]/ },
];

/** The identification line that what a server sends begins with, cleaned, for people. */
export function identificationIn(header: Buffer): string {
  return untrustedText(header.toString('utf8', 0, header.indexOf(LINE_FEED)), SAID_MAX_LENGTH);
}

/**
 * The beginning of what a server sends: lines of any text and then the identification (RFC 4253 section 4.2). Stands in
 * front of ssh2's parser, which loses bytes of a beginning that arrives in more than two pieces. Keeps one line at most.
 */
export class Identification {
  #line = Buffer.alloc(0);
  #lines = 0;
  #said = '';
  #isDone = false;
  readonly #onGreeting: (line: string) => void;

  /** `onGreeting` gets the lines before the identification, cleaned. */
  constructor(onGreeting: (line: string) => void) {
    this.#onGreeting = onGreeting;
  }

  /** True once the server has identified itself as an SSH server. */
  get isDone(): boolean {
    return this.#isDone;
  }

  /** The first words of a server that has not identified itself, cleaned; empty while there are none. */
  get said(): string {
    return this.#said === '' ? untrustedText(this.#line.toString('utf8'), SAID_MAX_LENGTH) : this.#said;
  }

  /**
   * Takes what arrived; gives the identification line and what followed it once that is complete, and is then done. Throws
   * `not-ssh` as soon as no SSH server would say this.
   */
  take(chunk: Buffer): Buffer | undefined {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#append(chunk.subarray(start, end));
      if (this.#isIdentification()) {
        this.#isDone = true;
        return Buffer.concat([this.#line, chunk.subarray(end)]);
      }
      this.#endGreetingLine();
      start = end + 1;
    }
    this.#append(chunk.subarray(start));
    return undefined;
  }

  #append(piece: Buffer): void {
    const length = this.#line.length + piece.length;
    this.#line = Buffer.concat([this.#line, piece.subarray(0, LINE_MAX_BYTES)]);
    this.#refuseForeign();
    if (length > LINE_MAX_BYTES) throw this.#refusal('it sends a line without end');
    if (piece.includes(NUL)) throw this.#refusal('it sends no text');
  }

  #refuseForeign(): void {
    if (this.#lines > 0) return;
    const begins = this.#line.toString('latin1', 0, 16);
    const found = FOREIGN.find((foreign) => foreign.begins.test(begins));
    if (found !== undefined) throw this.#refusal(`it speaks ${found.speaks}`, { speaks: found.speaks });
  }

  #isIdentification(): boolean {
    if (this.#line.length <= 4 || this.#line.toString('latin1', 0, 4) !== 'SSH-') return false;
    const [line] = this.#line.toString('latin1').split(/\r/, 1);
    // 1.99 is how a server says that it speaks both (RFC 4253 section 5.1).
    if (/^SSH-1\.(?!99-)/.test(line ?? '')) throw new ForwardError('handshake-failed', 'the server speaks version 1 of SSH alone, which is not safe');
    return true;
  }

  #endGreetingLine(): void {
    const length = this.#line.at(-1) === CARRIAGE_RETURN ? this.#line.length - 1 : this.#line.length;
    const line = untrustedText(this.#line.toString('utf8', 0, length));
    this.#line = Buffer.alloc(0);
    this.#lines += 1;
    if (this.#said === '') this.#said = untrustedText(line, SAID_MAX_LENGTH);
    if (line !== '') this.#onGreeting(line);
    if (this.#lines >= GREETING_MAX_LINES) throw this.#refusal(`it sent ${String(GREETING_MAX_LINES)} lines and no identification`);
  }

  #refusal(reason: string, context: FailureContext = {}): ForwardError {
    const { said } = this;
    return new ForwardError('not-ssh', `not an SSH server: ${reason}`, { context: { reason, ...(said === '' ? {} : { said }), ...context } });
  }
}
