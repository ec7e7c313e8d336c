/** One SSH server on the way, resolved: what the plane needs to reach it and nothing that needs a disk. */
export interface SshHop {
  /** What the user typed or ssh_config named: shown to people, and the key of what was remembered for it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** The name that known_hosts is asked for (HostKeyAlias), else the host. */
  readonly hostKeyAlias?: string;
  /** Which rules of trust hold for this hop: a name that only the control side understands, handed back with its questions. */
  readonly hostKeyPolicy?: string;
  /** Host-key algorithms in the order to offer, those of the known keys first; empty leaves the engine's order. */
  readonly hostKeyAlgorithms: readonly string[];
  /** The other algorithms that ssh_config asks for, in its order; absent where the engine's own order holds. All are supported. */
  readonly keyExchanges?: readonly string[];
  readonly ciphers?: readonly string[];
  readonly macs?: readonly string[];
  readonly identityAgent?: string;
  readonly identitiesOnly: boolean;
  readonly identities: readonly SshIdentity[];
  /** Configured key files that exist and cannot be used, each with its reason, for people. */
  readonly unusableIdentities?: readonly string[];
  /** Authentication methods in the order to try. */
  readonly authenticationMethods: readonly AuthenticationMethod[];
  readonly numberOfPasswordPrompts: number;
  readonly connectTimeoutMs: number;
  /** How the first hop is dialled: over which IP version, from which address of this machine, how often before giving up (1). */
  readonly addressFamily?: 4 | 6;
  readonly bindAddress?: string;
  readonly connectionAttempts?: number;
  /** Compression is asked for (zlib@openssh.com); most tunnels are faster without. */
  readonly isCompressed?: true;
  /** 0 turns keepalive off. */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveCountMax: number;
  /** Command line for the user's shell, its tokens expanded, from the user's own ssh_config; the hop is then reached through it. */
  readonly proxyCommand?: string;
  /** That shell, where one is known. */
  readonly proxyShell?: string;
}

export type AuthenticationMethod = 'publickey' | 'keyboard-interactive' | 'password';

/** A configured private key: what is known without opening it. */
export interface SshIdentity {
  readonly path: string;
  /** The public key blob (RFC 4253 section 6.6) where it can be read without a passphrase, base64. */
  readonly publicKey?: string;
  /** There is no private key in a file: only an agent that holds it can use this identity. */
  readonly isAgentOnly?: true;
}

/** A server and the chain of jump hosts before it, in the order of connecting; the last is the server itself. */
export interface SshTarget {
  /** Equal keys share one SSH connection. */
  readonly key: string;
  readonly hops: readonly SshHop[];
  /** PermitRemoteOpen: where the proxy of a `ssh -R port` may go, `host:port` patterns; absent: anywhere, empty: nowhere. */
  readonly permitRemoteOpen?: readonly string[];
  /** StreamLocalBindMask: what the mode of a socket here lacks, as of umask(2); absent: 0177. */
  readonly streamLocalBindMask?: number;
  /** StreamLocalBindUnlink: a socket here that nobody listens on is replaced without asking. */
  readonly streamLocalBindUnlink?: true;
}

/** The verdict of known_hosts about a key, in OpenSSH's terms. */
export type HostKeyStatus = 'known' | 'unknown' | 'mismatch' | 'revoked';
