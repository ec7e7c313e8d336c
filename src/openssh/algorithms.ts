import { getCiphers, getHashes } from 'node:crypto';
import { ForwardError } from '../core/failure.ts';
import type { SshHop } from '../core/sshTarget.ts';
import type { AlgorithmOption } from './algorithmNames.ts';
import { isSupportedHostKeyAlgorithm, orderHostKeyAlgorithms } from './hostKeyAlgorithms.ts';
import type { KnownHostsLine } from './knownHosts.ts';
import type { ResolvedConfig } from './resolvedConfig.ts';

/** What ssh2 1.17 has (SUPPORTED_KEX of its constants.js), as far as OpenSSH has it too. */
const KEY_EXCHANGES: readonly string[] = [
  'curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256', 'ecdh-sha2-nistp384', 'ecdh-sha2-nistp521',
  'diffie-hellman-group-exchange-sha256', 'diffie-hellman-group14-sha256', 'diffie-hellman-group16-sha512', 'diffie-hellman-group18-sha512',
  'diffie-hellman-group-exchange-sha1', 'diffie-hellman-group14-sha1', 'diffie-hellman-group1-sha1',
];

/** Each with OpenSSL's name: some runtimes, an editor's among them, leave ciphers out. */
const CIPHERS: Readonly<Record<string, string>> = {
  'aes128-gcm@openssh.com': 'aes-128-gcm',
  'aes256-gcm@openssh.com': 'aes-256-gcm',
  'chacha20-poly1305@openssh.com': 'chacha20',
  'aes128-ctr': 'aes-128-ctr',
  'aes192-ctr': 'aes-192-ctr',
  'aes256-ctr': 'aes-256-ctr',
  'aes128-cbc': 'aes-128-cbc',
  'aes192-cbc': 'aes-192-cbc',
  'aes256-cbc': 'aes-256-cbc',
  '3des-cbc': 'des-ede3-cbc',
};

/** Each with OpenSSL's name of its hash. */
const MACS: Readonly<Record<string, string>> = {
  'hmac-sha2-256-etm@openssh.com': 'sha256',
  'hmac-sha2-512-etm@openssh.com': 'sha512',
  'hmac-sha1-etm@openssh.com': 'sha1',
  'hmac-sha2-256': 'sha256',
  'hmac-sha2-512': 'sha512',
  'hmac-sha1': 'sha1',
  'hmac-sha1-96': 'sha1',
  'hmac-md5': 'md5',
  'hmac-md5-96': 'md5',
};

export interface ChosenAlgorithms {
  readonly hop: Pick<SshHop, 'keyExchanges' | 'ciphers' | 'macs' | 'hostKeyAlgorithms'>;
  /** One sentence each. */
  readonly notes: readonly string[];
}

/** The host whose algorithms are chosen. */
export interface AlgorithmSubject {
  /** As the user wrote it, for people. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly alias?: string;
  /** Whether the host-key algorithms stay in the order of ssh_config, whatever is known. */
  readonly keepsHostKeyOrder: boolean;
}

/**
 * What to offer to a server: the lists that ssh_config sets, in its order, reduced to what ssh2 and this runtime have. Throws
 * `config-unsupported` where nothing is left of a list.
 */
export function chooseAlgorithms(config: ResolvedConfig, subject: AlgorithmSubject, known: readonly KnownHostsLine[]): ChosenAlgorithms {
  const chooser = new Chooser(subject.name, config);
  const keyExchanges = chooser.choose('kexalgorithms', 'KexAlgorithms', KEY_EXCHANGES);
  const ciphers = chooser.choose('ciphers', 'Ciphers', availableCiphers());
  const macs = chooser.choose('macs', 'MACs', availableMacs());
  const hostKeyAlgorithms = chooser.hostKeyAlgorithms(subject, known);
  const hop = {
    hostKeyAlgorithms,
    ...(keyExchanges === undefined ? {} : { keyExchanges }),
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(macs === undefined ? {} : { macs }),
  };
  return { hop, notes: [...chooser.notes, ...legacyNotes(subject.name, hop)] };
}

function availableCiphers(): string[] {
  const available = new Set(getCiphers());
  return Object.keys(CIPHERS).filter((name) => available.has(CIPHERS[name] ?? ''));
}

function availableMacs(): string[] {
  const available = new Set(getHashes());
  return Object.keys(MACS).filter((name) => available.has(MACS[name] ?? ''));
}

class Chooser {
  readonly notes: string[] = [];
  readonly #name: string;
  readonly #config: ResolvedConfig;

  constructor(name: string, config: ResolvedConfig) {
    this.#name = name;
    this.#config = config;
  }

  /** Undefined where ssh_config sets nothing: the engine's own order is the faster one. */
  choose(option: AlgorithmOption, shown: string, supported: readonly string[]): string[] | undefined {
    if (!this.#config.isSet(option)) return undefined;
    const asked = this.#asked(option);
    return this.#reduced(shown, asked, asked.filter((name) => supported.includes(name)), supported);
  }

  hostKeyAlgorithms(subject: AlgorithmSubject, known: readonly KnownHostsLine[]): string[] {
    const asked = this.#asked('hostkeyalgorithms');
    const ordered = subject.keepsHostKeyOrder ? asked.filter(isSupportedHostKeyAlgorithm) : orderHostKeyAlgorithms(asked, known, subject);
    // Certificates and security keys are among the defaults of every ssh: nothing is to be said about them.
    if (ordered.length > 0) return ordered;
    return this.#reduced('HostKeyAlgorithms', asked, [], ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'rsa-sha2-512', 'rsa-sha2-256']);
  }

  #asked(option: AlgorithmOption): string[] {
    return (this.#config.get(option) ?? '').split(',').filter((name) => name !== '');
  }

  #reduced(shown: string, asked: readonly string[], left: readonly string[], supported: readonly string[]): string[] {
    if (left.length === 0) {
      const reason = `${shown} asks for ${asked.join(', ')}, and supported here are only ${supported.join(', ')}`;
      throw new ForwardError('config-unsupported', `${this.#name}: ${reason}.`, { context: { host: this.#name, reason } });
    }
    const dropped = asked.filter((name) => !left.includes(name));
    if (dropped.length > 0) this.notes.push(`${this.#name}: of ${shown}, not supported here and left out: ${dropped.join(', ')}.`);
    return [...left];
  }
}

const LEGACY = /^(?:ssh-rsa|ssh-dss|.*-cbc|.*sha1(?:-.*)?|hmac-md5.*)$/;

/** What is off by default is never used in silence. MACs with SHA-1 are still sound, and on by default. */
function legacyNotes(name: string, hop: ChosenAlgorithms['hop']): string[] {
  const legacy = [...hop.hostKeyAlgorithms, ...(hop.keyExchanges ?? []), ...(hop.ciphers ?? [])].filter((algorithm) => LEGACY.test(algorithm));
  return legacy.length === 0 ? [] : [`${name}: ssh_config allows algorithms of an outdated kind: ${legacy.join(', ')}.`];
}
