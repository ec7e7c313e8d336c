import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { orderHostKeyAlgorithms } from '../../../src/openssh/hostKeyAlgorithms.ts';
import { decodePlainKey } from '../../../src/openssh/keyBlob.ts';
import { hashName, lookUp, parseKnownHosts } from '../../../src/openssh/knownHosts.ts';

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

const ed25519 = (): string => Buffer.concat([text('ssh-ed25519'), text(randomBytes(32))]).toString('base64');
const rsa = (): string => Buffer.concat([text('ssh-rsa'), text(Buffer.from([1, 0, 1])), text(Buffer.concat([Buffer.from([0, 0x80]), randomBytes(255)]))]).toString('base64');
const key = ed25519();
const other = ed25519();
const rsaKey = rsa();

describe('lookUp', () => {
  it('shows the line of the same type first, and every other key', () => {
    const lines = parseKnownHosts(`web ssh-ed25519 ${other}\nweb ssh-rsa ${rsaKey}\n`, '/kh');
    const verdict = lookUp(lines, { host: 'web', port: 22, key });
    expect(verdict).toMatchObject({ status: 'mismatch', at: { file: '/kh', line: 1 } });
    expect(verdict.others.map(({ keyType, line }) => [keyType, line])).toEqual([['ssh-ed25519', 1], ['ssh-rsa', 2]]);
    expect(verdict.others[0]?.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  it('takes the key however its base64 is padded', () => {
    expect(lookUp(parseKnownHosts(`web ssh-ed25519 ${key}`, '/kh'), { host: 'web', port: 22, key: key.replace(/=+$/, '') }).status).toBe('known');
  });

  it('does not take a salt of another length', () => {
    expect(lookUp(parseKnownHosts(`${hashName('web', randomBytes(20))} ssh-ed25519 ${key}`, '/kh'), { host: 'web', port: 22, key }).status).toBe('known');
    expect(lookUp(parseKnownHosts(`${hashName('web', randomBytes(8))} ssh-ed25519 ${key}`, '/kh'), { host: 'web', port: 22, key }).status).toBe('unknown');
  });
});

describe('decodePlainKey', () => {
  it('knows whole keys', () => {
    expect(decodePlainKey(key)?.type).toBe('ssh-ed25519');
    expect(decodePlainKey(rsaKey)?.type).toBe('ssh-rsa');
  });

  it.each([
    ['nothing', ''],
    ['no base64', '!!!!'],
    ['a key that is cut off', Buffer.from(key, 'base64').subarray(0, 40).toString('base64')],
    ['a key with more behind it', Buffer.concat([Buffer.from(key, 'base64'), text('more')]).toString('base64')],
    ['a short ed25519 key', Buffer.concat([text('ssh-ed25519'), text(randomBytes(31))]).toString('base64')],
    ['a short RSA key', Buffer.concat([text('ssh-rsa'), text(Buffer.from([3])), text(randomBytes(64))]).toString('base64')],
    ['a certificate', Buffer.concat([text('ssh-ed25519-cert-v01@openssh.com'), text(randomBytes(32))]).toString('base64')],
    ['a name of Object', Buffer.concat([text('constructor'), text('x')]).toString('base64')],
  ])('refuses %s', (_, base64) => {
    expect(decodePlainKey(base64)).toBeUndefined();
  });
});

describe('orderHostKeyAlgorithms', () => {
  const allowed = ['ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519', 'ecdsa-sha2-nistp256', 'sk-ssh-ed25519@openssh.com', 'rsa-sha2-512', 'rsa-sha2-256'];
  const order = (known: string, port = 22): string[] => orderHostKeyAlgorithms(allowed, parseKnownHosts(known, '/kh'), { host: 'web', port });

  it('leaves out what ssh2 has not', () => {
    expect(order('')).toEqual(['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']);
  });

  it('puts the types of known keys first', () => {
    expect(order(`web ssh-rsa ${rsaKey}`)).toEqual(['rsa-sha2-512', 'rsa-sha2-256', 'ssh-ed25519', 'ecdsa-sha2-nistp256']);
    expect(order(`[web]:2200 ssh-rsa ${rsaKey}`, 2200)[0]).toBe('rsa-sha2-512');
    expect(order(`web ssh-rsa ${rsaKey}`, 2200)[0]).toBe('rsa-sha2-512');
  });

  it('changes nothing where the best type is known', () => {
    expect(order(`web ssh-rsa ${rsaKey}\nweb ssh-ed25519 ${key}`)[0]).toBe('ssh-ed25519');
  });

  it('does not count authorities and revoked keys', () => {
    expect(order(`@cert-authority web ssh-rsa ${rsaKey}`)[0]).toBe('ssh-ed25519');
    expect(order(`@revoked web ssh-rsa ${rsaKey}\nweb ssh-rsa ${rsaKey}`)[0]).toBe('ssh-ed25519');
  });
});
