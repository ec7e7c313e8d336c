import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPermitted } from '../../../../src/plane/proxy/permitted.ts';
import { fuzz, fuzzPlan } from '../../../support/fuzzing.ts';
import { basicLogin, http, login, socks4, socks4a, socks5, socks5WithLogin } from '../../../support/proxyRequests.ts';
import { converse, type Conversation } from './converse.ts';

const CASES = 5_000;

const PROPER: readonly Buffer[] = [
  socks4('10.1.2.3', 22, 'me'), socks4a('db.internal', 5432), socks5('10.1.2.3', 443), socks5('2001:db8::1', 443), socks5('db.internal', 80),
  http('CONNECT db:5432 HTTP/1.1', 'Host: db:5432'), http('GET http://web:8080/a HTTP/1.1', 'Host: web', 'Accept: */*'), http('GET / HTTP/1.1', 'Host: here'),
];

const someBytes = (maxLength: number): fc.Arbitrary<Buffer> => fc.uint8Array({ maxLength, size: 'max' }).map((bytes) => Buffer.from(bytes));

/** A proper request, damaged here and there; sometimes pure noise behind a promising first byte. */
function requestsLike(examples: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const proper = fc.constantFrom(...examples);
  /** Something put in the place of some bytes, anywhere. */
  const damage = fc.record({ at: fc.nat(0xffff), lost: fc.nat(8), put: fc.oneof(fc.constant(Buffer.alloc(0)), someBytes(3), proper) });
  return fc.oneof(
    { weight: 3, arbitrary: fc.record({ request: proper, damages: fc.array(damage, { maxLength: 3, size: 'max' }) }).map(({ request, damages }) => damages.reduce(damageBytes, request)) },
    { weight: 1, arbitrary: fc.record({ first: fc.constantFrom(4, 5, 0x43, 0x47), rest: someBytes(40) }).map(({ first, rest }) => Buffer.concat([Buffer.from([first]), rest])) },
  ).filter((bytes) => bytes.length > 0);
}

/** The lengths of the chunks, over and over. */
const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8, size: 'max' });

function damageBytes(bytes: Buffer, { at, lost, put }: { at: number; lost: number; put: Buffer }): Buffer {
  const from = at % (bytes.length + 1);
  return Buffer.concat([bytes.subarray(0, from), put, bytes.subarray(from + lost)]);
}

