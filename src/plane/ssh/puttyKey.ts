import { createDecipheriv, createHmac, timingSafeEqual, type KeyObject } from 'node:crypto';
import { unusableBecause } from '../../core/keyTypes.ts';
import { parsePuttyFile, puttyVersionOf, type PuttyFile } from '../../core/puttyFile.ts';
import { framed } from './agent.ts';
import { keyTypeOf } from './hostKey.ts';
import { keyOfNumbers } from './keyNumbers.ts';
import { deriveKeys, derivationRefusal, type PuttyKeys } from './puttyDerivation.ts';

/** The outcome of reading a private key file of PuTTY's. */
export type PuttyKey =
  | { readonly kind: 'open'; readonly key: KeyObject }
  /** It needs a passphrase, or another one. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'unusable'; readonly reason: string };

const CIPHER = 'aes256-cbc';
const BLOCK_BYTES = 16;

/**
 * Reads a private key file of PuTTY's, versions 2 and 3 (PuTTY manual, appendix C). Nothing of the private part is used
 * before the MAC has been seen to fit. Slow with a passphrase for version 3: `isSlowPuttyKey()`.
 */
export function readPuttyKey(text: string, passphrase?: string): PuttyKey {
  const file = parsePuttyFile(text);
  if (file === undefined) return { kind: 'unusable', reason: unreadableBecause(text) };
  const reason = refusalOf(file);
  if (reason !== undefined) return { kind: 'unusable', reason };
  if (isEncrypted(file) && passphrase === undefined) return { kind: 'locked' };
  const keys = deriveKeys(file, passphrase ?? '');
  const plain = isEncrypted(file) ? decrypted(file, keys) : privateBytes(file);
  if (!isAuthentic(file, plain, keys)) return isEncrypted(file) && !beginsLikeKey(plain) ? { kind: 'locked' } : damaged('its MAC does not fit what it holds');
  try {
    return { kind: 'open', key: keyOfNumbers(publicBytes(file), plain) };
  } catch {
    return damaged('its private key does not fit its public key');
  }
}

/** Whether a passphrase is stretched with Argon2, which blocks the thread for as long as the key's author chose. */
export function isSlowPuttyKey(text: string): boolean {
  return parsePuttyFile(text)?.derivation !== undefined;
}

function unreadableBecause(text: string): string {
  const version = puttyVersionOf(text) ?? '';
  if (version === '2' || version === '3') return DAMAGED;
  return `it is in version ${version} of PuTTY's format, which cannot be read here; convert it with "puttygen FILE -O private-openssh -o NEWFILE", or in PuTTYgen with Conversions, Export OpenSSH key`;
}

/** What no passphrase can change, said before one is asked for. */
function refusalOf(file: PuttyFile): string | undefined {
  if (keyTypeOf(publicBytes(file)) !== file.keyType) return `${DAMAGED}: its public key is not of the type ${file.keyType}`;
  if (isEncrypted(file) && file.encryption !== CIPHER) return `it is encrypted with ${file.encryption}, which is not known here`;
  if (isEncrypted(file) && privateBytes(file).length % BLOCK_BYTES !== 0) return `${DAMAGED}: its private key is not whole`;
  return unusableBecause(file.keyType) ?? (file.derivation === undefined ? undefined : derivationRefusal(file.derivation));
}

const DAMAGED = 'it is damaged';

function damaged(how: string): PuttyKey {
  return { kind: 'unusable', reason: `${DAMAGED}: ${how}` };
}

function isEncrypted({ encryption }: PuttyFile): boolean {
  return encryption !== 'none';
}

function publicBytes({ publicKey }: PuttyFile): Buffer {
  return Buffer.from(publicKey, 'base64');
}

function privateBytes({ privateKey }: PuttyFile): Buffer {
  return Buffer.from(privateKey, 'base64');
}

function decrypted(file: PuttyFile, { cipherKey, initialVector }: PuttyKeys): Buffer {
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, initialVector).setAutoPadding(false);
  return Buffer.concat([decipher.update(privateBytes(file)), decipher.final()]);
}

/** The MAC is over everything, the padding too (PuTTY manual, appendix C.2). */
function isAuthentic(file: PuttyFile, plain: Buffer, { macKey }: PuttyKeys): boolean {
  // A key file is read as Latin-1, a byte a character.
  const texts = [file.keyType, file.encryption, file.comment].map((text) => Buffer.from(text, 'latin1'));
  const covered = Buffer.concat([...texts, publicBytes(file), plain].map(framed));
  const expected = createHmac(file.version === 3 ? 'sha256' : 'sha1', macKey).update(covered).digest();
  const mac = Buffer.from(file.mac, 'hex');
  return mac.length === expected.length && timingSafeEqual(mac, expected);
}

/**
 * A wrong passphrase makes a wrong MAC, as damage does; but what it decrypts begins with a length that fits in one case
 * of millions, and with the right passphrase always.
 */
function beginsLikeKey(plain: Buffer): boolean {
  const length = plain.length < 4 ? 0 : plain.readUInt32BE(0);
  return length > 0 && length <= plain.length - 4;
}
