import { createPublicKey, generateKeyPairSync, verify, type KeyObject } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSlowToUnlock, readPrivateKey } from '../../../../src/plane/ssh/privateKey.ts';
import { run } from '../../../support/processes.ts';
import { createSshKey, type SshKeyType } from '../../../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../../../support/temporaryFolder.ts';

const PASSPHRASE = 'correct horse';
const DATA = Buffer.from('what a server wants signed');
const HASHES: Readonly<Record<SshKeyType, string | null>> = { ed25519: null, rsa: 'sha256', ecdsa: 'sha256' };

let folder: TemporaryFolder;
beforeAll(async () => { folder = await createTemporaryFolder('formats'); });
afterAll(() => folder.remove());

type Format = 'RFC4716' | 'PEM' | 'PKCS8';
let made = 0;

/** A key written by ssh-keygen; `RFC4716` is its name for OpenSSH's own format. */
async function keyIn(type: SshKeyType, format: Format, passphrase = ''): Promise<{ text: string; publicKey: string }> {
  const path = folder.join(`key${String(made += 1)}`);
  const { publicKey } = await createSshKey(path, type);
  await run('ssh-keygen', ['-q', '-p', '-m', format, '-a', '1', '-N', passphrase, '-f', path]);
  return { text: await readFile(path, 'latin1'), publicKey };
}

/** Opens the key, and holds its public part and a signature against what the maker of the key says. */
function expectKey(text: string, publicKey: string, type: SshKeyType, passphrase?: string): void {
  const read = readPrivateKey(text, passphrase);
  if (read.kind !== 'open') throw new Error(`not open: ${JSON.stringify(read)}`);
  expect(read.key.getPublicSSH().toString('base64')).toBe(publicKey.split(' ')[1]);
  expect(verify(HASHES[type], DATA, createPublicKey(read.key.getPublicPEM()), Buffer.from(read.key.sign(DATA, HASHES[type] ?? undefined)))).toBe(true);
}

const WRITTEN: readonly (readonly [SshKeyType, Format])[] = [
  ['ed25519', 'RFC4716'], ['rsa', 'RFC4716'], ['ecdsa', 'RFC4716'], ['rsa', 'PEM'], ['ecdsa', 'PEM'], ['rsa', 'PKCS8'], ['ecdsa', 'PKCS8'],
];

describe('a private key of ssh-keygen', () => {
  it.each(WRITTEN)('%s in %s opens', async (type, format) => {
    const { text, publicKey } = await keyIn(type, format);
    expectKey(text, publicKey, type);
  });

  it.each(WRITTEN)('%s in %s, encrypted, opens with its passphrase alone', async (type, format) => {
    const { text, publicKey } = await keyIn(type, format, PASSPHRASE);
    expect(readPrivateKey(text)).toEqual({ kind: 'locked' });
    expect(readPrivateKey(text, 'wrong')).toEqual({ kind: 'locked' });
    expectKey(text, publicKey, type, PASSPHRASE);
    expect(isSlowToUnlock(text)).toBe(format === 'RFC4716');
  });
});

describe('a private key of other programs', () => {
  /** What OpenSSH makes of the public key: its line without the comment. */
  async function publicLine(key: KeyObject): Promise<string> {
    const path = folder.join(`public${String(made += 1)}`);
    const { x = '' } = key.export({ format: 'jwk' });
    const fields = [Buffer.from('ssh-ed25519'), Buffer.from(x, 'base64url')].flatMap((field) => [Buffer.of(0, 0, 0, field.length), field]);
    await writeFile(path, `ssh-ed25519 ${Buffer.concat(fields).toString('base64')}\n`);
    await run('ssh-keygen', ['-l', '-f', path]);
    return (await readFile(path, 'utf8')).trim();
  }

  it.each([undefined, PASSPHRASE])('ed25519 in PKCS#8 opens (passphrase: %s)', async (passphrase) => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const cipher = passphrase === undefined ? {} : { cipher: 'aes-256-cbc', passphrase };
    const text = privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }).toString();
    expect(readPrivateKey(text).kind).toBe(passphrase === undefined ? 'open' : 'locked');
    expectKey(text, await publicLine(publicKey), 'ed25519', passphrase);
  });

  it('whose numbers begin with a zero opens', async () => {
    // One key in 256: the bytes of both halves are fixed in length, and none may be lost.
    const startsWithZero = ({ privateKey, publicKey }: { privateKey: KeyObject; publicKey: KeyObject }): boolean =>
      [publicKey.export({ format: 'jwk' }).x, privateKey.export({ format: 'jwk' }).d].some((half) => Buffer.from(half ?? '', 'base64url')[0] === 0);
    let pair = generateKeyPairSync('ed25519');
    while (!startsWithZero(pair)) pair = generateKeyPairSync('ed25519');
    const text = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expectKey(text, await publicLine(pair.publicKey), 'ed25519');
  });

  it.each(['', 'no key at all', '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n'])('that is none is refused: %j', (text) => {
    expect(readPrivateKey(text)).toMatchObject({ kind: 'unusable', reason: expect.any(String) as string });
  });

  it('of a kind that SSH does not know is refused', () => {
    const text = generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    expect(readPrivateKey(text)).toEqual({ kind: 'unusable', reason: 'keys of the kind x25519 are not supported' });
  });
});
