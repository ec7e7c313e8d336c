import { readFile } from 'node:fs/promises';
import { ForwardError } from '../core/failure.ts';
import type { HostKeyStatus } from '../core/sshTarget.ts';
import { withAddressCheck } from './addressCheck.ts';
import type { HostKeyPolicy, Strictness } from './hostKeyPolicy.ts';
import { decodePlainKey, fingerprint } from './keyBlob.ts';
import { knownHostsName, lookUp, parseKnownHosts, type KnownAlias, type KnownHostsLine, type KnownKey } from './knownHosts.ts';
import { parsePublicKeyText } from './publicKeyText.ts';
import { assertRsaSize } from './rsaSize.ts';

/** The parts of the plane's question that the verdict depends on. */
export interface HostKeyEvidence {
  readonly host: string;
  readonly port: number;
  readonly hostKeyAlias?: string;
  /** The address that was reached, where there is one. */
  readonly address?: string;
  readonly keyType: string;
  /** The key blob, base64. */
  readonly key: string;
}

/** What known_hosts says of a key that a server showed. */
export interface HostKeyVerdict {
  readonly status: HostKeyStatus;
  /** `SHA256:…` of the key in question. */
  readonly fingerprint: string;
  readonly keyType: string;
  /** The line that decided; without a number where a whole file did. */
  readonly file?: string;
  readonly line?: number;
  /** Other keys that are known for the same host. */
  readonly others: readonly KnownKey[];
  /** Other names that the same key is known by. */
  readonly aliases: readonly KnownAlias[];
  /** Certificate authorities that known_hosts has for the host, and that are not used. */
  readonly authorities: readonly KnownKey[];
  readonly strictness: Strictness;
  /** The name that known_hosts knows the host by. */
  readonly name: string;
  /** Where an accepted key goes; absent when there is no such file, or the name must not be written. */
  readonly appendTo?: string;
  /** Whether the name is to be hashed when it is written. */
  readonly isHashed: boolean;
  /** The name of the address, to be written down as well (CheckHostIP). */
  readonly newAddress?: string;
  /** For the log: what is suspicious and yet no reason to refuse. */
  readonly warning?: string;
}

/**
 * Judges a host key by the known_hosts files of its policy, read anew each time. Reports; the caller decides by
 * `status` and `strictness`. Throws `known-hosts-unreadable` when a file is there and cannot be read, `config-unsupported` for
 * an RSA key below RequiredRSASize.
 */
export async function checkHostKey(evidence: HostKeyEvidence, policy: HostKeyPolicy): Promise<HostKeyVerdict> {
  const { host, port, hostKeyAlias, key } = evidence;
  if (policy.requiredRsaBits !== undefined) assertRsaSize(host, key, policy.requiredRsaBits);
  const lines = await readKnownHosts(policy);
  const subject = { host, port, key, ...(hostKeyAlias === undefined ? {} : { alias: hostKeyAlias }) };
  const { status, at, others, aliases, authorities } = lookUp(lines, subject);
  const name = knownHostsName(subject);
  const appendTo = isWritable(name, host) ? policy.userFiles[0] : undefined;
  const shared = {
    fingerprint: fingerprint(key),
    keyType: decodePlainKey(key)?.type ?? evidence.keyType,
    others,
    aliases,
    authorities,
    strictness: policy.strictness,
    name,
    isHashed: policy.isHashed,
    ...(appendTo === undefined ? {} : { appendTo }),
  };
  const { revokedKeysFile } = policy;
  if (revokedKeysFile !== undefined && (await isInRevokedFile(revokedKeysFile, key))) {
    return { ...shared, status: 'revoked', file: revokedKeysFile };
  }
  return withAddressCheck({ ...shared, status, ...at }, evidence, policy, lines);
}

/** All good lines of the user's files, then of the system's, in the order in which ssh reads them. */
export async function readKnownHosts({ userFiles, globalFiles }: HostKeyPolicy): Promise<KnownHostsLine[]> {
  const files = [...userFiles, ...globalFiles];
  const texts = await Promise.all(files.map(readIfThere));
  return files.flatMap((file, index) => parseKnownHosts(texts[index] ?? '', file));
}

async function readIfThere(file: string): Promise<string> {
  try {
    return await readFile(file, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return '';
    throw unreadable(file, error);
  }
}

/** ssh writes no name with these characters, which would be patterns or break the line (check_host_key of sshconnect.c). */
function isWritable(name: string, host: string): boolean {
  return !/[@?*#[\]|'"\\\s,]/.test(host) && !/[\s,]/.test(name);
}

/** RevokedHostKeys: a list of public keys. The binary form (KRL) is `config-unsupported`: never silently passed over. */
async function isInRevokedFile(file: string, key: string): Promise<boolean> {
  const text = await readFile(file, 'latin1').catch((error: unknown) => {
    throw unreadable(file, error);
  });
  if (text.startsWith('SSHKRL\n\0')) {
    throw new ForwardError('config-unsupported', `RevokedHostKeys ${file} is a key revocation list, which is not supported.`, { context: { path: file } });
  }
  const wanted = Buffer.from(key, 'base64').toString('base64');
  return text.split('\n').some((line) => parsePublicKeyText(line)?.key === wanted);
}

function unreadable(file: string, error: unknown): ForwardError {
  const reason = error instanceof Error ? error.message : String(error);
  return new ForwardError('known-hosts-unreadable', `${file} cannot be read: ${reason}`, { cause: error, context: { path: file } });
}
