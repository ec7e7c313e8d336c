import type { ConfigSubject } from './sshConfig.ts';
import { matchPattern } from './patterns.ts';
import { ResolvedConfig } from './resolvedConfig.ts';

/** Tried when no IdentityFile is set, in this order (fill_default_options of OpenSSH 9.2's readconf.c). */
export const DEFAULT_IDENTITY_FILES: readonly string[] = [
  '~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ecdsa_sk', '~/.ssh/id_ed25519', '~/.ssh/id_ed25519_sk', '~/.ssh/id_xmss', '~/.ssh/id_dsa',
];

/** KEX_DEFAULT_PK_ALG of OpenSSH 9.2's myproposal.h without the certificates, which are not supported here. */
const DEFAULT_HOST_KEY_ALGORITHMS: readonly string[] = [
  'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com', 'rsa-sha2-512', 'rsa-sha2-256',
];

/** Allowed when somebody asks for them, never by themselves. */
const FURTHER_HOST_KEY_ALGORITHMS: readonly string[] = ['ssh-dss', 'ssh-rsa'];

const OTHER_DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  port: ['22'],
  identityfile: DEFAULT_IDENTITY_FILES,
  userknownhostsfile: ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'],
  stricthostkeychecking: ['ask'],
  hashknownhosts: ['no'],
  identitiesonly: ['no'],
  pubkeyauthentication: ['yes'],
  passwordauthentication: ['yes'],
  kbdinteractiveauthentication: ['yes'],
  numberofpasswordprompts: ['3'],
  connecttimeout: ['none'],
  serveraliveinterval: ['0'],
  serveralivecountmax: ['3'],
};

/** Fills in what fill_default_options of OpenSSH's readconf.c would. */
export function withDefaults(explicit: ReadonlyMap<string, readonly string[]>, subject: ConfigSubject): ResolvedConfig {
  const values = new Map<string, readonly string[]>(Object.entries(OTHER_DEFAULTS));
  values.set('user', [subject.localUser]);
  for (const [name, value] of explicit) values.set(name, value);
  values.set('hostkeyalgorithms', [assembleAlgorithms(explicit.get('hostkeyalgorithms')?.[0])]);
  for (const name of ['proxyjump', 'proxycommand', 'knownhostscommand', 'revokedhostkeys', 'pkcs11provider', 'securitykeyprovider']) {
    if (explicit.get(name)?.[0]?.toLowerCase() === 'none') values.delete(name);
  }
  return new ResolvedConfig(values);
}

/** A list, or one that begins with `+` (append), `-` (remove) or `^` (put first): kex_assemble_names of OpenSSH's kex.c. */
function assembleAlgorithms(value: string | undefined): string {
  if (value === undefined) return DEFAULT_HOST_KEY_ALGORITHMS.join(',');
  const patterns = value.replace(/^[-+^]/, '').split(',');
  const isNamed = (algorithm: string): boolean => patterns.some((pattern) => matchPattern(algorithm, pattern));
  const all = [...DEFAULT_HOST_KEY_ALGORITHMS, ...FURTHER_HOST_KEY_ALGORITHMS];
  if (value.startsWith('+')) return unique([...DEFAULT_HOST_KEY_ALGORITHMS, ...inOrder(patterns, all)]);
  if (value.startsWith('^')) return unique([...inOrder(patterns, all), ...DEFAULT_HOST_KEY_ALGORITHMS]);
  if (value.startsWith('-')) return unique(DEFAULT_HOST_KEY_ALGORITHMS.filter((algorithm) => !isNamed(algorithm)));
  return unique(inOrder(patterns, all));
}

function inOrder(patterns: readonly string[], all: readonly string[]): string[] {
  return patterns.flatMap((pattern) => all.filter((algorithm) => matchPattern(algorithm, pattern)));
}

function unique(algorithms: readonly string[]): string {
  return [...new Set(algorithms)].join(',');
}
