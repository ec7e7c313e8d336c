import type { ResolvedConfig } from './resolvedConfig.ts';

/** An option that changes something only when it is set, and what to say when it is. */
interface Unhonoured {
  readonly keyword: string;
  readonly name: string;
  readonly isSet: (value: string) => boolean;
  readonly consequence: string;
}

const isOn = (value: string): boolean => value !== 'no' && value !== 'false';
const isGiven = (value: string): boolean => value.toLowerCase() !== 'none';

const UNHONOURED: readonly Unhonoured[] = [
  { keyword: 'certificatefile', name: 'CertificateFile', isSet: isGiven, consequence: 'certificates are not supported' },
  { keyword: 'addkeystoagent', name: 'AddKeysToAgent', isSet: isOn, consequence: 'no key is added to an agent' },
  { keyword: 'pkcs11provider', name: 'PKCS11Provider', isSet: isGiven, consequence: 'keys on smart cards are not supported' },
  { keyword: 'knownhostscommand', name: 'KnownHostsCommand', isSet: isGiven, consequence: 'only known_hosts files are read' },
  { keyword: 'verifyhostkeydns', name: 'VerifyHostKeyDNS', isSet: isOn, consequence: 'the DNS is not asked about host keys' },
  { keyword: 'hostbasedauthentication', name: 'HostbasedAuthentication', isSet: isOn, consequence: 'this method is not supported' },
  { keyword: 'batchmode', name: 'BatchMode', isSet: isOn, consequence: 'questions are asked all the same' },
  { keyword: 'bindaddress', name: 'BindAddress', isSet: () => true, consequence: 'the system chooses the address' },
  { keyword: 'bindinterface', name: 'BindInterface', isSet: () => true, consequence: 'the system chooses the interface' },
  { keyword: 'addressfamily', name: 'AddressFamily', isSet: (value) => value !== 'any', consequence: 'IPv4 and IPv6 are both tried' },
  { keyword: 'compression', name: 'Compression', isSet: isOn, consequence: 'nothing is compressed' },
  { keyword: 'connectionattempts', name: 'ConnectionAttempts', isSet: (value) => value !== '1', consequence: 'lost connections are retried in their own way' },
  {
    keyword: 'nohostauthenticationforlocalhost',
    name: 'NoHostAuthenticationForLocalhost',
    isSet: isOn,
    consequence: 'the host key of localhost is checked all the same',
  },
  { keyword: 'rekeylimit', name: 'RekeyLimit', isSet: (value) => !/^(?:0|default)(?: (?:0|none))?$/.test(value), consequence: 'the default is used' },
  { keyword: 'requiredrsasize', name: 'RequiredRSASize', isSet: (value) => Number(value) > 1024, consequence: 'shorter RSA keys are not refused' },
];

/** Names what is set for a host and not honoured, one sentence each. */
export function unhonouredOptions(hostName: string, config: ResolvedConfig): string[] {
  return UNHONOURED.flatMap(({ keyword, name, isSet, consequence }) => {
    const value = config.get(keyword);
    return value !== undefined && isSet(value) ? [`${hostName}: ${name} is set and not honoured: ${consequence}.`] : [];
  });
}
