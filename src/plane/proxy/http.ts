import { formatHostPort, type HostPort } from '../../core/address.ts';
import type { FailureCode } from '../../core/failure.ts';
import type { ProxyCredentials } from '../../protocol/messages.ts';
import { parseAuthority } from './hostText.ts';
import { errorResponse, failureResponse, loginRequired, whatThisIs } from './httpResponses.ts';
import { isUserPass } from './login.ts';
import { bodyLengthOf, MessageEnd, type BodyLength } from './messageEnd.ts';
import { MORE, NOTHING, refused, type ProxyRequest, type Reader, type Reading } from './reading.ts';

/** As much as Node's own server takes. */
const HEAD_MAX_BYTES = 16 * 1024;
const HTTP_PORT = 80;

const HEAD_END = '\r\n\r\n';
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const REQUEST_LINE = new RegExp(`^(${TOKEN}) ([\\x21-\\x7e]+) (HTTP/1\\.[01])$`);
const FIELD_LINE = new RegExp(`^(${TOKEN}):[\\t\\x20-\\x7e\\x80-\\xff]*$`);

/** These are for the proxy alone (RFC 9110 section 7.6.1) or are written anew. */
const HOP_BY_HOP = ['connection', 'proxy-connection', 'keep-alive', 'proxy-authorization', 'te', 'upgrade', 'host'];
/** Never dropped, whatever a client says: without them, head and body could not be told apart. */
const FRAMING = ['content-length', 'transfer-encoding'];

/**
 * An HTTP proxy's requests (RFC 9110 section 9.3.6, RFC 9112 section 3.2): CONNECT, and `GET http://…` for pages without
 * TLS. What is meant for a web server gets a page that says what this port is; with credentials, a request without them
 * is answered by 407.
 */
export function httpReader(credentials: ProxyCredentials | undefined): Reader {
  return { read: (bytes) => read(bytes, credentials), unfinished: errorResponse(408, 'The request did not arrive whole.') };
}

interface Head {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly Field[];
  readonly body: BodyLength;
}

interface Field {
  readonly name: string;
  readonly line: string;
}

function read(bytes: Buffer, credentials: ProxyCredentials | undefined): Reading {
  const end = bytes.indexOf(HEAD_END);
  const length = end === -1 ? bytes.length : end + HEAD_END.length;
  if (length > HEAD_MAX_BYTES) return refused(errorResponse(431, 'The head of the request is too long.'), 'an HTTP request with too long a head');
  if (end === -1) return hasBareLineFeed(bytes) ? malformed() : MORE;
  const head = parseHead(bytes.toString('latin1', 0, end));
  if (head === undefined) return malformed();
  const request = head.method === 'CONNECT' ? tunnel(head, bytes.subarray(length)) : page(head, bytes.subarray(length));
  if (request === undefined) return refused(whatThisIs(head.method), 'an HTTP request that is not for a proxy');
  if (credentials !== undefined && !isLoggedIn(head, credentials)) return refused(loginRequired(head.method), 'an HTTP request without the login', 'login-refused');
  return { kind: 'request', request };
}

/** Basic authentication (RFC 7617): one field, whose scheme may be written in any case (RFC 9110 section 11.1). */
function isLoggedIn({ fields }: Head, credentials: ProxyCredentials): boolean {
  const [own, ...more] = fields.filter(({ name }) => name === 'proxy-authorization');
  const [, token] = /^[^:]+:[\t ]*basic +([A-Za-z0-9+/]+={0,2})[\t ]*$/i.exec(own?.line ?? '') ?? [];
  return token !== undefined && more.length === 0 && isUserPass(Buffer.from(token, 'base64'), credentials);
}

function parseHead(text: string): Head | undefined {
  const [first = '', ...lines] = text.split('\r\n');
  const [, method, target, version] = REQUEST_LINE.exec(first) ?? [];
  if (method === undefined || target === undefined || version === undefined) return undefined;
  const fields = lines.map((line): Field | undefined => {
    const name = FIELD_LINE.exec(line)?.[1];
    return name === undefined ? undefined : { name: name.toLowerCase(), line };
  });
  if (!fields.every((field) => field !== undefined)) return undefined;
  const body = bodyLengthOf(valuesOf(fields, 'content-length'), valuesOf(fields, 'transfer-encoding'));
  return body === undefined ? undefined : { method, target, version, fields, body };
}

function valuesOf(fields: readonly Field[], name: string): readonly string[] {
  return fields.filter((field) => field.name === name).map(({ line }) => line.slice(name.length + 1).trim());
}

function tunnel({ target }: Head, early: Buffer): ProxyRequest | undefined {
  const destination = parseAuthority(target);
  if (destination === undefined) return undefined;
  return { destination, granted: Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'), refusal, early };
}

/**
 * The request goes on in the words that a web server expects, for this one page: the next may be on another server. That the
 * connection ends behind it is only asked of the server, so nothing behind it is passed on.
 */
function page(head: Head, body: Buffer): ProxyRequest | undefined {
  const [, authority = '', path = ''] = /^http:\/\/([^/?#]+)([^#]*)$/i.exec(head.target) ?? [];
  const destination = parseAuthority(authority, HTTP_PORT);
  if (destination === undefined) return undefined;
  const lines = [
    `${head.method} ${path.startsWith('/') ? path : `/${path}`} ${head.version}`,
    `Host: ${hostField(destination)}`,
    ...endToEnd(head.fields),
    'Connection: close',
  ];
  const headBytes = Buffer.from(lines.join('\r\n') + HEAD_END, 'latin1');
  return { destination, granted: NOTHING, refusal, early: Buffer.concat([headBytes, body]), end: new MessageEnd(headBytes.length, head.body) };
}

function hostField(destination: HostPort): string {
  const text = formatHostPort(destination);
  return destination.port === HTTP_PORT ? text.slice(0, -`:${String(HTTP_PORT)}`.length) : text;
}

/** The lines that concern the web server, without those that the client means for the proxy. */
function endToEnd(fields: readonly Field[]): readonly string[] {
  const named = valuesOf(fields, 'connection').flatMap((value) => value.toLowerCase().split(','));
  const dropped = new Set([...named.map((name) => name.trim()).filter((name) => !FRAMING.includes(name)), ...HOP_BY_HOP]);
  return fields.filter(({ name }) => !dropped.has(name)).map(({ line }) => line);
}

function refusal(code: FailureCode): Buffer {
  return failureResponse(code);
}

function malformed(): Reading {
  return refused(errorResponse(400, 'This is not an HTTP request.'), 'an HTTP request that is none');
}

/** A line that ends with a line feed alone is read differently by different servers: it never gets to one. */
function hasBareLineFeed(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) {
    if (bytes[at - 1] !== 0x0d) return true;
  }
  return false;
}
