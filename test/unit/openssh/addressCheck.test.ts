import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { withAddressCheck } from '../../../src/openssh/addressCheck.ts';
import type { HostKeyEvidence, HostKeyVerdict } from '../../../src/openssh/hostKeyCheck.ts';
import type { HostKeyPolicy } from '../../../src/openssh/hostKeyPolicy.ts';
import { lookUp, parseKnownHosts } from '../../../src/openssh/knownHosts.ts';
import { rsaBits } from '../../../src/openssh/rsaSize.ts';

function field(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const createKey = (): string => Buffer.concat([field('ssh-ed25519'), field(randomBytes(32))]).toString('base64');
const key = createKey();
const other = createKey();

function check(knownHosts: string, evidence: Partial<HostKeyEvidence> = {}, policy: Partial<HostKeyPolicy> = {}): HostKeyVerdict {
  const lines = parseKnownHosts(knownHosts.replaceAll('KEY', `ssh-ed25519 ${key}`).replaceAll('OTHER', `ssh-ed25519 ${other}`), '/kh');
  const whole = { host: 'web', port: 22, address: '192.0.2.7', keyType: 'ssh-ed25519', key, ...evidence };
  const shared = { fingerprint: '', keyType: '', strictness: 'ask', name: 'web', isHashed: false } as const;
  const rules = { userFiles: ['/kh'], globalFiles: [], strictness: 'ask', isHashed: false, checksAddress: true, ...policy } as const;
  const { at, ...verdict } = lookUp(lines, whole);
  return withAddressCheck({ ...shared, ...verdict, ...at }, whole, rules, lines);
}

describe('CheckHostIP', () => {
  it.each<[string, string, Partial<HostKeyVerdict>]>([
    ['both are known', 'web KEY\n192.0.2.7 KEY\n', { status: 'known' }],
    ['both in one line', 'web,192.0.2.7 KEY\n', { status: 'known' }],
    ['the address is new', 'web KEY\n', { status: 'known', newAddress: '192.0.2.7' }],
    ['both are new', '', { status: 'unknown', newAddress: '192.0.2.7' }],
    ['the address alone is known', '192.0.2.7 KEY\n', { status: 'unknown' }],
    ['the address has another key', 'web KEY\n192.0.2.7 OTHER\n', { status: 'mismatch', line: 2, name: '192.0.2.7' }],
    ['the address has another key, the host is new', '192.0.2.7 OTHER\n', { status: 'mismatch', line: 1, name: '192.0.2.7' }],
    ['the key is revoked for the address', 'web KEY\n@revoked 192.0.2.7 KEY\n', { status: 'revoked', line: 2 }],
    ['the host has another key', 'web OTHER\n192.0.2.7 KEY\n', { status: 'mismatch', line: 1, name: 'web' }],
  ])('%s', (_, knownHosts, expected) => {
    const verdict = check(knownHosts);
    expect(verdict).toMatchObject(expected);
    expect('newAddress' in verdict).toBe('newAddress' in expected);
  });

  it('asks for the address with its port', () => {
    expect(check('[web]:2200 KEY\n', { port: 2200 }).newAddress).toBe('[192.0.2.7]:2200');
    expect(check('[web]:2200 KEY\n192.0.2.7 OTHER\n', { port: 2200 }).status).toBe('known');
  });

  it('warns only where StrictHostKeyChecking is off, as ssh', () => {
    const verdict = check('web KEY\n192.0.2.7 OTHER\n', {}, { strictness: 'no' });
    expect(verdict).toMatchObject({ status: 'known', warning: expect.stringContaining('192.0.2.7 in /kh line 2') as string });
  });

  it.each([['127.0.0.1'], ['::1'], [undefined]])('means nothing for %s', (address) => {
    const evidence = { address } as Partial<HostKeyEvidence>;
    const verdict = check('web KEY\n127.0.0.1 OTHER\n::1 OTHER\n', evidence);
    expect(verdict.status).toBe('known');
    expect(verdict).not.toHaveProperty('newAddress');
  });

  it('means nothing where the host is an address', () => {
    const verdict = check('', { host: '192.0.2.7' });
    expect(verdict.status).toBe('unknown');
    expect(verdict).not.toHaveProperty('newAddress');
  });

  it('is off unless it is asked for', () => {
    const lines = 'web KEY\n192.0.2.7 OTHER\n';
    expect(check(lines, {}, { checksAddress: undefined as never })).toMatchObject({ status: 'known' });
  });
});

describe('rsaBits', () => {
  it.each([[1024, 0x80, 128], [1023, 0x40, 128], [2048, 0xff, 256], [2041, 0x01, 256]])('counts %i bits', (bits, first, bytes) => {
    const modulus = Buffer.concat([Buffer.from([0, first]), randomBytes(bytes - 1)]);
    expect(rsaBits(Buffer.concat([field('ssh-rsa'), field(Buffer.from([1, 0, 1])), field(modulus)]))).toBe(bits);
  });

  it('has nothing to say about other keys', () => {
    expect(rsaBits(Buffer.from(key, 'base64'))).toBeUndefined();
    expect(rsaBits(Buffer.from('ssh-rsa'))).toBeUndefined();
  });
});