function cut(bytes: Buffer, lengths: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + lengths[chunks.length % lengths.length]!;
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

/** Answers belong to the protocol of the first byte and are whole. */
const ANSWERS: readonly [(first: number) => boolean, RegExp][] = [
  [(first) => first === 4, /^(005b000000000000)?$/],
  [(first) => first === 5, /^(0500)?(05ff|05(01|07|08)000100000000(0000))?$/],
  [(first) => first > 0x20 && first < 0x7f, /^(485454502f312e31203[0-9]{3}3[0-9].*)?$/],
  [() => true, /^$/],
];

function expectSane(bytes: Buffer, { destination, answer, granted, early, isOver, isRefused }: Conversation): void {
  expect(answer).toMatch(ANSWERS.find(([isTheirs]) => isTheirs(bytes[0]!))![1]);
  if (destination === undefined) return;
  expect(isOver && !isRefused).toBe(true);
  expect(destination.host).toMatch(/^[^\s\p{Cc}]+$/u);
  expect(Buffer.byteLength(destination.host)).toBeLessThanOrEqual(255);
  expect(destination.port).toBeGreaterThan(0);
  expect(destination.port).toBeLessThan(65_536);
  // What is passed on stood in what came, but for the head of a page, which is written anew.
  const passed = granted === '' ? early!.slice(early!.indexOf('\r\n\r\n') + 4) : early!;
  expect(bytes.toString('latin1').endsWith(passed)).toBe(true);
  // And it is what stood behind the request: without it the request is whole, and with one byte less it is not.
  const head = bytes.subarray(0, bytes.length - passed.length);
  expect(converse([head])).toMatchObject({ destination });
  expect(converse([head.subarray(0, -1)]).destination).toBeUndefined();
}

describe('whatever a client sends', () => {
  it('comes to the same however it is cut, and only a proper request gets anywhere', { timeout: fuzzPlan(CASES).timeout }, () => {
    const seen = { granted: 0, refused: 0, waiting: 0 };
    fuzz({ cases: CASES, values: fc.record({ bytes: requestsLike(PROPER), lengths: cuts }), check: ({ bytes, lengths }) => {
      const whole = converse([bytes]);
      const { request: _one, ...plain } = whole;
      const { request: _other, ...cutUp } = converse(cut(bytes, lengths));
      expect(cutUp, bytes.toString('hex')).toEqual(plain);
      expectSane(bytes, whole);
      seen[whole.destination !== undefined ? 'granted' : whole.isRefused ? 'refused' : 'waiting'] += 1;
    } });
    // The generator does its work: every outcome comes up often.
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(fuzzPlan(CASES).cases / 20);
  });
});

describe('whatever a client sends to a proxy with a login', () => {
  const OWN = { user: 'me', password: 'geheim' };
  const WITH_LOGIN: readonly Buffer[] = [
    socks5WithLogin('me', 'geheim', 'db.internal', 80), socks5WithLogin('me', 'gehein', 'db', 80), http('CONNECT db:5432 HTTP/1.1', basicLogin('me', 'geheim')),
    http('GET http://web/ HTTP/1.1', basicLogin('me', 'geheim'), 'Accept: */*'), ...PROPER,
  ];

  it('comes to the same however it is cut, and only who shows the login gets anywhere', { timeout: fuzzPlan(CASES).timeout }, () => {
    const seen = { granted: 0, refused: 0, waiting: 0 };
    fuzz({ cases: CASES, values: fc.record({ bytes: requestsLike(WITH_LOGIN), lengths: cuts }), check: ({ bytes, lengths }) => {
      const { request: _one, ...whole } = converse([bytes], OWN);
      const { request: _other, ...cutUp } = converse(cut(bytes, lengths), OWN);
      expect(cutUp, bytes.toString('hex')).toEqual(whole);
      const shows = bytes.includes(login('me', 'geheim')) || bytes.includes(basicLogin('me', 'geheim').slice('Proxy-Authorization: Basic '.length));
      if (whole.destination !== undefined) expect(shows, bytes.toString('hex')).toBe(true);
      seen[whole.destination !== undefined ? 'granted' : whole.isRefused ? 'refused' : 'waiting'] += 1;
    } });
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(fuzzPlan(CASES).cases / 50);
  });
});

describe('the destinations that PermitRemoteOpen names', () => {
  it.each<[readonly string[] | undefined, string, number, boolean]>([
    [undefined, 'db', 5432, true],
    [[], 'db', 5432, false],
    [['any'], 'db', 5432, true],
    [['none'], 'none', 5432, false],
    [['db:5432'], 'db', 5432, true],
    [['db:5432'], 'db', 5433, false],
    [['db:5432'], 'db.example', 5432, false],
    [['web:80', 'db:*'], 'db', 1, true],
    [['*:443'], 'anything', 443, true],
    [['*:443'], 'anything', 80, false],
    [['*:*'], '2001:db8::1', 80, true],
    [['d*:5432'], 'db', 5432, false],
    [['[2001:DB8:0::1]:80'], '2001:db8::1', 80, true],
    [['2001:db8::1:80'], '2001:db8::1', 80, false],
    [['10.0.0.1:80'], '::ffff:10.0.0.1', 80, false],
    [['db'], 'db', 5432, false],
    [['*'], 'db', 5432, false],
    [['db:'], 'db', 0, false],
  ])('%j: %s:%i is permitted: %s', (patterns, host, port, isAllowed) => {
    expect(isPermitted({ host, port }, patterns)).toBe(isAllowed);
  });
});
