import type { FailureCode } from '../../core/failure.ts';

const REASONS = {
  400: 'Bad Request', 403: 'Forbidden', 407: 'Proxy Authentication Required', 408: 'Request Timeout', 431: 'Request Header Fields Too Large',
  502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout',
} as const;

type Status = keyof typeof REASONS;

/** Nothing of the request goes into a page. */
const WHAT_THIS_IS = `<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>This port is a proxy</title>
<h1>This port is a proxy</h1>
<p>Culvert, an extension of your editor, listens here for programs that want to reach other machines through it.
It is not a website, so there is nothing to see.</p>
<p>To use it, enter this address as the SOCKS (version 4 or 5) or HTTP proxy of a program. Names are then looked up at
the far end, for example with <code>curl --proxy socks5h://</code> and this address.</p>
`;

/** An answer of the proxy itself, after which the connection ends. */
export function errorResponse(status: Status, text: string): Buffer {
  return response(status, 'text/plain', `${text}\n`);
}

/** For a browser that takes the proxy for a website. */
export function whatThisIs(method: string): Buffer {
  return answerTo(method, response(400, 'text/html', WHAT_THIS_IS));
}

/** For a client that has not logged in, or wrongly (RFC 9110 section 11.7.1, RFC 7617 section 2). */
export function loginRequired(method: string): Buffer {
  const challenge = 'Proxy-Authenticate: Basic realm="Culvert", charset="UTF-8"';
  return answerTo(method, response(407, 'text/plain', 'This proxy needs a user name and a password.\n', challenge));
}

/** RFC 9110 section 9.3.2: the answer to HEAD has no content. */
function answerTo(method: string, whole: Buffer): Buffer {
  return method === 'HEAD' ? whole.subarray(0, whole.indexOf('\r\n\r\n') + 4) : whole;
}

/** Why the destination was not reached (RFC 9110 section 15.6). */
export function failureResponse(code: FailureCode): Buffer {
  switch (code) {
    case 'destination-refused':
      return errorResponse(502, 'The destination refused the connection.');
    case 'destination-unreachable':
      return errorResponse(504, 'The destination could not be reached.');
    case 'forwarding-prohibited':
      return errorResponse(403, 'Connecting to this destination is not allowed.');
    default:
      return errorResponse(503, 'The tunnel is not there.');
  }
}

function response(status: Status, type: string, text: string, ...fields: readonly string[]): Buffer {
  const head = [
    `HTTP/1.1 ${String(status)} ${REASONS[status]}`,
    `Content-Type: ${type}; charset=utf-8`,
    `Content-Length: ${String(Buffer.byteLength(text))}`,
    'Connection: close',
    ...fields,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${text}`);
}
