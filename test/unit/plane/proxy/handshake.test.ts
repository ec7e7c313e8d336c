import { describe, expect, it } from 'vitest';
import { Handshake } from '../../../../src/plane/proxy/handshake.ts';
import { http, socks4, socks4a, socks5 } from '../../../support/proxyRequests.ts';
import { converse, cuts, type Conversation } from './converse.ts';

const LONG_NAME = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(63)}`;
const GREETING = Buffer.from([5, 1, 0]);
const METHOD = '0500';
const reply5 = (code: number): string => `05${code.toString(16).padStart(2, '0')}000100000000` + '0000';
const reply4 = (code: number): string => `00${code.toString(16)}000000000000`;
const afterGreeting = (...bytes: number[]): Buffer => Buffer.concat([GREETING, Buffer.from(bytes)]);

const GRANTED: readonly [string, Buffer, Partial<Conversation>][] = [
  ['SOCKS 4', socks4('10.1.2.3', 22), { destination: { host: '10.1.2.3', port: 22 }, granted: reply4(90) }],
  ['SOCKS 4 to 0.0.0.0, which says nothing of a name', socks4('0.0.0.0', 22), { destination: { host: '0.0.0.0', port: 22 } }],
  ['SOCKS 4 with a user name', socks4('10.1.2.3', 22, 'somebody'), { destination: { host: '10.1.2.3', port: 22 } }],
  ['SOCKS 4a', socks4a('db.internal', 5432), { destination: { host: 'db.internal', port: 5432 }, granted: reply4(90) }],
  ['SOCKS 4a with 255 bytes of name', socks4a(LONG_NAME, 1), { destination: { host: LONG_NAME, port: 1 } }],
  ['SOCKS 5, IPv4', socks5('10.1.2.3', 443), { destination: { host: '10.1.2.3', port: 443 }, answer: METHOD, granted: reply5(0) }],
  ['SOCKS 5, IPv6', socks5('2001:db8::1', 443), { destination: { host: '2001:db8::1', port: 443 }, answer: METHOD }],
  ['SOCKS 5, a name', socks5('db.internal', 65_535), { destination: { host: 'db.internal', port: 65_535 }, answer: METHOD }],
  ['SOCKS 5, 255 bytes of name', socks5(LONG_NAME, 80), { destination: { host: LONG_NAME, port: 80 } }],
  ['SOCKS 5, a name that is an IPv6 address', socks5('2001:DB8:0::1', 80, 'name'), { destination: { host: '2001:db8::1', port: 80 } }],
  ['SOCKS 5, a name beyond ASCII', socks5('größe.example', 80), { destination: { host: 'größe.example', port: 80 } }],
  ['SOCKS 5 with more methods', Buffer.concat([Buffer.from([5, 3, 2, 1, 0]), socks5('db', 80).subarray(3)]), { destination: { host: 'db', port: 80 }, answer: METHOD }],
  ['CONNECT', http('CONNECT db:5432 HTTP/1.1', 'Host: db:5432'), { destination: { host: 'db', port: 5432 }, granted: Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n').toString('hex') }],
  ['CONNECT, HTTP 1.0', http('CONNECT db:5432 HTTP/1.0'), { destination: { host: 'db', port: 5432 } }],
  ['CONNECT, IPv6', http('CONNECT [2001:DB8::0:1]:443 HTTP/1.1', 'Host: x'), { destination: { host: '2001:db8::1', port: 443 } }],
  ['a page', http('GET http://web.internal:8080/a?b=c HTTP/1.1', 'Host: else', 'Proxy-Connection: keep-alive', 'Accept: */*', 'Connection: X-Mine, Content-Length', 'X-Mine: 1', 'Content-Length: 3'), {
    destination: { host: 'web.internal', port: 8080 }, granted: '',
    early: http('GET /a?b=c HTTP/1.1', 'Host: web.internal:8080', 'Accept: */*', 'Content-Length: 3', 'Connection: close').toString(),
  }],
  ['a page without a path', http('GET http://web HTTP/1.1'), { destination: { host: 'web', port: 80 }, early: http('GET / HTTP/1.1', 'Host: web', 'Connection: close').toString() }],
  ['a page of an IPv6 address', http('GET http://[::1]?q HTTP/1.0'), { destination: { host: '::1', port: 80 }, early: http('GET /?q HTTP/1.0', 'Host: [::1]', 'Connection: close').toString() }],
];

const REFUSED: readonly [string, Buffer, string][] = [
  ['SOCKS 4 BIND', socks4('10.1.2.3', 22, '', 2), reply4(91)],
  ['SOCKS 4 to port 0', socks4('10.1.2.3', 0), reply4(91)],
  ['SOCKS 4 with an endless user name', Buffer.concat([Buffer.from([4, 1, 0, 22, 10, 1, 2, 3]), Buffer.alloc(256, 'u')]), reply4(91)],
  ['SOCKS 4a without a name', socks4a('', 22), reply4(91)],
  ['SOCKS 4a with an endless name', Buffer.concat([Buffer.from([4, 1, 0, 22, 0, 0, 0, 1, 0]), Buffer.alloc(256, 'n')]), reply4(91)],
  ['SOCKS 4a with a control character', socks4a('db\u0007', 22), reply4(91)],
  ['SOCKS 5 without a method of ours', Buffer.from([5, 2, 1, 2]), '05ff'],
  ['SOCKS 5 without a method', Buffer.from([5, 0]), '05ff'],
  ['SOCKS 5 BIND', afterGreeting(5, 2, 0, 1), METHOD + reply5(7)],
  ['SOCKS 5 UDP ASSOCIATE', afterGreeting(5, 3, 0, 1), METHOD + reply5(7)],
  ['SOCKS 5, an address type that there is not', afterGreeting(5, 1, 0, 2), METHOD + reply5(8)],
  ['SOCKS 5, another version behind the greeting', afterGreeting(4, 1, 0, 1), METHOD + reply5(1)],
  ['SOCKS 5, a reserved byte', afterGreeting(5, 1, 1, 1), METHOD + reply5(1)],
  ['SOCKS 5 to port 0', socks5('10.1.2.3', 0), METHOD + reply5(1)],
  ['SOCKS 5 with an empty name', socks5('', 80, 'name'), METHOD + reply5(1)],
  ['SOCKS 5 with a name of two lines', socks5('a\nb', 80), METHOD + reply5(1)],
  ['SOCKS 5 with a name that turns its direction', socks5('a\u202eb', 80), METHOD + reply5(1)],
  ['SOCKS 5 with a name that is not UTF-8', afterGreeting(5, 1, 0, 3, 1, 0xff, 0, 80), METHOD + reply5(1)],
  ['TLS', Buffer.from([0x16, 3, 1]), ''],
  ['an empty line', Buffer.from('\r\n'), ''],
];

const PAGES: readonly [string, Buffer, RegExp][] = [
  ['a browser', http('GET / HTTP/1.1', 'Host: 127.0.0.1:1080'), /^HTTP\/1\.1 400 Bad Request\r\nContent-Type: text\/html.*<h1>This port is a proxy<\/h1>/s],
  ['a browser that wants no content', http('HEAD / HTTP/1.1', 'Host: x'), /^HTTP\/1\.1 400 [^<]*\r\n\r\n$/],
  ['CONNECT without a port', http('CONNECT db HTTP/1.1'), /^HTTP\/1\.1 400 /],
  ['CONNECT to port 0', http('CONNECT db:0 HTTP/1.1'), /^HTTP\/1\.1 400 /],
  ['CONNECT to port 65536', http('CONNECT db:65536 HTTP/1.1'), /^HTTP\/1\.1 400 /],
  ['CONNECT to brackets around no address', http('CONNECT [db]:80 HTTP/1.1'), /^HTTP\/1\.1 400 /],
  ['a page with a password in its address', http('GET http://me:secret@web/ HTTP/1.1'), /^HTTP\/1\.1 400 /],
  ['another scheme', http('GET ftp://web/ HTTP/1.1'), /^HTTP\/1\.1 400 /],
  ['HTTP/2', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), /^HTTP\/1\.1 400 .*not an HTTP request/s],
  ['a line feed alone', Buffer.from('GET http://web/ HTTP/1.1\nHost: web\r\n\r\n'), /^HTTP\/1\.1 400 .*not an HTTP request/s],
  ['a carriage return alone', Buffer.from('GET http://web/ HTTP/1.1\r\nA: b\rc\r\n\r\n'), /^HTTP\/1\.1 400 .*not an HTTP request/s],
  ['a folded line', http('GET http://web/ HTTP/1.1', 'A: b', ' c'), /^HTTP\/1\.1 400 .*not an HTTP request/s],
  ['a field without a colon', http('GET http://web/ HTTP/1.1', 'A'), /^HTTP\/1\.1 400 .*not an HTTP request/s],
  ['an endless head', Buffer.from(`GET http://web/ HTTP/1.1\r\nA: ${'b'.repeat(16_384)}`), /^HTTP\/1\.1 431 /],
];

