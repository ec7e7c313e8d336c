import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HostKeyStatus } from '../../../src/core/sshTarget.ts';
import { hashName, lookUp, parseKnownHosts, type KnownHostsMarker } from '../../../src/openssh/knownHosts.ts';
import { fuzz, fuzzPlan, tryLongRuns } from '../../support/fuzzing.ts';

const CASES = 2_000;
const { timeout } = fuzzPlan(CASES);

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const ed25519 = (fill: number): string => Buffer.concat([field(Buffer.from('ssh-ed25519')), field(Buffer.alloc(32, fill))]).toString('base64');
const rsa = Buffer.concat([field(Buffer.from('ssh-rsa')), field(Buffer.from([1, 0, 1])), field(Buffer.alloc(256, 3))]).toString('base64');

/** The one that is asked about, another of its type, and one of another type. */
const KEYS = [ed25519(1), ed25519(2), rsa] as const;
const [KEY] = KEYS;
const SUBJECT = { host: 'Web', port: 22, key: KEY };

/** Whether ssh takes these names for the host "web" (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
const NAMES: ReadonlyMap<string, boolean> = new Map([
  ['web', true], ['WEB', true], ['*', true], ['w?b', true], ['other,web,10.0.0.1', true], [hashName('web', Buffer.alloc(20, 7)), true], ['!other,w*', true],
  ['!web,*', false], ['other', false], ['web.example', false], ['[web]:2200', false], ['w', false], [hashName('other', Buffer.alloc(20, 7)), false], ['|1|x|y', false], ['|2|x|y', false],
]);
const MARKERS: readonly (readonly [KnownHostsMarker, string])[] = [['none', ''], ['none', ''], ['none', ''], ['revoked', '@revoked '], ['cert-authority', '@cert-authority\t']];

/** A good line, and what it says. */
const goodLines = fc.record({ names: fc.constantFrom(...NAMES.keys()), key: fc.constantFrom(...KEYS), marker: fc.constantFrom(...MARKERS), space: fc.constantFrom(' ', '\t', '  \t'), end: fc.constantFrom('', ' comment', '\r', ' # x\r\r') })
  .map(({ names, key, marker: [marker, prefix], space, end }) => ({ isNamed: NAMES.get(names) === true, marker, key, text: `${prefix}${names}${space}${key === rsa ? 'ssh-rsa' : 'ssh-ed25519'}${space}${key}${end}` }));

/** Lines that say nothing to anybody. */
const idleLines = fc.constantFrom('', ' ', '\r', '# web ssh-ed25519', `#web ssh-ed25519 ${KEY}`, `@other web ssh-ed25519 ${KEY}`, `@revoked @revoked web ssh-ed25519 ${KEY}`, `web ssh-rsa ${KEY}`,
  `web ssh-ed25519 ${KEY.slice(0, -1)}`, `web ssh-ed25519 ${KEY}AAAA`, `web ssh-ed25519 !${KEY.slice(1)}`, `web ${KEY}`, 'web', 'web 2048 65537 123456789');

/** A good line with something put in the place of a few characters. */
const damagedLines = fc.record({ line: goodLines, at: fc.nat(200), lost: fc.nat(3), noise: fc.oneof(fc.constantFrom('@', '#', '|', ',', '!', '*', ' ', '\t', '\0', '=', '\r', KEY), fc.string({ unit: 'binary', maxLength: 4 })) })
  .map(({ line: { text }, at, lost, noise }) => `${text.slice(0, at % (text.length + 1))}${noise.replaceAll('\n', '')}${text.slice((at % (text.length + 1)) + lost)}`);

function wordsOf(line: string): readonly string[] {
  return line.replace(/\r+$/, '').split(/[ \t]/).filter((word) => word !== '');
}

