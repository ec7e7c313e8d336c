import { createHash } from 'node:crypto';

/** `SHA256:` and the digest in base64 without padding, as `ssh-keygen -l` prints it; the blob is raw or base64. */
export function fingerprint(keyBlob: Uint8Array | string): string {
  const bytes = typeof keyBlob === 'string' ? Buffer.from(keyBlob, 'base64') : keyBlob;
  return `SHA256:${createHash('sha256').update(bytes).digest('base64').replace(/=+$/, '')}`;
}

/** Key types whose public part has the fields of RFC 4253 section 6.6, RFC 5656, RFC 8709 and OpenSSH's PROTOCOL.u2f. */
const FIELD_COUNTS: Readonly<Record<string, number>> = {
  'ssh-ed25519': 1,
  'ssh-rsa': 2,
  'ssh-dss': 4,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
};

/** The type that a key blob names, undefined when it is no blob. */
export function keyTypeOf(blob: Buffer): string | undefined {
  const type = readBlobString(blob, 0)?.value.toString('latin1');
  return type !== undefined && /^[\x21-\x7e]+$/.test(type) ? type : undefined;
}

/** The blob behind base64 text if it is a whole public key of a type that OpenSSH knows. */
export function decodePlainKey(base64: string): { readonly type: string; readonly blob: Buffer } | undefined {
  const blob = decodeBase64(base64);
  const type = blob === undefined ? undefined : keyTypeOf(blob);
  if (blob === undefined || type === undefined) return undefined;
  const count = Object.hasOwn(FIELD_COUNTS, type) ? FIELD_COUNTS[type] : undefined;
  const fields = readBlobStrings(blob);
  if (count === undefined || fields?.length !== count + 1) return undefined;
  return hasPlausibleFields(type, fields.slice(1)) ? { type, blob } : undefined;
}

/** Strict base64, as ssh reads it; undefined for anything else. */
export function decodeBase64(text: string): Buffer | undefined {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** One string of RFC 4251 section 5 and where it ends. */
export function readBlobString(blob: Buffer, at: number): { readonly value: Buffer; readonly end: number } | undefined {
  if (at + 4 > blob.length) return undefined;
  const end = at + 4 + blob.readUInt32BE(at);
  return end > blob.length ? undefined : { value: blob.subarray(at + 4, end), end };
}

function readBlobStrings(blob: Buffer): Buffer[] | undefined {
  const strings: Buffer[] = [];
  for (let at = 0; at < blob.length;) {
    const next = readBlobString(blob, at);
    if (next === undefined) return undefined;
    strings.push(next.value);
    at = next.end;
  }
  return strings;
}

function hasPlausibleFields(type: string, fields: readonly Buffer[]): boolean {
  const [first] = fields;
  if (first === undefined) return false;
  if (type.includes('ed25519')) return first.length === 32;
  if (type.includes('ecdsa')) return type.includes(first.toString('latin1'));
  // OpenSSH drops RSA keys below 1024 bits (SSH_RSA_MINIMUM_MODULUS_SIZE).
  if (type === 'ssh-rsa') return (fields[1]?.length ?? 0) >= 128;
  return true;
}
