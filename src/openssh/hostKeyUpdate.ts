import { checkedAddressName } from './addressCheck.ts';
import { appendHostKey } from './hostKeyAppend.ts';
import { readKnownHosts, type HostKeyEvidence } from './hostKeyCheck.ts';
import type { HostKeyPolicy } from './hostKeyPolicy.ts';
import { decodePlainKey, fingerprint } from './keyBlob.ts';
import { isNamed, knownHostsName, type KnownHostsLine } from './knownHosts.ts';

/** The keys that a server says are its own, and has proved to be. */
export interface HostKeyAnnouncement extends HostKeyEvidence {
  /** Key blobs, base64. `key` is the one that this SSH connection was made with. */
  readonly keys: readonly string[];
}

/**
 * UpdateHostKeys: writes down the further keys of a host whose key is known, where OpenSSH would (client_input_hostkeys of its
 * clientloop.c): the key stands under the host's own name in a file of the user, in a plain line without patterns, authorities
 * or revocations, and none of the keys stands under another name. Only adds: lines of keys that the server no longer has stay,
 * which ssh would remove. Gives what was done or why nothing was, for the log; throws `known-hosts-unreadable`.
 */
export async function updateHostKeys(announcement: HostKeyAnnouncement, policy: HostKeyPolicy): Promise<string[]> {
  const [file] = policy.userFiles;
  const { updatedKeyTypes } = policy;
  if (updatedKeyTypes === undefined || file === undefined) return [];
  const keys = announcement.keys.filter((key) => updatedKeyTypes.includes(decodePlainKey(key)?.type ?? ''));
  const lines = await readKnownHosts({ ...policy, globalFiles: [] });
  const names = namesOf(announcement, policy);
  const matched = lines.filter((line) => names.some((name) => isNamed(line, name)));
  const added = keys.filter((key) => !matched.some((line) => line.key === key));
  if (added.length === 0) return [];
  const obstacle = obstacleTo({ lines, matched, names, keys, key: announcement.key });
  if (obstacle !== undefined) return [`${names[0]} has told of further host keys, which are not kept: ${obstacle}.`];
  for (const key of added) {
    for (const name of names) await appendHostKey(file, { name, key, isHashed: policy.isHashed });
  }
  return added.map((key) => `Learned a further host key of ${names[0]}: ${decodePlainKey(key)?.type ?? ''} ${fingerprint(key)}; added to ${file}.`);
}

function namesOf(announcement: HostKeyAnnouncement, policy: HostKeyPolicy): [string, ...string[]] {
  const { host, port, hostKeyAlias } = announcement;
  const address = checkedAddressName(announcement, policy);
  const name = knownHostsName({ host, port, ...(hostKeyAlias === undefined ? {} : { alias: hostKeyAlias }) });
  return address === undefined ? [name] : [name, address];
}

interface Findings {
  /** Of the user's files. */
  readonly lines: readonly KnownHostsLine[];
  /** Those that speak of the host. */
  readonly matched: readonly KnownHostsLine[];
  /** The host's name, and its address where that counts. */
  readonly names: readonly [string, ...string[]];
  readonly keys: readonly string[];
  readonly key: string;
}

function obstacleTo({ lines, matched, names, keys, key }: Findings): string | undefined {
  const isOwn = (line: KnownHostsLine): boolean => line.marker === 'none' && line.key === key && isNamed(line, names[0]);
  if (!matched.some(isOwn)) return 'the key in use is not known by this name in a file of yours';
  if (matched.some(({ marker }) => marker !== 'none')) return 'a line about this host is a revocation or names an authority';
  if (matched.some(isComplex)) return 'a line about this host holds patterns or several names';
  const old = matched.filter((line) => !keys.includes(line.key)).map((line) => line.key);
  const others = lines.filter((line) => !matched.includes(line));
  if (others.some((line) => keys.includes(line.key) || old.includes(line.key))) return 'a key of this host stands under another name as well';
  const isHalf = ({ names: hosts }: KnownHostsLine): boolean => hosts.includes(',') && !names.every((name) => hosts.split(',').includes(name));
  return names.length > 1 && matched.some(isHalf) ? 'name and address stand in lines with others' : undefined;
}

/** hostspec_is_complex: ssh itself writes one name, or a name and an address. */
function isComplex({ names }: KnownHostsLine): boolean {
  return /[*?]/.test(names) || names.split(',').length > 2;
}
