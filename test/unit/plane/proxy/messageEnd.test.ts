import { describe, expect, it } from 'vitest';
import { bodyLengthOf, MessageEnd, type BodyLength } from '../../../../src/plane/proxy/messageEnd.ts';
import { http } from '../../../support/proxyRequests.ts';
import { converse, cuts } from './converse.ts';

const HEAD = 'HEAD\r\n\r\n';
const NEXT = 'GET http://else/ HTTP/1.1\r\n\r\n';

describe('the end of a message', () => {
  it.each<[string, BodyLength, string]>([
    ['without a body', 0, ''],
    ['with a length', 11, 'hello\r\n\r\n12'],
    ['in chunks', 'chunked', '5\r\nhello\r\nB;name="x\ty"\r\n0\r\n\r\n123456\r\n0\r\n\r\n'],
    ['in chunks of other spellings', 'chunked', '00a \r\n0123456789\r\n000\r\n\r\n'],
    ['in chunks, with a trailer', 'chunked', '1\r\n\n\r\n0\r\nA: b\r\nC: d\r\n\r\n'],
    ['in chunks that are none', 'chunked', '1x\r\n'],
    ['in chunks of a size that nobody counts to', 'chunked', `${'1'.repeat(13)}\r\n`],
  ])('of one %s is where the next begins, however they are cut', (_, body, text) => {
    const bytes = Buffer.from(HEAD + text + NEXT);
    for (const chunks of cuts(bytes)) {
      const end = new MessageEnd(HEAD.length, body);
      expect(Buffer.concat(chunks.map((chunk) => chunk.subarray(0, end.take(chunk)))).toString()).toBe(HEAD + text);
    }
  });

  it('does not wait for the end of a line without one', () => {
    const end = new MessageEnd(0, 'chunked');
    expect(end.take(Buffer.alloc(20_000, '1'))).toBe(20_000);
    expect(end.take(Buffer.from('1'))).toBe(0);
  });
});

describe('what a head says about the body', () => {
  it.each<[readonly string[], readonly string[], BodyLength | undefined]>([
    [[], [], 0], [['12'], [], 12], [['12', '12'], [], 12], [[], ['chunked'], 'chunked'], [[], ['gzip, Chunked'], 'chunked'],
    [['12', '13'], [], undefined], [['+1'], [], undefined], [[''], [], undefined], [['0x1'], [], undefined], [['9'.repeat(16)], [], undefined],
    [['12'], ['chunked'], undefined], [[], ['chunked', 'chunked'], undefined], [[], ['chunked, gzip'], undefined], [[], ['xchunked'], undefined], [[], ['identity'], undefined],
  ])('lengths %j and encodings %j: %s', (lengths, encodings, expected) => {
    expect(bodyLengthOf(lengths, encodings)).toBe(expected);
  });

  it('is refused where servers would differ', () => {
    const { isRefused, answer } = converse([http('POST http://web/ HTTP/1.1', 'Content-Length: 3', 'Transfer-Encoding: chunked')]);
    expect(isRefused).toBe(true);
    expect(Buffer.from(answer, 'hex').toString()).toMatch(/^HTTP\/1\.1 400 /);
  });
});
