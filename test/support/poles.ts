import { isSocketPath, type Endpoint, type HostPort } from '../../src/core/address.ts';
import type { ConnectPole, ListenPole, ProxyCredentials } from '../../src/protocol/messages.ts';

/** Listening on these addresses of this machine. */
export function here(...addresses: readonly HostPort[]): ListenPole {
  return { side: 'here', addresses };
}

/** Listening on a Unix socket of this machine. */
export function hereAt(path: string): ListenPole {
  return { side: 'here-socket', path };
}

/** Receiving datagrams on these addresses of this machine. */
export function hereUdp(...addresses: readonly HostPort[]): ListenPole {
  return { side: 'here-udp', addresses };
}

/** Listening on the SSH server. */
export function onServer(address: Endpoint): ListenPole {
  return { side: 'server', address };
}

/** Connecting to one destination; takes a test server as it is. */
export function fixed(destination: Endpoint): ConnectPole {
  return { kind: 'fixed', address: isSocketPath(destination) ? { path: destination.path } : { host: destination.host, port: destination.port } };
}

/** The port of an address that must be one. */
export function portOf(endpoint: Endpoint | undefined): number {
  if (endpoint === undefined || isSocketPath(endpoint)) throw new Error('No address with a port.');
  return endpoint.port;
}

/** Connecting to what each connection asks for. */
export function asked(permitted?: readonly string[], credentials?: ProxyCredentials): ConnectPole {
  return { kind: 'asked', ...(permitted === undefined ? {} : { permitted }), ...(credentials === undefined ? {} : { credentials }) };
}
