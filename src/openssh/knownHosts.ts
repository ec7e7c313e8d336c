import { createHmac } from 'node:crypto';
import type { HostKeyStatus } from '../core/sshTarget.ts';
import { decodePlainKey, fingerprint } from './keyBlob.ts';
import { withoutEnd } from './lineEnd.ts';
import { matchHostName } from './patterns.ts';

export const SSH_PORT = 22;

/** As long as the digest of SHA-1. */
export const HASH_SALT_BYTES = 20;

export type KnownHostsMarker = 'none' | 'revoked' | 'cert-authority';

/** One good line of a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). */
export interface KnownHostsLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly marker: KnownHostsMarker;
  /** Patterns separated by commas, or one hashed name. */
  readonly names: string;
  readonly keyType: string;
  /** The key blob, base64. */
  readonly key: string;
}

export interface HostKeySubject {
  readonly host: string;
  readonly port: number;
  /** HostKeyAlias: asked for instead of host and port. */
  readonly alias?: string;
  /** The key blob, base64. */
  readonly key: string;
}

export interface KnownKey {
  readonly keyType: string;
  readonly fingerprint: string;
  readonly file: string;
  readonly line: number;
}

export interface KnownHostsVerdict {
  readonly status: HostKeyStatus;
  /** The line that decided: the matching one, the revoking one, or the one that the key differs from. */
  readonly at?: { readonly file: string; readonly line: number };
  /** Every other key that is known for the name; for one with a port that is unknown, under the plain name. */
  readonly others: readonly KnownKey[];
  /** Where else the same key stands, under another name. */
  readonly aliases: readonly KnownAlias[];
  /** The certificate authorities of the host: they prove nothing here, since host certificates are not supported. */
  readonly authorities: readonly KnownKey[];
}

/** Another name for a key; undefined where it is hashed. */
export interface KnownAlias {
  readonly names: string | undefined;
  readonly file: string;
  readonly line: number;
}

/** Reads a file; comments and what ssh could not read are passed over. */
export function parseKnownHosts(text: string, file: string): KnownHostsLine[] {
  return text.split('\n').flatMap((content, index) => {
    const line = parseLine(content);
    return line === undefined ? [] : [{ file, line: index + 1, ...line }];
  });
}

function parseLine(content: string): Omit<KnownHostsLine, 'file' | 'line'> | undefined {
  const words = withoutEnd(content, '\r').split(/[ \t]+/).filter((word) => word !== '');
  const first = words[0] ?? '#';
  if (first.startsWith('#')) return undefined;
  const marker = first.startsWith('@') ? parseMarker(first) : 'none';
  if (marker === undefined) return undefined;
  const [names, type, base64] = marker === 'none' ? words : words.slice(1);
  if (names === undefined || type === undefined || base64 === undefined || names.startsWith('@')) return undefined;
  const key = decodePlainKey(base64);
  if (key?.type !== plainType(type)) return undefined;
  return { marker, names, keyType: key.type, key: key.blob.toString('base64') };
}

function parseMarker(word: string): KnownHostsMarker | undefined {
  if (word === '@revoked') return 'revoked';
  return word === '@cert-authority' ? 'cert-authority' : undefined;
}

/** OpenSSH takes the name of a signature algorithm for its key type, also in known_hosts. */
function plainType(type: string): string {
  return type === 'rsa-sha2-256' || type === 'rsa-sha2-512' ? 'ssh-rsa' : type;
}

/** The name that known_hosts is asked for: an alias as it is, else the host, with its port unless that is 22. */
export function knownHostsName({ host, port, alias }: Pick<HostKeySubject, 'host' | 'port' | 'alias'>): string {
  if (alias !== undefined) return alias.toLowerCase();
  return (port === SSH_PORT ? host : `[${host}]:${port}`).toLowerCase();
}

