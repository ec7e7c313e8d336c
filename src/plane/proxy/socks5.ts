import type { FailureCode } from '../../core/failure.ts';
import { hostText, ipv4Text, ipv6Text } from './hostText.ts';
import { MORE, NOTHING, refused, type Reader, type Reading } from './reading.ts';

const VERSION = 5;
const NO_AUTHENTICATION = 0;
const NO_ACCEPTABLE_METHOD = 0xff;
const CONNECT = 1;

/** The replies of RFC 1928 section 6. */
const REPLY = { succeeded: 0, failed: 1, notAllowed: 2, hostUnreachable: 4, refused: 5, badCommand: 7, badAddressType: 8 } as const;

/** The greeting of RFC 1928 section 3: the client offers methods, the answer is one of them. */
export const SOCKS5: Reader = { read: readGreeting, unfinished: NOTHING };

/** The request of RFC 1928 section 4. */
const REQUEST: Reader = { read: readRequest, unfinished: reply(REPLY.failed) };

function readGreeting(bytes: Buffer): Reading {
  const length = 2 + (bytes[1] ?? 0);
  if (bytes.length < 2 || bytes.length < length) return MORE;
  if (!bytes.subarray(2, length).includes(NO_AUTHENTICATION)) {
    return refused(Buffer.from([VERSION, NO_ACCEPTABLE_METHOD]), 'a SOCKS 5 client that insists on logging in');
  }
  return { kind: 'next', length, answer: Buffer.from([VERSION, NO_AUTHENTICATION]), reader: REQUEST };
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
