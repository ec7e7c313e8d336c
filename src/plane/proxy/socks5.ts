import type { FailureCode } from '../../core/failure.ts';
import type { ProxyCredentials } from '../../protocol/messages.ts';
import { hostText, ipv4Text, ipv6Text } from './hostText.ts';
import { isLogin } from './login.ts';
import { MORE, NOTHING, refused, type Reader, type Reading } from './reading.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const USERNAME_PASSWORD = 2;
const NO_METHOD = Buffer.from([VERSION, 0xff]);
const CONNECT = 1;

/** RFC 1929: the version of the login is its own, and 0 the only status that lets in. */
const LOGIN_VERSION = 1;
const LOGIN_ACCEPTED = Buffer.from([LOGIN_VERSION, 0]);
const LOGIN_REFUSED = Buffer.from([LOGIN_VERSION, 1]);

/** The replies of RFC 1928 section 6. */
const REPLY = { succeeded: 0, failed: 1, notAllowed: 2, hostUnreachable: 4, refused: 5, badCommand: 7, badAddressType: 8 } as const;

/** The greeting of RFC 1928 section 3: the client offers methods, the answer is one of them, with credentials the login. */
export function socks5Reader(credentials: ProxyCredentials | undefined): Reader {
  const method: Method = credentials === undefined
    ? { id: NO_AUTHENTICATION, reader: REQUEST, refusal: refused(NO_METHOD, 'a SOCKS 5 client that insists on logging in') }
    : { id: USERNAME_PASSWORD, reader: loginReader(credentials), refusal: refused(NO_METHOD, 'a SOCKS 5 client that does not log in', 'login-refused') };
  return { read: (bytes) => readGreeting(bytes, method), unfinished: NOTHING };
}

/** How a client proves who it is. */
interface Method {
  readonly id: number;
  /** For what comes once it is chosen. */
  readonly reader: Reader;
  /** For a client that does not offer it. */
  readonly refusal: Reading;
}

/** The request of RFC 1928 section 4. */
const REQUEST: Reader = { read: readRequest, unfinished: reply(REPLY.failed) };

function readGreeting(bytes: Buffer, { id, reader, refusal }: Method): Reading {
  const length = 2 + (bytes[1] ?? 0);
  if (bytes.length < 2 || bytes.length < length) return MORE;
  return bytes.subarray(2, length).includes(id) ? { kind: 'next', length, answer: Buffer.from([VERSION, id]), reader } : refusal;
}

/** The login of RFC 1929 section 2; one that fails ends the connection. */
function loginReader(credentials: ProxyCredentials): Reader {
  return { read: (bytes) => readLogin(bytes, credentials), unfinished: LOGIN_REFUSED };
}

function readLogin(bytes: Buffer, credentials: ProxyCredentials): Reading {
  const [version, userLength] = bytes;
  if (version !== undefined && version !== LOGIN_VERSION) return refused(LOGIN_REFUSED, 'a SOCKS 5 login that is none');
  if (userLength === undefined) return MORE;
  const passwordAt = 2 + userLength + 1;
  const length = passwordAt + (bytes[passwordAt - 1] ?? 0);
  if (bytes.length < passwordAt || bytes.length < length) return MORE;
  if (!isLogin(bytes.subarray(2, passwordAt - 1), bytes.subarray(passwordAt, length), credentials)) {
    return refused(LOGIN_REFUSED, 'a SOCKS 5 client with a wrong login', 'login-refused');
  }
  return { kind: 'next', length, answer: LOGIN_ACCEPTED, reader: REQUEST };
}

function readRequest(bytes: Buffer): Reading {
  const [version, command, reserved, type] = bytes;
  if (type === undefined) return MORE;
  if (version !== VERSION || reserved !== 0) return refused(reply(REPLY.failed), 'a SOCKS 5 request that is none');
  if (command !== CONNECT) return refused(reply(REPLY.badCommand), `SOCKS 5 command ${String(command)}`);
  const address = readAddress(type, bytes);
  if (address === undefined) return refused(reply(REPLY.badAddressType), `SOCKS 5 address type ${String(type)}`);
  const { start, end, text } = address;
  if (bytes.length < end + 2) return MORE;
  const host = text(bytes.subarray(start, end));
  const port = bytes.readUInt16BE(end);
  if (host === undefined || port === 0) return refused(reply(REPLY.failed), 'a SOCKS 5 request without a proper destination');
  const granted = reply(REPLY.succeeded);
  return { kind: 'request', request: { destination: { host, port }, granted, refusal: (code) => reply(replyTo(code)), early: bytes.subarray(end + 2) } };
}

interface AddressField {
  readonly start: number;
  readonly end: number;
  readonly text: (bytes: Buffer) => string | undefined;
}

/** Where the address is and how it reads (RFC 1928 section 5); nothing for a type that there is not. */
function readAddress(type: number, bytes: Buffer): AddressField | undefined {
  switch (type) {
    case 1:
      return { start: 4, end: 8, text: ipv4Text };
    case 3:
      return { start: 5, end: 5 + (bytes[4] ?? 0), text: hostText };
    case 4:
      return { start: 4, end: 20, text: ipv6Text };
    default:
      return undefined;
  }
}

function replyTo(code: FailureCode): number {
  switch (code) {
    case 'destination-refused':
      return REPLY.refused;
    case 'destination-unreachable':
      return REPLY.hostUnreachable;
    case 'forwarding-prohibited':
      return REPLY.notAllowed;
    default:
      return REPLY.failed;
  }
}

/** The address from which the far side connects is not known here: 0.0.0.0:0, as ssh(1) answers. */
function reply(code: number): Buffer {
  return Buffer.from([VERSION, code, 0, 1, 0, 0, 0, 0, 0, 0]);
}