/** Whether a line speaks about a name from `knownHostsName`. */
export function isNamed(line: KnownHostsLine, name: string): boolean {
  return line.names.startsWith('|') ? matchesHash(line.names, name) : matchHostName(name, line.names);
}

/**
 * The verdict of OpenSSH's check_host_key (sshconnect.c). A host on another port than 22 is asked for as `[host]:port`
 * first; only if that says nothing at all may the plain name still prove the key, and never more than that. One
 * deviation, to the safe side: a key revoked under the plain name is revoked, where ssh would ask.
 */
export function lookUp(lines: readonly KnownHostsLine[], subject: HostKeySubject): KnownHostsVerdict {
  const key = Buffer.from(subject.key, 'base64').toString('base64');
  const name = knownHostsName(subject);
  const isSpokenOf = (line: KnownHostsLine): boolean => isNamed(line, name);
  return {
    ...lookUpNames(lines, subject, key),
    aliases: lines.filter((line) => line.marker === 'none' && line.key === key && !isSpokenOf(line)).map(knownAlias),
    authorities: lines.filter((line) => line.marker === 'cert-authority' && isSpokenOf(line)).map(knownKey),
  };
}

type NameVerdict = Omit<KnownHostsVerdict, 'aliases' | 'authorities'>;

function lookUpNames(lines: readonly KnownHostsLine[], subject: HostKeySubject, key: string): NameVerdict {
  const verdict = lookUpName(lines, knownHostsName(subject), key);
  if (verdict.status !== 'unknown' || subject.alias !== undefined || subject.port === SSH_PORT) return verdict;
  const plain = lookUpName(lines, subject.host.toLowerCase(), key);
  return plain.status === 'known' || plain.status === 'revoked' ? plain : { ...verdict, others: plain.others };
}

function lookUpName(lines: readonly KnownHostsLine[], name: string, key: string): NameVerdict {
  const named = lines.filter((line) => isNamed(line, name));
  const isSame = (line: KnownHostsLine): boolean => line.key === key;
  const plain = named.filter(({ marker }) => marker === 'none');
  const others = plain.filter((line) => !isSame(line)).map(knownKey);
  const revoking = named.find((line) => line.marker === 'revoked' && isSame(line));
  if (revoking !== undefined) return { status: 'revoked', at: place(revoking), others };
  const matching = plain.find(isSame);
  if (matching !== undefined) return { status: 'known', at: place(matching), others };
  // check_hostkeys_by_key_or_type of OpenSSH's hostfile.c: any other plain key, of whatever type, means "changed".
  const type = decodePlainKey(key)?.type;
  const offending = plain.findLast(({ keyType }) => keyType === type) ?? plain.at(-1);
  if (offending !== undefined) return { status: 'mismatch', at: place(offending), others };
  return { status: 'unknown', others };
}

function knownKey({ keyType, key, file, line }: KnownHostsLine): KnownKey {
  return { keyType, fingerprint: fingerprint(key), file, line };
}

function knownAlias({ names, file, line }: KnownHostsLine): KnownAlias {
  return { names: names.startsWith('|') ? undefined : names, file, line };
}

function place({ file, line }: KnownHostsLine): { file: string; line: number } {
  return { file, line };
}

/** `|1|salt|digest`: HMAC-SHA1 of the name with the salt as key (HashKnownHosts in ssh_config(5)). */
function matchesHash(names: string, name: string): boolean {
  const [, version, salt, digest] = names.split('|');
  if (version !== '1' || salt === undefined || digest === undefined) return false;
  const saltBytes = Buffer.from(salt, 'base64');
  return saltBytes.length === HASH_SALT_BYTES && hashName(name, saltBytes) === names;
}

/** A hashed name, for a salt of `HASH_SALT_BYTES`. */
export function hashName(name: string, salt: Buffer): string {
  const digest = createHmac('sha1', salt).update(name).digest('base64');
  return `|1|${salt.toString('base64')}|${digest}`;
}
