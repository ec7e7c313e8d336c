import { createPrivateKey, createPublicKey, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Reader } from './agent.ts';

const CURVES: Readonly<Record<string, { readonly crv: string; readonly bytes: number }>> = {
  'ecdsa-sha2-nistp256': { crv: 'P-256', bytes: 32 },
  'ecdsa-sha2-nistp384': { crv: 'P-384', bytes: 48 },
  'ecdsa-sha2-nistp521': { crv: 'P-521', bytes: 66 },
};

const ED25519_BYTES = 32;

/**
 * The key that a public blob (RFC 4253 section 6.6) and PuTTY's private numbers (PuTTY manual, appendix C.3) make. Throws
 * when they are not what their type says, or do not belong together: a signature made with numbers of two keys can give
 * the private one away.
 */
export function keyOfNumbers(publicBlob: Buffer, privateNumbers: Buffer): KeyObject {
  const blob = new Reader(publicBlob);
  const type = blob.string().toString('latin1');
  const numbers = new Reader(privateNumbers);
  const { open, secret } = type === 'ssh-rsa' ? rsa(blob, numbers) : type === 'ssh-ed25519' ? ed25519(blob, numbers) : ecdsa(type, blob, numbers);
  const key = createPrivateKey({ key: { ...open, ...secret }, format: 'jwk' });
  const probe = Buffer.from('culvert');
  const hash = type === 'ssh-ed25519' ? null : 'sha256';
  const isPair = verify(hash, probe, createPublicKey({ key: open, format: 'jwk' }), sign(hash, probe, key));
  if (!isPair) throw new Error('the private key belongs to another public key');
  return key;
}

/** The fields of a JSON Web Key (RFC 7518 section 6, RFC 8037) that all may see, and those that nobody may. */
interface Numbers {
  readonly open: JsonWebKey;
  readonly secret: JsonWebKey;
}

function rsa(blob: Reader, numbers: Reader): Numbers {
  const [e, n] = [blob.string(), blob.string()];
  const [d, p, q, qi] = [numbers.string(), numbers.string(), numbers.string(), numbers.string()];
  const reduced = (prime: Buffer): string => encoded(fromInteger(toInteger(d) % (toInteger(prime) - 1n)));
  return {
    open: { kty: 'RSA', n: encoded(n), e: encoded(e) },
    secret: { d: encoded(d), p: encoded(p), q: encoded(q), dp: reduced(p), dq: reduced(q), qi: encoded(qi) },
  };
}

function ecdsa(type: string, blob: Reader, numbers: Reader): Numbers {
  const curve = CURVES[type];
  if (curve === undefined) throw new Error(`keys of the type ${type} are not supported`);
  blob.string();
  const point = blob.string();
  // Uncompressed points alone are in use (RFC 5656 section 3.1).
  if (point[0] !== 4 || point.length !== 1 + 2 * curve.bytes) throw new Error('the public key is no point');
  const [x, y] = [point.subarray(1, 1 + curve.bytes), point.subarray(1 + curve.bytes)];
  const d = fromInteger(toInteger(numbers.string()), curve.bytes);
  return { open: { kty: 'EC', crv: curve.crv, x: encodedWhole(x), y: encodedWhole(y) }, secret: { d: encodedWhole(d) } };
}

function ed25519(blob: Reader, numbers: Reader): Numbers {
  const seed = numbers.string();
  if (seed.length > ED25519_BYTES) throw new Error('the private key is too long');
  // PuTTY takes it for a number with its last byte first, and leaves out the zeros at its end.
  const d = Buffer.concat([seed, Buffer.alloc(ED25519_BYTES - seed.length)]);
  return { open: { kty: 'OKP', crv: 'Ed25519', x: encodedWhole(blob.string()) }, secret: { d: encodedWhole(d) } };
}

function toInteger(bytes: Buffer): bigint {
  return BigInt(`0x0${bytes.toString('hex')}`);
}

function fromInteger(value: bigint, bytes = 0): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(Math.max(2 * bytes, hex.length + (hex.length % 2)), '0'), 'hex');
}

/** Without the zeros in front that an mpint (RFC 4251 section 5) has and a JSON Web Key has not. */
function encoded(bytes: Buffer): string {
  const start = bytes.findIndex((byte) => byte !== 0);
  return encodedWhole(start === -1 ? bytes : bytes.subarray(start));
}

function encodedWhole(bytes: Buffer): string {
  return bytes.toString('base64url');
}
