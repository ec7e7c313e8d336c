import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePuttyFile } from '../../../../src/core/puttyFile.ts';
import { isSlowToUnlock, publicKeyOfLocked, readPrivateKey } from '../../../../src/plane/ssh/privateKey.ts';
import { run } from '../../../support/processes.ts';
import { createPuttyKey, puttyText, strings, type PuttyKeyFile, type PuttyKeyOptions, type PuttyKeyType } from '../../../support/puttyKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../../../support/temporaryFolder.ts';

const PASSPHRASE = 'korrekt Pferd Batterie ä€';
const DATA = Buffer.from('what a server wants signed');
const TYPES = ['rsa', 'nistp256', 'nistp384', 'nistp521', 'ed25519'] as const;
const WRITTEN = TYPES.flatMap((type) => [2, 3].map((version) => [type, version] as const));

let folder: TemporaryFolder;
beforeAll(async () => { folder = await createTemporaryFolder('putty'); });
afterAll(() => folder.remove());

let made = 0;
function newPath(): string {
  return folder.join(`key${String(made += 1)}.ppk`);
}

function keyOf(options: PuttyKeyOptions): Promise<PuttyKeyFile> {
  return createPuttyKey(newPath(), options);
}

/** Opens the key, and holds its public part and a signature against the public key that puttygen reads. */
function expectKey(text: string, publicKey: string, type: PuttyKeyType, passphrase?: string): void {
  const read = readPrivateKey(text, passphrase);
  if (read.kind !== 'open') throw new Error(`not open: ${JSON.stringify(read)}`);
  expect(read.key.getPublicSSH().toString('base64')).toBe(publicKey.split(' ')[1]);
  const hash = type === 'ed25519' ? null : 'sha256';
  expect(verify(hash, DATA, createPublicKey(read.key.getPublicPEM()), Buffer.from(read.key.sign(DATA, hash ?? undefined)))).toBe(true);
}

function reasonOf(text: string, passphrase?: string): string {
  const read = readPrivateKey(text, passphrase);
  return read.kind === 'unusable' ? read.reason : read.kind;
}

describe('a key of puttygen', () => {
  it.each(WRITTEN)('%s in version %i opens', async (type, version) => {
    const { text, publicKey } = await keyOf({ type, parameters: [`version=${String(version)}`] });
    expectKey(text, publicKey, type);
    expect(isSlowToUnlock(text)).toBe(false);
  });

  it.each(WRITTEN)('%s in version %i, encrypted, opens with its passphrase alone', async (type, version) => {
    const { text, publicKey } = await keyOf({ type, passphrase: PASSPHRASE, parameters: [`version=${String(version)}`] });
    expect(readPrivateKey(text)).toEqual({ kind: 'locked' });
    expect(publicKeyOfLocked(text)?.toString('base64')).toBe(publicKey.split(' ')[1]);
    for (const wrong of ['wrong', `${PASSPHRASE} `, '']) expect(readPrivateKey(text, wrong)).toEqual({ kind: 'locked' });
    expectKey(text, publicKey, type, PASSPHRASE);
    expect(isSlowToUnlock(text)).toBe(version === 3);
  });

  it.each(['argon2id', 'argon2i', 'argon2d'])('whose passphrase is stretched with %s opens', async (flavour) => {
    const { text, publicKey } = await keyOf({ passphrase: PASSPHRASE, parameters: [`kdf=${flavour}`, 'passes=3', 'memory=512', 'parallelism=4'] });
    expect(text.toLowerCase()).toContain(`key-derivation: ${flavour}\n`);
    expectKey(text, publicKey, 'ed25519', PASSPHRASE);
  });

  it('as puttygen writes it unless told otherwise opens', async () => {
    const { text, publicKey } = await keyOf({ passphrase: PASSPHRASE, parameters: ['memory=8192', 'time=100'] });
    expectKey(text, publicKey, 'ed25519', PASSPHRASE);
  });

  it.each(['', 'Schlüssel: "mein" 鍵'])('with the comment %j opens', async (comment) => {
    for (const version of [2, 3]) {
      const { text, publicKey } = await keyOf({ comment, passphrase: PASSPHRASE, parameters: [`version=${String(version)}`] });
      expectKey(text, publicKey, 'ed25519', PASSPHRASE);
    }
  });

  it.each([['CR LF', '\r\n'], ['CR', '\r'], ['LF and none at the end', '\n']])('whose lines end with %s opens', async (_name, end) => {
    const { text, publicKey } = await keyOf({ type: 'nistp521' });
    expectKey(text.trimEnd().replaceAll('\n', end), publicKey, 'nistp521');
  });

  it('whose numbers end in zeros opens', async () => {
    // One key in 256: PuTTY leaves them out.
    let pair = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    while (!Buffer.from(pair.d ?? '', 'base64url').subarray(-1).equals(Buffer.of(0))) pair = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
    const publicBlob = strings(Buffer.from('ssh-ed25519'), Buffer.from(pair.x ?? '', 'base64url'));
    const text = puttyText('ssh-ed25519', publicBlob, strings(Buffer.from(pair.d ?? '', 'base64url').subarray(0, -1)));
    const path = newPath();
    await writeFile(path, text);
    await run('puttygen', [path, '-O', 'private-openssh', '-o', `${path}.openssh`]);
    expectKey(text, await run('puttygen', [path, '-O', 'public-openssh']), 'ed25519');
  });
});

