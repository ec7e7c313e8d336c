import { describe, expect, it } from 'vitest';
import { isPermitted } from '../../../../src/plane/proxy/permitted.ts';
import { basicLogin, http, login, socks4, socks4a, socks5, socks5WithLogin } from '../../../support/proxyRequests.ts';
import { converse, type Conversation } from './converse.ts';

/** More on demand: CULVERT_FUZZ_CASES=1000000 npx vitest run --project unit fuzz. */
const CASES = Number(process.env['CULVERT_FUZZ_CASES'] ?? 5_000);
const SEED = Number(process.env['CULVERT_FUZZ_SEED'] ?? 20_261_122);

/** The same numbers for the same seed (mulberry32). */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)]!;
  }

  bytes(maxLength: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(maxLength + 1) }, () => this.below(256)));
  }
}

const PROPER: readonly Buffer[] = [
  socks4('10.1.2.3', 22, 'me'), socks4a('db.internal', 5432), socks5('10.1.2.3', 443), socks5('2001:db8::1', 443), socks5('db.internal', 80),
  http('CONNECT db:5432 HTTP/1.1', 'Host: db:5432'), http('GET http://web:8080/a HTTP/1.1', 'Host: web', 'Accept: */*'), http('GET / HTTP/1.1', 'Host: here'),
];

/** A proper request, damaged here and there; sometimes pure noise behind a promising first byte. */
function sample(chance: Chance, proper = PROPER): Buffer {
  if (chance.below(4) === 0) return Buffer.concat([Buffer.from([chance.pick([4, 5, 0x43, 0x47])]), chance.bytes(40)]);
  let bytes = Buffer.from(chance.pick(proper));
  for (let damage = chance.below(4); damage > 0; damage -= 1) {
    const at = chance.below(bytes.length + 1);
    const rest = bytes.subarray(chance.pick([at, at + 1, at + chance.below(8)]));
    bytes = Buffer.concat([bytes.subarray(0, at), chance.pick([Buffer.alloc(0), chance.bytes(3), chance.pick(proper)]), rest]);
  }
  return bytes;
}

function cut(bytes: Buffer, chance: Chance): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 1 + chance.below(chance.pick([1, 4, bytes.length]));
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
}

describe('whatever a client sends', () => {
  it(`comes to the same however it is cut, and only a proper request gets anywhere, ${String(CASES)} cases`, { timeout: 10_000 + CASES }, () => {
    const chance = new Chance(SEED);
    const seen = { granted: 0, refused: 0, waiting: 0 };
    for (let round = 0; round < CASES; round += 1) {
      const bytes = sample(chance);
      if (bytes.length === 0) continue;
      const whole = converse([bytes]);
      const { request: _one, ...plain } = whole;
      const { request: _other, ...cutUp } = converse(cut(bytes, chance));
      expect(cutUp, `seed ${String(SEED)}, case ${String(round)}: ${bytes.toString('hex')}`).toEqual(plain);
      expectSane(bytes, whole);
      seen[whole.destination !== undefined ? 'granted' : whole.isRefused ? 'refused' : 'waiting'] += 1;
    }
    // The generator does its work: every outcome comes up often.
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(CASES / 20);
  });
});

describe('whatever a client sends to a proxy with a login', () => {
  const OWN = { user: 'me', password: 'geheim' };
  const WITH_LOGIN: readonly Buffer[] = [
    socks5WithLogin('me', 'geheim', 'db.internal', 80), socks5WithLogin('me', 'gehein', 'db', 80), http('CONNECT db:5432 HTTP/1.1', basicLogin('me', 'geheim')),
    http('GET http://web/ HTTP/1.1', basicLogin('me', 'geheim'), 'Accept: */*'), ...PROPER,
  ];

  it(`comes to the same however it is cut, and only who shows the login gets anywhere, ${String(CASES)} cases`, { timeout: 10_000 + CASES }, () => {
    const chance = new Chance(SEED + 1);
    const seen = { granted: 0, refused: 0, waiting: 0 };
    for (let round = 0; round < CASES; round += 1) {
      const bytes = sample(chance, WITH_LOGIN);
      if (bytes.length === 0) continue;
      const { request: _one, ...whole } = converse([bytes], OWN);
      const { request: _other, ...cutUp } = converse(cut(bytes, chance), OWN);
      expect(cutUp, `seed ${String(SEED + 1)}, case ${String(round)}: ${bytes.toString('hex')}`).toEqual(whole);
      const shows = bytes.includes(login('me', 'geheim')) || bytes.includes(basicLogin('me', 'geheim').slice('Proxy-Authorization: Basic '.length));
      if (whole.destination !== undefined) expect(shows, bytes.toString('hex')).toBe(true);
      seen[whole.destination !== undefined ? 'granted' : whole.isRefused ? 'refused' : 'waiting'] += 1;
    }
    expect(Math.min(...Object.values(seen))).toBeGreaterThan(CASES / 50);
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
