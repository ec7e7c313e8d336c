import { describe, expect, it } from 'vitest';
import { readStatus } from '../../../src/plane/httpStatus.ts';

const read = (text: string): object => readStatus(Buffer.from(text, 'latin1'));

describe('the beginning of an answer', () => {
  it.each([
    ['HTTP/1.1 200 OK\r\n', 200], ['HTTP/1.0 503 Service Unavailable\r\nServer: x\r\n\r\nbody', 503], ['HTTP/1.1 204\r\n', 204], ['HTTP/1.1 204 \r\n', 204], ['HTTP/1.1 200 OK\n', 200],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 101], ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 404 Not Found\r\n', 404], ['HTTP/1.1 100\r\n\r\nHTTP/1.1 102\n\nHTTP/1.1 200\r\n', 200],
  ])('%j says %i, however it is sliced', (text, status) => {
    const readings = Array.from({ length: text.length + 1 }, (_, length) => read(text.slice(0, length)));
    expect(readings.at(-1)).toEqual({ kind: 'status', status });
    expect(new Set(readings.map((reading) => JSON.stringify(reading)))).toEqual(new Set([JSON.stringify({ kind: 'more' }), JSON.stringify({ kind: 'status', status })]));
  });

  it.each(['SSH-2.0-OpenSSH_9.2\r\n', '\u0015\u0003\u0003', 'HTTPS', 'HTTP/1.1\r\n', 'HTTP/1.1 20 OK\r\n', 'HTTP/1.1 2000 OK\r\n', 'HTTP/1.1 099 x\r\n', 'HTTP/x 200 OK\r\n', 'ICY 200 OK\r\n', '\r\n', `HTTP/1.1 ${'x'.repeat(16_384)}`,
    `HTTP/1.1 103 x\r\n${'a: b\r\n'.repeat(3_000)}`, 'HTTP/1.1 103 x\r\n\r\nSSH-'])('%j is no HTTP', (text) => {
    expect(read(text)).toEqual({ kind: 'foreign' });
  });
});
