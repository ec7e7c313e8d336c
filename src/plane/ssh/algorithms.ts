import { getCiphers } from 'node:crypto';
import type { Algorithms, CipherAlgorithm, KexAlgorithm, MacAlgorithm, ServerHostKeyAlgorithm } from 'ssh2';
import { ForwardError } from '../../core/failure.ts';
import type { SshHop } from '../../core/sshTarget.ts';

/** In the order to offer, each with OpenSSL's name: AES-GCM first, at half the CPU time of the others. */
const CIPHERS: readonly (readonly [CipherAlgorithm, string])[] = [
  ['aes128-gcm@openssh.com', 'aes-128-gcm'],
  ['aes256-gcm@openssh.com', 'aes-256-gcm'],
  ['chacha20-poly1305@openssh.com', 'chacha20'],
  ['aes128-ctr', 'aes-128-ctr'],
  ['aes192-ctr', 'aes-192-ctr'],
  ['aes256-ctr', 'aes-256-ctr'],
];

/** What is offered when nothing is known about the server; ssh-rsa is SHA-1 and only offered where it is asked for. */
const HOST_KEYS: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521', 'rsa-sha2-512', 'rsa-sha2-256',
];

const KNOWN_HOST_KEYS: readonly string[] = [...HOST_KEYS, 'ssh-rsa', 'ssh-dss'];

/**
 * What to offer a server: what the hop asks for, which the control side has reduced to what ssh2 and this runtime have; else
 * the engine's own order. ssh2 throws for a name that it does not know.
 */
export function offeredAlgorithms({ hostKeyAlgorithms, keyExchanges, ciphers, macs, isCompressed }: SshHop): Algorithms {
  return {
    cipher: (ciphers as CipherAlgorithm[] | undefined) ?? availableCiphers(),
    serverHostKey: hostKeys(hostKeyAlgorithms),
    compress: isCompressed === true ? ['zlib@openssh.com', 'none'] : ['none'],
    ...(keyExchanges === undefined ? {} : { kex: keyExchanges as KexAlgorithm[] }),
    ...(macs === undefined ? {} : { hmac: macs as MacAlgorithm[] }),
  };
}

function hostKeys(asked: readonly string[]): ServerHostKeyAlgorithm[] {
  if (asked.length === 0) return [...HOST_KEYS];
  const usable = asked.filter((name) => KNOWN_HOST_KEYS.includes(name));
  if (usable.length === 0) throw new ForwardError('config-unsupported', `none of the host-key algorithms is supported: ${asked.join(', ')}`);
  return usable as ServerHostKeyAlgorithm[];
}

function availableCiphers(): CipherAlgorithm[] {
  const available = new Set(getCiphers());
  return CIPHERS.filter(([, name]) => available.has(name)).map(([cipher]) => cipher);
}