/** The verdict by the words of sshd(8) alone. */
function expectedStatus(lines: readonly { isNamed: boolean; marker: KnownHostsMarker; key: string }[]): HostKeyStatus {
  const named = lines.filter(({ isNamed }) => isNamed);
  if (named.some(({ marker, key }) => marker === 'revoked' && key === KEY)) return 'revoked';
  const plain = named.filter(({ marker }) => marker === 'none');
  if (plain.some(({ key }) => key === KEY)) return 'known';
  return plain.length > 0 ? 'mismatch' : 'unknown';
}

describe('known_hosts, whatever stands in it', () => {
  it('is read line by line, and no line is taken for what it does not say', { timeout }, () => {
    let good = 0;
    const lines = fc.array(fc.oneof(goodLines.map(({ text }) => text), idleLines, damagedLines, fc.string({ unit: 'binary', maxLength: 80 }).map((text) => text.replaceAll('\n', ''))), { maxLength: 8, size: 'max' });
    fuzz({ cases: CASES, values: lines, check: (texts) => {
      const parsed = parseKnownHosts(texts.join('\n'), '/kh');
      expect(parsed).toEqual(texts.flatMap((text, index) => parseKnownHosts(text, '/kh').map((line) => ({ ...line, line: index + 1 }))));
      for (const { line, names, key, keyType, marker } of parsed) {
        const words = wordsOf(texts[line - 1]!);
        expect(words.slice(marker === 'none' ? 0 : 1)).toEqual(expect.arrayContaining([names, key]));
        expect(words[0]!.startsWith('@') ? words[0] : 'none').toBe(marker === 'none' ? 'none' : `@${marker}`);
        expect(Buffer.from(key, 'base64').includes(keyType)).toBe(true);
        good += 1;
      }
    } });
    expect(good).toBeGreaterThan(fuzzPlan(CASES).cases);
  });

  it('gives each key the verdict that its lines give it, in any order and among any others', { timeout }, () => {
    const seen = { known: 0, unknown: 0, mismatch: 0, revoked: 0 };
    const lines = fc.array(fc.oneof({ weight: 2, arbitrary: goodLines }, { weight: 1, arbitrary: idleLines.map((text) => ({ isNamed: false, marker: 'none' as const, key: '', text })) }), { maxLength: 6, size: 'max' });
    fuzz({ cases: CASES, values: lines, check: (entries) => {
      const { status } = lookUp(parseKnownHosts(entries.map(({ text }) => text).join('\n'), '/kh'), SUBJECT);
      expect(status).toBe(expectedStatus(entries));
      seen[status] += 1;
    } });
    for (const [status, count] of Object.entries(seen)) expect(count, status).toBeGreaterThan(fuzzPlan(CASES).cases / 50);
  });

  it('never makes a key known that stands in no plain line, nor a revoked one anything else', { timeout }, () => {
    let known = 0;
    fuzz({ cases: CASES, values: fc.array(damagedLines, { maxLength: 6, size: 'max' }), check: (texts) => {
      const text = texts.join('\n');
      const { status, at } = lookUp(parseKnownHosts(text, '/kh'), SUBJECT);
      if (status === 'known') {
        known += 1;
        expect(texts[at!.line - 1]).toMatch(/^[ \t]*[^@#]/);
        expect(wordsOf(texts[at!.line - 1]!)).toContain(KEY);
      }
      expect(lookUp(parseKnownHosts(`${text}\n@revoked * ssh-ed25519 ${KEY}`, '/kh'), SUBJECT).status).toBe('revoked');
    } });
    expect(known).toBeGreaterThan(fuzzPlan(CASES).cases / 50);
  });

  it('takes no longer for a line that does not end', { timeout }, () => {
    tryLongRuns((run) => {
      expect(parseKnownHosts(`${run}\nweb ${run} ${KEY}\nweb ssh-ed25519 ${run}\nweb ssh-ed25519 ${KEY}`, '/kh').at(-1)).toMatchObject({ line: 4, key: KEY });
    });
  });
});
