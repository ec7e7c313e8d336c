import { ForwardError } from '../core/failure.ts';
import { readBlobString } from './keyBlob.ts';

/** The length of an RSA key's modulus in bits; undefined for other keys (RFC 4253 section 6.6: type, exponent, modulus). */
export function rsaBits(blob: Buffer): number | undefined {
  const type = readBlobString(blob, 0);
  if (type?.value.toString('latin1') !== 'ssh-rsa') return undefined;
  const exponent = readBlobString(blob, type.end);
  const modulus = exponent === undefined ? undefined : readBlobString(blob, exponent.end)?.value;
  const first = modulus?.findIndex((byte) => byte !== 0) ?? -1;
  if (modulus === undefined || first < 0) return undefined;
  return (modulus.length - first) * 8 - (Math.clz32(modulus[first] ?? 0) - 24);
}

/** RequiredRSASize: ssh refuses a shorter host key before it looks into known_hosts. Throws `config-unsupported`. */
export function assertRsaSize(host: string, key: string, requiredBits: number): void {
  const bits = rsaBits(Buffer.from(key, 'base64'));
  if (bits === undefined || bits >= requiredBits) return;
  const reason = `its RSA host key has ${String(bits)} bits, and RequiredRSASize asks for ${String(requiredBits)}`;
  throw new ForwardError('config-unsupported', `${host}: ${reason}.`, { context: { host, reason } });
}
