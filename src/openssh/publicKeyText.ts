import { parsePuttyFile } from '../core/puttyFile.ts';
import { decodeBase64, keyTypeOf, readBlobString } from './keyBlob.ts';

/** A public key as found in a file. */
export interface PublicKey {
  readonly type: string;
  /** The blob, base64. */
  readonly key: string;
}

/** The first key of a `.pub` file: `type base64 comment` (sshd(8), AUTHORIZED_KEYS FILE FORMAT, without options). */
export function parsePublicKeyText(text: string): PublicKey | undefined {
  for (const line of text.split('\n')) {
    const [type, base64] = line.trim().split(/[ \t]+/);
    if (type === undefined || base64 === undefined || type.startsWith('#')) continue;
    const blob = decodeBase64(base64);
    // The blob decides: a certificate's text may claim anything.
    if (blob !== undefined && keyTypeOf(blob) === type) return { type, key: base64 };
  }
  return undefined;
}

const MAGIC = 'openssh-key-v1\0';

/** The public key in the unencrypted part of a private key file in OpenSSH's own format (PROTOCOL.key) or PuTTY's. */
export function publicKeyOfPrivateKey(text: string): PublicKey | undefined {
  const putty = parsePuttyFile(text);
  const blob = putty === undefined ? publicBlobOfOpenssh(text) : decodeBase64(putty.publicKey);
  const type = blob === undefined ? undefined : keyTypeOf(blob);
  return blob === undefined || type === undefined ? undefined : { type, key: blob.toString('base64') };
}

function publicBlobOfOpenssh(text: string): Buffer | undefined {
  const found = /-----BEGIN OPENSSH PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END OPENSSH PRIVATE KEY-----/.exec(text);
  const bytes = Buffer.from(found?.[1] ?? '', 'base64');
  if (bytes.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  let at = MAGIC.length;
  for (const _ of ['cipher', 'kdf', 'kdf options']) {
    const skipped = readBlobString(bytes, at);
    if (skipped === undefined) return undefined;
    at = skipped.end;
  }
  // Four bytes count the keys; there is always one.
  return readBlobString(bytes, at + 4)?.value;
}
