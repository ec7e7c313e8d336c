/** What the beginning of an answer over HTTP says, as far as it has come. */
export type StatusReading =
  | { readonly kind: 'more' }
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'foreign' };

/** A server that has said more than that in a head has no end of it. */
const HEAD_MAX_BYTES = 16_384;

const START = 'HTTP/';

/** RFC 9112 section 4; a reason is optional, and so is the space before it with servers that have none. */
const STATUS_LINE = /^HTTP\/\d\.\d (\d{3})(?: .*)?$/;

/** The status of the final answer: those of 1xx come before it (RFC 9110 section 15.2), but for 101, which ends HTTP. */
export function readStatus(bytes: Buffer): StatusReading {
  let rest = bytes.toString('latin1', 0, HEAD_MAX_BYTES);
  const more: StatusReading = bytes.length < HEAD_MAX_BYTES ? { kind: 'more' } : { kind: 'foreign' };
  for (;;) {
    if (!START.startsWith(rest.slice(0, START.length))) return { kind: 'foreign' };
    const lineEnd = rest.indexOf('\n');
    if (lineEnd === -1) return more;
    const status = Number(STATUS_LINE.exec(rest.slice(0, lineEnd).replace(/\r$/, ''))?.[1] ?? 0);
    if (status < 100) return { kind: 'foreign' };
    if (status >= 200 || status === 101) return { kind: 'status', status };
    const headEnd = /\r?\n\r?\n/.exec(rest);
    if (headEnd === null) return more;
    rest = rest.slice(headEnd.index + headEnd[0].length);
  }
}
