import { readFile } from 'node:fs/promises';
import { ForwardError } from '../../src/core/failure.ts';
import type { SshHop, SshIdentity, SshTarget } from '../../src/core/sshTarget.ts';
import type { Answers } from './planeClient.ts';
import type { Sshd } from './sshd.ts';
import type { SshKeyFile } from './sshKeys.ts';

/** What a test needs to know of a server to reach it, OpenSSH's or another. */
export type SshServer = Pick<Sshd, 'host' | 'port' | 'userName' | 'hostKeys'>;

/** A hop that reaches the server with the identities given and nothing else. */
export function hopTo(sshd: SshServer, overrides: Partial<SshHop> = {}): SshHop {
  return {
    name: 'test-server',
    host: sshd.host,
    port: sshd.port,
    user: sshd.userName,
    hostKeyAlgorithms: [],
    identitiesOnly: false,
    identities: [],
    authenticationMethods: ['publickey', 'keyboard-interactive', 'password'],
    numberOfPasswordPrompts: 3,
    connectTimeoutMs: 10_000,
    keepaliveIntervalMs: 15_000,
    keepaliveCountMax: 3,
    ...overrides,
  };
}

export function targetOf(...hops: readonly SshHop[]): SshTarget {
  return { key: JSON.stringify(hops), hops };
}

/** The key file as ssh_config would name it, with its public key known or not. */
export function identityOf(key: SshKeyFile, isPublicKnown = true): SshIdentity {
  return isPublicKnown ? { path: key.path, publicKey: key.publicKey.split(' ')[1]! } : { path: key.path };
}

/** Accepts the host keys of these servers and reads key files; answers no question to a person. */
export function trusting(...servers: readonly SshServer[]): Answers {
  return {
    verifyHostKey: async ({ key }) => {
      const isKnown = servers.some((sshd) => sshd.hostKeys.some(({ publicKey }) => publicKey.split(' ')[1] === key));
      if (isKnown) return { isAccepted: true };
      return { isAccepted: false, failure: { code: 'host-key-mismatch', detail: 'not the key of this server', context: {} } };
    },
    needIdentity: async ({ path }) => {
      try {
        return { privateKey: await readFile(path, 'utf8') };
      } catch (error) {
        throw new ForwardError('identity-unreadable', String(error));
      }
    },
  };
}
