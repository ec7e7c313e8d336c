import { isNamed, knownHostsName, SSH_PORT, type KnownHostsLine } from './knownHosts.ts';

/** What ssh2 1.17 can verify (SUPPORTED_SERVER_HOST_KEY of its constants.js), each with the type of key behind it. */
const SUPPORTED: Readonly<Record<string, string>> = {
  'ssh-ed25519': 'ssh-ed25519',
  'ecdsa-sha2-nistp256': 'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384': 'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521': 'ecdsa-sha2-nistp521',
  'rsa-sha2-512': 'ssh-rsa',
  'rsa-sha2-256': 'ssh-rsa',
  'ssh-rsa': 'ssh-rsa',
  'ssh-dss': 'ssh-dss',
};

/** Whether a host key can be proved with it here. */
export function isSupportedHostKeyAlgorithm(algorithm: string): boolean {
  return Object.hasOwn(SUPPORTED, algorithm);
}

/** The types of keys behind algorithms, each once and in the order of the alphabet. */
export function keyTypesOf(algorithms: readonly string[]): string[] {
  return [...new Set(algorithms.filter(isSupportedHostKeyAlgorithm).map((algorithm) => SUPPORTED[algorithm] ?? ''))].sort();
}

/**
 * The algorithms that ssh_config allows and ssh2 has, those whose keys are known for the host first: order_hostkeyalgs of
 * OpenSSH's sshconnect2.c. Without it a good host that has several keys would look changed.
 */
export function orderHostKeyAlgorithms(
  allowed: readonly string[],
  lines: readonly KnownHostsLine[],
  subject: { readonly host: string; readonly port: number; readonly alias?: string },
): string[] {
  const usable = allowed.filter(isSupportedHostKeyAlgorithm);
  const known = knownTypes(lines, subject);
  const isKnown = (algorithm: string): boolean => known.has(SUPPORTED[algorithm] ?? '');
  const [best] = allowed;
  // If a key of the most wanted type is known, the list stays as it is; a certificate counts as its plain type.
  if (best !== undefined && isKnown(best.replace('-cert-v01@openssh.com', ''))) return usable;
  return [...usable.filter(isKnown), ...usable.filter((algorithm) => !isKnown(algorithm))];
}

function knownTypes(lines: readonly KnownHostsLine[], subject: { host: string; port: number; alias?: string }): Set<string> {
  const types = typesOf(lines, knownHostsName(subject));
  if (types.size > 0 || subject.alias !== undefined || subject.port === SSH_PORT) return types;
  // The plain name may prove the key as well, see lookUp.
  return typesOf(lines, subject.host.toLowerCase());
}

function typesOf(lines: readonly KnownHostsLine[], name: string): Set<string> {
  const named = lines.filter((line) => isNamed(line, name));
  const revoked = new Set(named.filter(({ marker }) => marker === 'revoked').map(({ key }) => key));
  return new Set(named.filter(({ marker, key }) => marker === 'none' && !revoked.has(key)).map(({ keyType }) => keyType));
}
