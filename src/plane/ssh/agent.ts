import { connect } from 'node:net';
import type { Clock } from '../../core/ports.ts';
import { keyTypeOf } from './hostKey.ts';

// Messages and flags of draft-ietf-sshm-ssh-agent, sections 3 and 6.
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
const FLAGS: Readonly<Record<string, number>> = { sha256: 2, sha512: 4 };

/** No honest agent has more to say. */
const REPLY_MAX_BYTES = 1024 * 1024;

/** What a missing or frozen agent may cost. */
const LIST_TIMEOUT_MS = 5_000;

/** Longer, since an agent may ask a person to confirm. */
const SIGN_TIMEOUT_MS = 60_000;

/** A key that an agent holds. */
export interface AgentKey {
  readonly type: string;
  /** The public key blob (RFC 4253 section 6.6). */
  readonly blob: Buffer;
  readonly comment: string;
}

/** An SSH agent behind a Unix socket or a Windows named pipe. */
export class Agent {
  readonly #path: string;
  readonly #clock: Clock;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** The keys in the agent's order; rejects when it is missing or silent for 5 s. */
  async list(signal: AbortSignal): Promise<readonly AgentKey[]> {
    const reader = await this.#request(Buffer.of(REQUEST_IDENTITIES), IDENTITIES_ANSWER, LIST_TIMEOUT_MS, signal);
    const keys: AgentKey[] = [];
    for (let count = reader.number(); count > 0; count -= 1) {
      const blob = reader.string();
      keys.push({ type: keyTypeOf(blob), blob, comment: reader.string().toString('utf8') });
    }
    return keys;
  }

  /** The signature without its algorithm's name; `hash` chooses the algorithm of an RSA key. */
  async sign(blob: Buffer, data: Buffer, hash: string | undefined, signal: AbortSignal): Promise<Buffer> {
    const flags = Buffer.alloc(4);
    flags.writeUInt32BE(FLAGS[hash ?? ''] ?? 0);
    const request = Buffer.concat([Buffer.of(SIGN_REQUEST), framed(blob), framed(data), flags]);
    const reader = await this.#request(request, SIGN_RESPONSE, SIGN_TIMEOUT_MS, signal);
    const signature = new Reader(reader.string());
    signature.string();
    return signature.string();
  }

  /** Each request has a connection of its own; answers with what follows the message's number. */
  #request(message: Buffer, expected: number, timeoutMs: number, signal: AbortSignal): Promise<Reader> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#path);
      const finish = (action: () => void): void => {
        timer.dispose();
        signal.removeEventListener('abort', onAbort);
        socket.destroy();
        action();
      };
      const fail = (reason: string): void => { finish(() => { reject(new Error(`agent ${this.#path}: ${reason}`)); }); };
      const onAbort = (): void => { fail('cancelled'); };
      let received = Buffer.alloc(0);
      signal.addEventListener('abort', onAbort);
      const timer = this.#clock.after(timeoutMs, () => { fail(`no answer within ${timeoutMs / 1_000} s`); });
      socket.on('error', (error) => { fail(error.message); });
      socket.on('close', () => { fail('it closed the connection'); });
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        const length = received.length < 4 ? 0 : received.readUInt32BE(0);
        if (length > REPLY_MAX_BYTES) fail('its answer is too long');
        else if (length > 0 && received.length >= 4 + length) finish(() => { settleReply(received.subarray(4, 4 + length), expected, resolve, reject); });
      });
      socket.write(framed(message));
    });
  }
}

function settleReply(reply: Buffer, expected: number, resolve: (reader: Reader) => void, reject: (error: Error) => void): void {
  if (reply[0] === expected) resolve(new Reader(reply.subarray(1)));
  else reject(new Error('the agent refused'));
}

/** Reads the fields of RFC 4251 section 5 one after another; throws a `RangeError` where the text ends too early. */
export class Reader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  number(): number {
    const value = this.#bytes.readUInt32BE(this.#position);
    this.#position += 4;
    return value;
  }

  string(): Buffer {
    const length = this.number();
    const end = this.#position + length;
    if (end > this.#bytes.length) throw new RangeError('a field is longer than its message');
    const value = this.#bytes.subarray(this.#position, end);
    this.#position = end;
    return value;
  }
}

/** A string of RFC 4251 section 5: its length, then its bytes. */
export function framed(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
