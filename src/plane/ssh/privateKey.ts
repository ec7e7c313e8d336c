import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { utils, type ParsedKey } from 'ssh2';
import { puttyVersionOf, parsePuttyFile } from '../../core/puttyFile.ts';
import { framed, Reader } from './agent.ts';
import { isSlowPuttyKey, readPuttyKey } from './puttyKey.ts';

/** The outcome of reading a private key's text. */
export type PrivateKey =
  | { readonly kind: 'open'; readonly key: ParsedKey }
  /** It needs a passphrase, or another one. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'unusable'; readonly reason: string };

/**
 * Reads a private key: OpenSSH's own format, PEM (PKCS#1, SEC1), PKCS#8 (RFC 5958), and PuTTY's, versions 2 and 3.
 * Slow with a passphrase for some: `isSlowToUnlock()`.
 */
export function readPrivateKey(text: string, passphrase?: string): PrivateKey {
  if (PKCS8.test(text)) return readPkcs8(text, passphrase);
  if (puttyVersionOf(text) !== undefined) return readPutty(text, passphrase);
  const key = passphrase === undefined ? utils.parseKey(text) : utils.parseKey(text, passphrase);
  if (key instanceof Error) {
    // Given a passphrase, every failure to read what could be read far enough to ask for one is the passphrase's.
    const isLocked = passphrase !== undefined || key.message.includes('no passphrase given');
    return isLocked ? { kind: 'locked' } : { kind: 'unusable', reason: key.message };
  }
  return key.isPrivateKey() ? { kind: 'open', key } : { kind: 'unusable', reason: 'it holds no private key' };
}

/** Whether a passphrase is stretched with bcrypt or Argon2, which blocks the thread for as long as the key's author chose. */
export function isSlowToUnlock(text: string): boolean {
  return OPENSSH_KEY.test(text.trim()) || isSlowPuttyKey(text);
}

/** The public key that a usable blob (RFC 4253 section 6.6) stands for. */
export function readPublicKey(blob: Buffer): ParsedKey | undefined {
  const key = utils.parseKey(blob);
  return key instanceof Error ? undefined : key;
}

const OPENSSH_KEY = /^-----BEGIN OPENSSH PRIVATE KEY-----\s([\s\S]+)-----END OPENSSH PRIVATE KEY-----\s*$/;
const OPENSSH_MAGIC = 'openssh-key-v1\0';

/** The public key blob that OpenSSH's own format (PROTOCOL.key, section 1) and PuTTY's carry outside the encrypted part. */
export function publicKeyOfLocked(text: string): Buffer | undefined {
  const putty = parsePuttyFile(text);
  if (putty !== undefined) return Buffer.from(putty.publicKey, 'base64');
  const base64 = OPENSSH_KEY.exec(text.trim())?.[1];
  if (base64 === undefined) return undefined;
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('latin1', 0, OPENSSH_MAGIC.length) !== OPENSSH_MAGIC) return undefined;
  try {
    const reader = new Reader(bytes.subarray(OPENSSH_MAGIC.length));
    for (const _field of ['cipher', 'kdf', 'kdf options']) reader.string();
    return reader.number() === 1 ? reader.string() : undefined;
  } catch {
    return undefined;
  }
}

const PKCS8 = /^\s*-----BEGIN (?<encrypted>ENCRYPTED )?PRIVATE KEY-----/;

function readPkcs8(text: string, passphrase: string | undefined): PrivateKey {
  const isEncrypted = PKCS8.exec(text)?.groups?.['encrypted'] !== undefined;
  if (isEncrypted && passphrase === undefined) return { kind: 'locked' };
  let key: KeyObject;
  try {
    key = createPrivateKey(passphrase === undefined ? text : { key: text, passphrase });
  } catch (error) {
    return isEncrypted ? { kind: 'locked' } : { kind: 'unusable', reason: error instanceof Error ? error.message : String(error) };
  }
  return rewritten(key);
}

function readPutty(text: string, passphrase: string | undefined): PrivateKey {
  const read = readPuttyKey(text, passphrase);
  return read.kind === 'open' ? rewritten(read.key) : read;
}

/** ssh2 knows neither PKCS#8 nor all of PuTTY's, so a key is written anew in a format that it does. */
function rewritten(key: KeyObject): PrivateKey {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return readPrivateKey(key.export({ type: 'pkcs1', format: 'pem' }).toString());
    case 'ec':
      return readPrivateKey(key.export({ type: 'sec1', format: 'pem' }).toString());
    case 'ed25519':
      return readPrivateKey(opensshEd25519(key));
    default:
      return { kind: 'unusable', reason: `keys of the kind ${String(key.asymmetricKeyType)} are not supported` };
  }
}

/** An Ed25519 key in OpenSSH's own format, unencrypted (PROTOCOL.key). */
function opensshEd25519(key: KeyObject): string {
  const type = Buffer.from('ssh-ed25519');
  const publicKey = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
  const seed = Buffer.from(key.export({ format: 'jwk' }).d ?? '', 'base64url');
  const empty = framed(Buffer.alloc(0));
  const none = framed(Buffer.from('none'));
  const one = Buffer.of(0, 0, 0, 1);
  const secret = Buffer.concat([Buffer.alloc(8), framed(type), framed(publicKey), framed(Buffer.concat([seed, publicKey])), empty]);
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1));
  const blob = framed(Buffer.concat([framed(type), framed(publicKey)]));
  const bytes = Buffer.concat([Buffer.from(OPENSSH_MAGIC), none, none, empty, one, blob, framed(Buffer.concat([secret, padding]))]);
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${bytes.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
}
