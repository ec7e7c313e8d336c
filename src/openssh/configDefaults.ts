import { ALGORITHM_OPTIONS, assembleAlgorithms } from './algorithmNames.ts';
import type { ConfigSubject } from './sshConfig.ts';
import { ResolvedConfig } from './resolvedConfig.ts';

/** Tried when no IdentityFile is set, in this order (fill_default_options of OpenSSH 9.2's readconf.c). */
export const DEFAULT_IDENTITY_FILES: readonly string[] = [
  '~/.ssh/id_rsa', '~/.ssh/id_ecdsa', '~/.ssh/id_ecdsa_sk', '~/.ssh/id_ed25519', '~/.ssh/id_ed25519_sk', '~/.ssh/id_xmss', '~/.ssh/id_dsa',
];

const DEFAULT_USER_FILE = '~/.ssh/known_hosts';

const OTHER_DEFAULTS: Readonly<Record<string, readonly string[]>> = {
  port: ['22'],
  identityfile: DEFAULT_IDENTITY_FILES,
  userknownhostsfile: [DEFAULT_USER_FILE, '~/.ssh/known_hosts2'],
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
  addressfamily: ['any'],
  connectionattempts: ['1'],
  checkhostip: ['no'],
  updatehostkeys: ['yes'],
  requiredrsasize: ['1024'],
  compression: ['no'],
  rekeylimit: ['0 0'],
  exitonforwardfailure: ['no'],
  gatewayports: ['no'],
  clearallforwardings: ['no'],
  streamlocalbindmask: ['0177'],
  streamlocalbindunlink: ['no'],
  permitremoteopen: ['any'],
  verifyhostkeydns: ['no'],
  hostbasedauthentication: ['no'],
  batchmode: ['no'],
  nohostauthenticationforlocalhost: ['no'],
  addkeystoagent: ['no'],
};

/** Options that `none` unsets. */
const UNSET_BY_NONE: readonly string[] = [
  'proxyjump', 'proxycommand', 'knownhostscommand', 'revokedhostkeys', 'pkcs11provider', 'securitykeyprovider', 'controlpath', 'localcommand',
  'remotecommand',
];

/** Fills in what fill_default_options of OpenSSH's readconf.c would. */
export function withDefaults(explicit: ReadonlyMap<string, readonly string[]>, subject: ConfigSubject): ResolvedConfig {
  const defaults = new Map<string, readonly string[]>(Object.entries(OTHER_DEFAULTS));
  defaults.set('user', [subject.localUser]);
  for (const option of ALGORITHM_OPTIONS) defaults.set(option, [assembleAlgorithms(option)]);
  const values = new Map<string, readonly string[]>([...defaults, ...explicit]);
  for (const option of ALGORITHM_OPTIONS) values.set(option, [assembleAlgorithms(option, explicit.get(option)?.[0])]);
  if (!explicit.has('updatehostkeys')) values.set('updatehostkeys', [updatesHostKeys(explicit) ? 'yes' : 'no']);
  for (const name of UNSET_BY_NONE) if (explicit.get(name)?.[0]?.toLowerCase() === 'none') values.delete(name);
  return new ResolvedConfig(values, defaults);
}

/** UpdateHostKeys is on by default where known_hosts is where it always was, and the DNS is not asked. */
function updatesHostKeys(explicit: ReadonlyMap<string, readonly string[]>): boolean {
  const files = explicit.get('userknownhostsfile') ?? [DEFAULT_USER_FILE];
  const dns = explicit.get('verifyhostkeydns')?.[0] ?? 'no';
  return files.length === 1 && files[0] === DEFAULT_USER_FILE && ['no', 'false'].includes(dns);
}
