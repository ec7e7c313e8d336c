import { matchPattern } from './patterns.ts';

/** The options of ssh_config(5) that are lists of algorithms, by the name that `ssh -G` prints. */
export type AlgorithmOption = 'kexalgorithms' | 'ciphers' | 'macs' | 'hostkeyalgorithms' | 'pubkeyacceptedalgorithms';

interface AlgorithmNames {
  /** KEX_CLIENT of OpenSSH 9.2's myproposal.h. */
  readonly defaults: readonly string[];
  /** Everything that OpenSSH 9.2 has, in its own order: `ssh -Q`. */
  readonly all: readonly string[];
  /** Whether a list may hold patterns; those to be removed always may. */
  readonly allowsPatterns: boolean;
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** KEX_DEFAULT_PK_ALG, and `ssh -Q HostKeyAlgorithms`. */
const PUBLIC_KEYS: AlgorithmNames = {
  allowsPatterns: true,
  defaults: words(`
    ssh-ed25519-cert-v01@openssh.com ecdsa-sha2-nistp256-cert-v01@openssh.com ecdsa-sha2-nistp384-cert-v01@openssh.com
    ecdsa-sha2-nistp521-cert-v01@openssh.com sk-ssh-ed25519-cert-v01@openssh.com sk-ecdsa-sha2-nistp256-cert-v01@openssh.com
    rsa-sha2-512-cert-v01@openssh.com rsa-sha2-256-cert-v01@openssh.com ssh-ed25519 ecdsa-sha2-nistp256 ecdsa-sha2-nistp384
    ecdsa-sha2-nistp521 sk-ssh-ed25519@openssh.com sk-ecdsa-sha2-nistp256@openssh.com rsa-sha2-512 rsa-sha2-256`),
  all: words(`
    ssh-ed25519 ssh-ed25519-cert-v01@openssh.com sk-ssh-ed25519@openssh.com sk-ssh-ed25519-cert-v01@openssh.com
    ecdsa-sha2-nistp256 ecdsa-sha2-nistp256-cert-v01@openssh.com ecdsa-sha2-nistp384 ecdsa-sha2-nistp384-cert-v01@openssh.com
    ecdsa-sha2-nistp521 ecdsa-sha2-nistp521-cert-v01@openssh.com sk-ecdsa-sha2-nistp256@openssh.com
    sk-ecdsa-sha2-nistp256-cert-v01@openssh.com webauthn-sk-ecdsa-sha2-nistp256@openssh.com ssh-dss ssh-dss-cert-v01@openssh.com
    ssh-rsa ssh-rsa-cert-v01@openssh.com rsa-sha2-256 rsa-sha2-256-cert-v01@openssh.com rsa-sha2-512
    rsa-sha2-512-cert-v01@openssh.com`),
};

/**
 * The lists of OpenSSH 9.2 as Debian has it, for where no ssh program can be asked. Names that came later are among `all`, so
 * that a newer file is not refused.
 */
const NAMES: Readonly<Record<AlgorithmOption, AlgorithmNames>> = {
  kexalgorithms: {
    allowsPatterns: false,
    defaults: words(`
      sntrup761x25519-sha512 sntrup761x25519-sha512@openssh.com curve25519-sha256 curve25519-sha256@libssh.org ecdh-sha2-nistp256 ecdh-sha2-nistp384
      ecdh-sha2-nistp521 diffie-hellman-group-exchange-sha256 diffie-hellman-group16-sha512 diffie-hellman-group18-sha512
      diffie-hellman-group14-sha256`),
    all: words(`
      diffie-hellman-group1-sha1 diffie-hellman-group14-sha1 diffie-hellman-group14-sha256 diffie-hellman-group16-sha512
      diffie-hellman-group18-sha512 diffie-hellman-group-exchange-sha1 diffie-hellman-group-exchange-sha256 ecdh-sha2-nistp256
      ecdh-sha2-nistp384 ecdh-sha2-nistp521 curve25519-sha256 curve25519-sha256@libssh.org sntrup761x25519-sha512
      sntrup761x25519-sha512@openssh.com mlkem768x25519-sha256`),
  },
  ciphers: {
    allowsPatterns: false,
    defaults: words('chacha20-poly1305@openssh.com aes128-ctr aes192-ctr aes256-ctr aes128-gcm@openssh.com aes256-gcm@openssh.com'),
    all: words(`
      3des-cbc aes128-cbc aes192-cbc aes256-cbc aes128-ctr aes192-ctr aes256-ctr aes128-gcm@openssh.com aes256-gcm@openssh.com
      chacha20-poly1305@openssh.com`),
  },
  macs: {
    allowsPatterns: false,
    defaults: words(`
      umac-64-etm@openssh.com umac-128-etm@openssh.com hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com
      hmac-sha1-etm@openssh.com umac-64@openssh.com umac-128@openssh.com hmac-sha2-256 hmac-sha2-512 hmac-sha1`),
    all: words(`
      hmac-sha1 hmac-sha1-96 hmac-sha2-256 hmac-sha2-512 hmac-md5 hmac-md5-96 umac-64@openssh.com umac-128@openssh.com
      hmac-sha1-etm@openssh.com hmac-sha1-96-etm@openssh.com hmac-sha2-256-etm@openssh.com hmac-sha2-512-etm@openssh.com
      hmac-md5-etm@openssh.com hmac-md5-96-etm@openssh.com umac-64-etm@openssh.com umac-128-etm@openssh.com`),
  },
  hostkeyalgorithms: PUBLIC_KEYS,
  pubkeyacceptedalgorithms: PUBLIC_KEYS,
};

export const ALGORITHM_OPTIONS = Object.keys(NAMES) as readonly AlgorithmOption[];

/** Whether a keyword of ssh_config, as `ssh -G` prints it, lists algorithms. */
export function isAlgorithmOption(keyword: string): keyword is AlgorithmOption {
  return Object.hasOwn(NAMES, keyword);
}

/** The whole list behind a value, or the default: kex_assemble_names of OpenSSH's kex.c. */
export function assembleAlgorithms(option: AlgorithmOption, value?: string): string {
  const { defaults, all } = NAMES[option];
  if (value === undefined) return defaults.join(',');
  const named = value.replace(/^[-+^]/, '').split(',');
  if (value.startsWith('-')) return defaults.filter((name) => !named.some((pattern) => matchPattern(name, pattern))).join(',');
  const chosen = named.flatMap((pattern) => all.filter((name) => matchPattern(name, pattern)));
  if (value.startsWith('+')) return unique([...defaults, ...chosen]);
  return unique(value.startsWith('^') ? [...chosen, ...defaults] : chosen);
}

/** Why ssh would refuse a value, or undefined when it would not: kex_names_valid, ciphers_valid, mac_valid, sshkey_names_valid2. */
export function algorithmComplaint(option: AlgorithmOption, value: string): string | undefined {
  if (value.startsWith('-')) return undefined;
  const { all, allowsPatterns } = NAMES[option];
  const isKnown = (wanted: string): boolean => (allowsPatterns ? all.some((name) => matchPattern(name, wanted)) : all.includes(wanted));
  const unknown = value.replace(/^[+^]/, '').split(',').find((wanted) => !isKnown(wanted));
  return unknown === undefined ? undefined : `it does not know "${unknown}"`;
}

function unique(names: readonly string[]): string {
  return [...new Set(names)].join(',');
}
