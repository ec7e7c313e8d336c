import { formatHostPort } from '../core/address.ts';
import type { FailureContext } from '../core/failure.ts';
import type { ServerWords } from './serverWords.ts';
import type { SocketFacts } from './socketWords.ts';

/** The text as the end of a sentence. */
export function withDot(text: string): string {
  const trimmed = text.trim();
  if (trimmed === '') return 'the reason is not known.';
  return /[.!?…]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** For the beginning of a sentence: our own words get a capital, a name stays as it is. */
export function capitalised(text: string): string {
  return text.startsWith('the ') ? `T${text.slice(1)}` : text;
}

const NO_SERVER = 'the SSH server';

/** The system's name of an error, which is no word. */
const SYSTEM_CODE = /^E[A-Z\d]+$/;

/** What the system calls a failed dialling, in words. */
const DIALLING: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no address was found for it.',
  EAI_AGAIN: 'its address could not be looked up. Check that this computer is online.',
  ETIMEDOUT: 'it did not answer in time.',
  EHOSTUNREACH: 'there is no way to it from here.',
  ENETUNREACH: 'there is no way to it from here.',
  ECONNRESET: 'it broke the connection off.',
  ENOENT: 'there is no such socket.',
  EACCES: 'you may not connect to it.',
};

/** Reads a failure's context, which came across a boundary and may lack anything. */
export class Facts {
  readonly #context: FailureContext;

  constructor(context: FailureContext) {
    this.#context = context;
  }

  has(key: string): boolean {
    return this.#context[key] !== undefined;
  }

  is(key: string): boolean {
    return this.#context[key] === true;
  }

  text(key: string, fallback: string): string {
    const value = this.#context[key];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : fallback;
  }

  number(key: string): number | undefined {
    const value = this.#context[key];
    return typeof value === 'number' ? value : undefined;
  }

  suffix(key: string, prefix: string): string {
    const text = this.text(key, '');
    return text === '' ? '' : prefix + text;
  }

  /** The key that the server showed: its type and its fingerprint. */
  hostKey(): string {
    return [this.text('keyType', ''), this.text('fingerprint', 'this one')].filter((part) => part !== '').join(' ');
  }

  /** The SSH server as the user knows it, with where it really is. */
  server(): string {
    const hop = this.text('hop', '');
    const host = this.text('host', '');
    const port = this.number('port');
    const address = host === '' || port === undefined || port === 22 ? host : formatHostPort({ host, port });
    if (hop === '' || hop === host || hop === address) return address === '' ? NO_SERVER : address;
    return address === '' ? hop : `${hop} (${address})`;
  }

  /** As `server()`, and what it is. */
  sshServer(): string {
    const server = this.server();
    return server === NO_SERVER ? server : `${NO_SERVER} ${server}`;
  }

  /** What a server did in place of a login. */
  words(): ServerWords {
    const text = (key: string): string => this.text(key, '');
    return { server: capitalised(this.server()), isNamed: this.server() !== NO_SERVER, heard: text('heard'), stage: text('stage'), said: text('said'), speaks: text('speaks'), reason: text('reason') };
  }

  /** A socket here, and what was found there. */
  socket(): SocketFacts {
    return {
      path: this.text('path', ''), heldBy: this.text('heldBy', ''), isStale: this.is('isStale'), isFile: this.is('isFile'), limitBytes: this.number('limitBytes'), reason: this.text('reason', ''),
    };
  }

  /** What listens, to be named in the middle of a sentence. */
  listener(): string {
    const { path } = this.socket();
    if (path !== '') return `the socket ${path}`;
    return this.has('port') ? `port ${this.text('port', '')}` : 'this port';
  }

  /** Whether a server was to listen on a path. */
  isSocketAsked(): boolean {
    return this.text('address', '').startsWith('/');
  }

  leadsToSocket(): boolean {
    return this.#destinationPath() !== '';
  }

  #destinationPath(): string {
    const destination = this.text('destination', '');
    return destination.startsWith('/') ? destination : this.socket().path;
  }

  destination(): string {
    const host = this.text('host', '');
    const port = this.number('port');
    const path = this.#destinationPath();
    if (path !== '') return `The socket ${path}${this.suffix('hop', ', as seen from ')}${this.has('hop') ? ',' : ''}`;
    if (host === '') return this.text('destination', 'The destination');
    return `${port === undefined ? host : formatHostPort({ host, port })}${this.suffix('hop', ', as seen from ')}${this.has('hop') ? ',' : ''}`;
  }

  place(): string {
    const file = this.text('file', 'known_hosts');
    const line = this.number('line');
    return line === undefined ? file : `${file}, line ${String(line)}`;
  }

  /** The rest of a sentence about a failed login. Without a list of tries the server gave another reason. */
  tried(detail: string): string {
    const { tried } = this.#context;
    if (!Array.isArray(tried)) return `: ${this.reason(detail)}`;
    return (tried.length === 0 ? '. It offered no way to log in that Culvert could use.' : `. Tried: ${tried.join(', ')}.`) + this.#unusable();
  }

  /** The keys that could not be offered; the log has them all. */
  #unusable(): string {
    const { unusable } = this.#context;
    if (!Array.isArray(unusable) || unusable.length === 0) return '';
    const more = unusable.length > 2 ? `; and ${String(unusable.length - 2)} more, see the log` : '';
    return ` Not used: ${unusable.slice(0, 2).join('; ')}${more}.`;
  }

  /** The reason alone, to follow a colon: in words where there are any, without the name that the sentence has already said. */
  reason(detail: string): string {
    const reason = this.text('reason', '');
    const known = DIALLING[reason];
    if (known !== undefined) return known;
    if (this.has('path') && reason !== '' && !SYSTEM_CODE.test(reason)) return withDot(reason);
    const said = [this.text('hop', ''), this.text('destination', ''), this.socket().path, this.has('hop') ? '' : this.address()];
    const prefix = said.find((name) => name !== '' && detail.startsWith(`${name}: `));
    return withDot(prefix === undefined ? detail : detail.slice(prefix.length + 2));
  }

  address(): string {
    const port = this.number('port');
    return port === undefined ? '' : formatHostPort({ host: this.text('host', ''), port });
  }
}
