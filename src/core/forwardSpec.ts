import type { HostPort } from './address.ts';

/** An SSH server as people write it: an ssh_config alias or a host, with what was written explicitly. */
export interface SshDestination {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

/** `ssh -L`: listens here, connects from the SSH server. */
export interface LocalSpec {
  readonly kind: 'local';
  readonly listen: HostPort;
  readonly connect: HostPort;
  readonly target: SshDestination;
}

/** No SSH: listens here, connects from here. */
export interface RelaySpec {
  readonly kind: 'relay';
  readonly listen: HostPort;
  readonly connect: HostPort;
}

/** What a forward does, in OpenSSH's two poles: where connections arrive and where the far end dials. */
export type ForwardSpec = LocalSpec | RelaySpec;
