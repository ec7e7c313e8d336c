import type { FailureCode } from '../../core/failure.ts';
import { hostText, ipv4Text, NAME_MAX_BYTES } from './hostText.ts';
import { MORE, refused, type Reader, type Reading } from './reading.ts';

/** Version, command, port, address: what comes before the texts. */
const HEAD_BYTES = 8;
const USER_MAX_BYTES = 255;
const CONNECT = 1;

const GRANTED = reply(90);
/** "Request rejected or failed": the protocol has no finer word. */
const REJECTED = reply(91);

/** SOCKS 4 and 4a, as their memos (SOCKS.protocol, socks4a.protocol) describe them. */
export const SOCKS4: Reader = { read, unfinished: REJECTED };

/** For a proxy with a login: the user name of SOCKS 4 proves nothing, and there is no password. */
export const SOCKS4_WITHOUT_LOGIN: Reader = {
  read: () => refused(REJECTED, 'SOCKS 4, which has no way to log in', 'login-refused'),
  unfinished: REJECTED,
};

function read(bytes: Buffer): Reading {
  if (bytes.length < HEAD_BYTES) return MORE;
  const user = textAt(bytes, HEAD_BYTES, USER_MAX_BYTES);
  if (user === 'more') return MORE;
  if (user === undefined) return refused(REJECTED, 'a SOCKS 4 request with too long a user name');
  if (!hasName(bytes)) return request(bytes, ipv4Text(bytes.subarray(4, HEAD_BYTES)), user.end);
  const name = textAt(bytes, user.end, NAME_MAX_BYTES);
  if (name === 'more') return MORE;
  return request(bytes, name === undefined ? undefined : hostText(name.text), name?.end ?? 0);
}

function request(bytes: Buffer, host: string | undefined, end: number): Reading {
  const port = bytes.readUInt16BE(2);
  if (bytes[1] !== CONNECT) return refused(REJECTED, `SOCKS 4 command ${String(bytes[1])}`);
  if (host === undefined || port === 0) return refused(REJECTED, 'a SOCKS 4 request without a proper destination');
  return {
    kind: 'request',
    request: { destination: { host, port }, granted: GRANTED, refusal: (_code: FailureCode) => REJECTED, early: bytes.subarray(end) },
  };
}

/** An address of 0.0.0.x says that a name follows: SOCKS 4a. */
function hasName(bytes: Buffer): boolean {
  return bytes[4] === 0 && bytes[5] === 0 && bytes[6] === 0 && bytes[7] !== 0;
}

/** The text that begins here, up to its zero byte; nothing when it is longer than it may be. */
function textAt(bytes: Buffer, start: number, maxBytes: number): { readonly text: Buffer; readonly end: number } | 'more' | undefined {
  const zero = bytes.indexOf(0, start);
  const length = (zero === -1 ? bytes.length : zero) - start;
  if (length > maxBytes) return undefined;
  return zero === -1 ? 'more' : { text: bytes.subarray(start, zero), end: zero + 1 };
}

function reply(code: number): Buffer {
  return Buffer.from([0, code, 0, 0, 0, 0, 0, 0]);
}
