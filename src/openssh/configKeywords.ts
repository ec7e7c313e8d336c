/**
 * How the argument of an option is read:
 * `word` one argument · `flag` yes or no · `choice` one of `choices` · `number` · `time` · `port` · `words` all arguments,
 * first line wins · `every` one argument per line, all lines count · `command` the rest of the line ·
 * `algorithms` a list that may begin with `+ - ^` · `forward` a forward, all lines count ·
 * `block` Host, Match, Include · `ignored` accepted without a meaning here.
 */
export type KeywordKind =
  | 'word' | 'flag' | 'choice' | 'number' | 'time' | 'port' | 'words' | 'every' | 'command' | 'jump' | 'agent' | 'algorithms' | 'forward'
  | 'block' | 'ignored';

export interface Keyword {
  /** The name that `ssh -G` prints. */
  readonly name: string;
  readonly kind: KeywordKind;
  readonly choices: readonly string[];
}

const YES_NO = ['yes', 'no', 'true', 'false'];

/** Options that mean something here, by kind. */
const KINDS: Readonly<Partial<Record<KeywordKind, string>>> = {
  block: 'host match include',
  word:
    'hostname user hostkeyalias preferredauthentications bindaddress bindinterface ignoreunknown revokedhostkeys ' +
    'pkcs11provider securitykeyprovider',
  flag:
    'passwordauthentication kbdinteractiveauthentication identitiesonly hashknownhosts checkhostip batchmode ' +
    'hostbasedauthentication gssapiauthentication gatewayports exitonforwardfailure clearallforwardings proxyusefdpass ' +
    'nohostauthenticationforlocalhost streamlocalbindunlink tcpkeepalive canonicalizefallbacklocal compression',
  number: 'numberofpasswordprompts serveralivecountmax connectionattempts requiredrsasize canonicalizemaxdots',
  time: 'connecttimeout serveraliveinterval',
  port: 'port',
  words: 'userknownhostsfile globalknownhostsfile permitremoteopen canonicaldomains canonicalizepermittedcnames addkeystoagent rekeylimit',
  every: 'identityfile certificatefile',
  command: 'proxycommand knownhostscommand',
  jump: 'proxyjump',
  agent: 'identityagent',
  algorithms: 'hostkeyalgorithms',
  forward: 'localforward remoteforward dynamicforward',
};

const CHOICES: Readonly<Record<string, readonly string[]>> = {
  stricthostkeychecking: [...YES_NO, 'ask', 'off', 'accept-new'],
  pubkeyauthentication: [...YES_NO, 'unbound', 'host-bound'],
  verifyhostkeydns: [...YES_NO, 'ask'],
  updatehostkeys: [...YES_NO, 'ask'],
  canonicalizehostname: [...YES_NO, 'always'],
  addressfamily: ['any', 'inet', 'inet6'],
};

/** Older names of the same option. */
const ALIASES: Readonly<Record<string, string>> = {
  challengeresponseauthentication: 'kbdinteractiveauthentication',
  skeyauthentication: 'kbdinteractiveauthentication',
  tisauthentication: 'kbdinteractiveauthentication',
  dsaauthentication: 'pubkeyauthentication',
  identityfile2: 'identityfile',
  smartcarddevice: 'pkcs11provider',
  keepalive: 'tcpkeepalive',
};

/** Options of OpenSSH 9.2 and later, of Debian and of Apple, that do not bear on forwarding here or that later issues take up. */
const IGNORED =
  'protocol cipher fallbacktorsh globalknownhostsfile2 rhostsauthentication userknownhostsfile2 useroaming usersh useprivilegedport ' +
  'afstokenpassing kerberosauthentication kerberostgtpassing rsaauthentication rhostsrsaauthentication compressionlevel ' +
  'gssapidelegatecredentials gssapikeyexchange gssapiclientidentity gssapiserveridentity gssapitrustdns gssapirenewalforcesrekey ' +
  'gssapikexalgorithms forwardagent forwardx11 forwardx11trusted forwardx11timeout xauthlocation kbdinteractivedevices ciphers macs ' +
  'kexalgorithms casignaturealgorithms pubkeyacceptedalgorithms pubkeyacceptedkeytypes hostbasedacceptedalgorithms hostbasedkeytypes ' +
  'escapechar syslogfacility loglevel logverbose enablesshkeysign sendenv setenv controlpath ' +
  'controlmaster controlpersist tunnel tunneldevice localcommand permitlocalcommand remotecommand visualhostkey ipqos requesttty ' +
  'sessiontype stdinnull forkafterauthentication streamlocalbindmask fingerprinthash enableescapecommandline channeltimeout tag ' +
  'obscurekeystroketiming versionaddendum warnweakcrypto protocolkeepalives setuptimeout useblacklistedkeys usekeychain';

const KEYWORDS: ReadonlyMap<string, Keyword> = buildTable();

/** The option behind a keyword in small letters, undefined for one that no known OpenSSH has. */
export function lookUpKeyword(keyword: string): Keyword | undefined {
  return KEYWORDS.get(ALIASES[keyword] ?? keyword);
}

function buildTable(): Map<string, Keyword> {
  const table = new Map<string, Keyword>();
  for (const [kind, names] of Object.entries(KINDS) as [KeywordKind, string][]) {
    for (const name of names.split(' ')) table.set(name, { name, kind, choices: kind === 'flag' ? YES_NO : [] });
  }
  for (const [name, choices] of Object.entries(CHOICES)) table.set(name, { name, kind: 'choice', choices });
  for (const name of IGNORED.split(' ')) table.set(name, { name, kind: 'ignored', choices: [] });
  return table;
}
