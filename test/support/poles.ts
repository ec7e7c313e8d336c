import type { HostPort } from '../../src/core/address.ts';
import type { ConnectPole, ListenPole, ProxyCredentials } from '../../src/protocol/messages.ts';

/** Listening on these addresses of this machine. */
export function here(...addresses: readonly HostPort[]): ListenPole {
  return { side: 'here', addresses };
}

/** Listening on the SSH server. */
export function onServer(address: HostPort): ListenPole {
  return { side: 'server', address };
}

/** Connecting to one destination; takes a test server as it is. */
export function fixed({ host, port }: HostPort): ConnectPole {
  return { kind: 'fixed', address: { host, port } };
}

/** Connecting to what each connection asks for. */
export function asked(permitted?: readonly string[], credentials?: ProxyCredentials): ConnectPole {
  return { kind: 'asked', ...(permitted === undefined ? {} : { permitted }), ...(credentials === undefined ? {} : { credentials }) };
}
