import { utils, type ParsedKey } from 'ssh2';
import { Reader } from './agent.ts';

/** The outcome of reading a private key's text. */
export type PrivateKey =
  | { readonly kind: 'open'; readonly key: ParsedKey }
  /** It needs a passphrase, or another one. */
  | { readonly kind: 'locked' }
  | { readonly kind: 'unusable'; readonly reason: string };

/** Reads a private key in one of the formats that ssh2 knows (OpenSSH, PEM, PuTTY). Slow with a passphrase: bcrypt. */
export function readPrivateKey(text: string, passphrase?: string): PrivateKey {
  const key = passphrase === undefined ? utils.parseKey(text) : utils.parseKey(text, passphrase);
  if (key instanceof Error) {
    // Given a passphrase, every failure to read what could be read far enough to ask for one is the passphrase's.
    const isLocked = passphrase !== undefined || key.message.includes('no passphrase given');
    return isLocked ? { kind: 'locked' } : { kind: 'unusable', reason: key.message };
  }
  return key.isPrivateKey() ? { kind: 'open', key } : { kind: 'unusable', reason: 'it holds no private key' };
}

/** The public key that a usable blob (RFC 4253 section 6.6) stands for. */
export function readPublicKey(blob: Buffer): ParsedKey | undefined {
  const key = utils.parseKey(blob);
  return key instanceof Error ? undefined : key;
}

const OPENSSH_KEY = /^-----BEGIN OPENSSH PRIVATE KEY-----\s([\s\S]+)-----END OPENSSH PRIVATE KEY-----\s*$/;
const OPENSSH_MAGIC = 'openssh-key-v1\0';

/** The public key blob that OpenSSH's own format carries outside the encrypted part (PROTOCOL.key, section 1). */
export function publicKeyOfLocked(text: string): Buffer | undefined {
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
