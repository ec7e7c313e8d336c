import type { ResolvedConfig } from './resolvedConfig.ts';

/** An option that has a bearing on forwards, changes something only when it is set, and what to say when it is. */
interface Unhonoured {
  readonly name: string;
  readonly consequence: string;
  /** Whether a value that is not the default matters; by default everything but `no`, `false` and `none`. */
  readonly isMeant?: (value: string, config: ResolvedConfig) => boolean;
}

const isOn = (value: string): boolean => !['no', 'false', 'none'].includes(value.toLowerCase());

const UNHONOURED: readonly Unhonoured[] = [
  { name: 'CertificateFile', consequence: 'certificates are not supported' },
  { name: 'AddKeysToAgent', consequence: 'no key is added to an agent' },
  { name: 'PKCS11Provider', consequence: 'keys on smart cards are not supported' },
  { name: 'SecurityKeyProvider', consequence: 'keys on FIDO security keys are not supported', isMeant: (value) => isOn(value) && value !== 'internal' },
  { name: 'UseKeychain', consequence: 'passphrases are kept by the editor instead' },
  { name: 'KnownHostsCommand', consequence: 'only known_hosts files are read' },
  { name: 'VerifyHostKeyDNS', consequence: 'the DNS is not asked about host keys' },
  { name: 'UpdateHostKeys', consequence: 'new keys of a known host are not asked about, and not kept', isMeant: (value) => value.toLowerCase() === 'ask' },
  { name: 'HostbasedAuthentication', consequence: 'this method is not supported' },
  { name: 'GSSAPIAuthentication', consequence: 'this method is not supported' },
  { name: 'GSSAPIKeyExchange', consequence: 'this method is not supported' },
  { name: 'KbdInteractiveDevices', consequence: 'the server chooses the device' },
  { name: 'PubkeyAcceptedAlgorithms', consequence: 'keys are used whatever their kind' },
  { name: 'BatchMode', consequence: 'questions are asked all the same' },
  { name: 'NoHostAuthenticationForLocalhost', consequence: 'the host key of localhost is checked all the same' },
  { name: 'ControlPath', consequence: 'no SSH connection is shared with the ssh program' },
  { name: 'RekeyLimit', consequence: 'keys are exchanged anew when the server asks for it', isMeant: (value) => !/^(?:0|default)(?: (?:0|none))?$/.test(value) },
  { name: 'IPQoS', consequence: 'packets are not marked' },
  { name: 'ChannelTimeout', consequence: 'idle connections are not closed' },
  { name: 'GatewayPorts', consequence: 'a forward without a bind address listens for this computer alone' },
  { name: 'Tunnel', consequence: 'no network device is made' },
  { name: 'RemoteCommand', consequence: 'nothing is run on the server' },
  { name: 'LocalCommand', consequence: 'nothing is run after logging in', isMeant: (value, config) => isOn(value) && config.isYes('permitlocalcommand') },
];

/** Names what is set for a host and not honoured, one sentence each. */
export function unhonouredOptions(hostName: string, config: ResolvedConfig): string[] {
  return UNHONOURED.flatMap(({ name, consequence, isMeant = isOn }) => {
    const keyword = name.toLowerCase();
    const value = config.get(keyword) ?? '';
    return config.isSet(keyword) && isMeant(value, config) ? [`${hostName}: ${name} is set and not honoured: ${consequence}.`] : [];
  });
}