describe('a damaged key of PuTTY', () => {
  const MAC = 'it is damaged: its MAC does not fit what it holds';

  it.each([2, 3])('of version %i is told apart from a wrong passphrase', async (version) => {
    for (const passphrase of ['', PASSPHRASE]) {
      const { text } = await keyOf({ passphrase, parameters: [`version=${String(version)}`] });
      const given = passphrase === '' ? undefined : passphrase;
      expect(reasonOf(text.replace(/(?<=Private-MAC: .*)([0-9a-f])(?=\n$)/, (digit) => (digit === '0' ? '1' : '0')), given)).toBe(MAC);
      expect(reasonOf(text.replace('Comment: culvert-test', 'Comment: culvert-tesT'), given)).toBe(MAC);
      expect(reasonOf(text.replace(/(?<=Private-MAC: )\w+/, 'abcd'), given)).toBe(MAC);
    }
  });

  it.each(TYPES)('whose public key is that of another is refused, even with a MAC that fits: %s', async (type) => {
    const [mine, other] = [await blobsOf(type), await blobsOf(type)];
    const refusal = 'it is damaged: its private key does not fit its public key';
    expect(reasonOf(puttyText(mine.keyType, mine.publicBlob, mine.privateBlob))).toBe('open');
    expect(reasonOf(puttyText(mine.keyType, other.publicBlob, mine.privateBlob))).toBe(refusal);
    expect(reasonOf(puttyText(mine.keyType, mine.publicBlob, mine.privateBlob.subarray(0, -1)))).toBe(refusal);
    expect(reasonOf(puttyText(mine.keyType, mine.publicBlob, strings(Buffer.alloc(67, 1), Buffer.of(1), Buffer.of(1), Buffer.of(1))))).toBe(refusal);
  });

  async function blobsOf(type: PuttyKeyType): Promise<{ keyType: string; publicBlob: Buffer; privateBlob: Buffer }> {
    const file = parsePuttyFile((await keyOf({ type })).text);
    if (file === undefined) throw new Error('puttygen wrote what cannot be read');
    return { keyType: file.keyType, publicBlob: Buffer.from(file.publicKey, 'base64'), privateBlob: Buffer.from(file.privateKey, 'base64') };
  }

  it.each([
    ['a line is missing', /Private-Lines: .*\n.*\n/, ''],
    ['a line too much is promised', /Public-Lines: 2/, 'Public-Lines: 3'],
    ['the end is missing', /Private-MAC: .*\n/, ''],
    ['its salt is missing', /Argon2-Salt: .*\n/, ''],
    ['its public key is of another type', /(?<=File-3: )ssh-ed25519/, 'ssh-rsa'],
    ['its private key is cut off', /(?<=Private-Lines: 1\n)..../, ''],
    ['Argon2 has less memory than it needs', /(?<=Parallelism: )1/, '100'],
  ])('says so before a passphrase is asked for: %s', async (_what, place, instead) => {
    const { text } = await keyOf({ passphrase: PASSPHRASE });
    expect(text).toMatch(place);
    expect(reasonOf(text.replace(place, instead))).toMatch(/^it is damaged/);
  });
});

describe('a key of PuTTY that cannot be used', () => {
  it.each([
    ['dsa', 'it is a DSA key, which servers no longer accept'],
    ['ed448', 'keys of the type ssh-ed448 are not supported'],
  ] as const)('says why: %s', async (type, reason) => {
    for (const passphrase of ['', PASSPHRASE]) expect(reasonOf((await keyOf({ type, passphrase })).text)).toBe(reason);
  });

  it.each([
    ['an older version', /File-3/, 'File-1', 'in version 1 of PuTTY\'s format, which cannot be read here; convert it with "puttygen FILE -O private-openssh'],
    ['a newer version', /File-3/, 'File-4', 'in version 4 of PuTTY\'s format'],
    ['another cipher', /aes256-cbc/, 'aes256-gcm', 'encrypted with aes256-gcm, which is not known here'],
    ['another derivation', /Argon2id/, 'constructor', 'stretched with constructor, which is not known here'],
    ['too much memory', /Memory: 64/, 'Memory: 1048577', '1025 MiB of memory, more than 1024; write it anew with "puttygen FILE --reencrypt'],
    ['too many passes', /Passes: 2/, 'Passes: 4294967295', '4294967295 passes over 1 MiB, too long to wait for'],
  ])('says why before a passphrase is asked for: %s', async (_what, place, instead, reason) => {
    const { text } = await keyOf({ passphrase: PASSPHRASE });
    expect(text).toMatch(place);
    expect(reasonOf(text.replace(place, instead))).toContain(reason);
    expect(reasonOf(text.replace(place, instead), PASSPHRASE)).toContain(reason);
  });
});