describe('a handshake', () => {
  it.each(GRANTED)('understands %s, however it is cut', (_, bytes, expected) => {
    for (const chunks of cuts(bytes)) expect(converse(chunks)).toMatchObject({ ...expected, isRefused: false });
  });

  it.each(GRANTED)('keeps what comes behind %s for the destination', (_, bytes, { early = '' }) => {
    expect(converse([Buffer.concat([bytes, Buffer.from('behind\0it')])]).early).toBe(`${early}behind\0it`);
  });

  it.each(REFUSED)('refuses %s in its own words, however it is cut', (_, bytes, answer) => {
    for (const chunks of cuts(bytes)) expect(converse(chunks)).toMatchObject({ isRefused: true, answer, destination: undefined });
  });

  it.each(PAGES)('answers %s with a page, however it is cut', (_, bytes, page) => {
    for (const chunks of cuts(bytes)) {
      const { isRefused, answer } = converse(chunks);
      expect(isRefused).toBe(true);
      expect(Buffer.from(answer, 'hex').toString('latin1')).toMatch(page);
    }
  });

  it.each<[string, Buffer, string]>([
    ['nothing', Buffer.alloc(0), ''],
    ['half a SOCKS 4 request', socks4('10.1.2.3', 22).subarray(0, 5), reply4(91)],
    ['half a greeting', Buffer.from([5, 2, 0]), ''],
    ['half a SOCKS 5 request', socks5('db', 80).subarray(0, 9), reply5(1)],
  ])('has an answer for who sends %s and no more', (_, bytes, answer) => {
    const handshake = new Handshake();
    handshake.push(bytes);
    expect(handshake.unfinished.toString('hex')).toBe(answer);
  });

  it('tells who sends half an HTTP request that it took too long', () => {
    const handshake = new Handshake();
    handshake.push(Buffer.from('GET '));
    expect(handshake.unfinished.toString()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  });
});

describe('why a destination was not reached', () => {
  it.each([
    ['destination-refused', 5, 502],
    ['destination-unreachable', 4, 504],
    ['forwarding-prohibited', 2, 403],
    ['connection-lost', 1, 503],
  ] as const)('%s is %i in SOCKS 5 and %i in HTTP', (code, reply, status) => {
    const request = (bytes: Buffer) => converse([bytes]).request!;
    expect(request(socks5('db', 80)).refusal(code).toString('hex')).toBe(reply5(reply));
    expect(request(socks4('10.1.2.3', 80)).refusal(code).toString('hex')).toBe(reply4(91));
    const page = request(http('CONNECT db:80 HTTP/1.1')).refusal(code).toString();
    expect(page).toContain(`HTTP/1.1 ${String(status)} `);
    const [, length, body] = /Content-Length: (\d+)\r\n.*?\r\n\r\n(.*)$/s.exec(page)!;
    expect(body).toHaveLength(Number(length));
  });
});
