import type { Endpoint, HostPort } from './address.ts';

/** An SSH server as people write it: an ssh_config alias or a host, with what was written explicitly. */
export interface SshDestination {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
}

/** Poles that are ranges of ports, the first one named: `8000-8010:host:8000-8010`. */
interface PortRange {
  /** How many ports in a row, 2 or more; absent where there is one, and where a pole is a socket. The nth port leads to the nth. */
  readonly portCount?: number;
}

/** `ssh -L`: listens here, connects from the SSH server. */
export interface LocalSpec extends PortRange {
  readonly kind: 'local';
  readonly listen: Endpoint;
  readonly connect: Endpoint;
  readonly target: SshDestination;
}

/** `ssh -R`: listens on the SSH server, connects from here. */
export interface RemoteSpec extends PortRange {
  readonly kind: 'remote';
  /** On the server; with port 0 the server chooses one. */
  readonly listen: Endpoint;
  readonly connect: Endpoint;
  readonly target: SshDestination;
}

/** `ssh -D`: a proxy that listens here and connects from the SSH server, wherever each connection asks to go. */
export interface DynamicSpec {
  readonly kind: 'dynamic';
  readonly listen: HostPort;
  readonly target: SshDestination;
}

/** `ssh -R port`: a proxy that listens on the SSH server and connects from here. */
export interface RemoteDynamicSpec {
  readonly kind: 'remote-dynamic';
  /** On the server; with port 0 the server chooses one. */
  readonly listen: HostPort;
  readonly target: SshDestination;
}

/** No SSH: listens here, connects from here. */
export interface RelaySpec extends PortRange {
  readonly kind: 'relay';
  readonly listen: Endpoint;
  readonly connect: Endpoint;
  /** Further destinations, each tried when those before it cannot be reached. */
  readonly fallbacks?: readonly Endpoint[];
  /** Says to the destination who connected: a header of the PROXY protocol, version 2, before the first byte. */
  readonly sendsProxyHeader?: true;
}

/** No SSH, datagrams: listens here, sends from here; one flow for each origin. */
export interface UdpSpec {
  readonly kind: 'udp';
  readonly listen: HostPort;
  readonly connect: HostPort;
}

/** The forwards that go through an SSH server. */
export type SshSpec = LocalSpec | RemoteSpec | DynamicSpec | RemoteDynamicSpec;

/** What a forward does, in OpenSSH's two poles: where connections arrive and where the far end dials. */
export type ForwardSpec = SshSpec | RelaySpec | UdpSpec;

/** A forward through SSH whose server is still open. */
export type SshRule = Omit<LocalSpec, 'target'> | Omit<RemoteSpec, 'target'> | Omit<DynamicSpec, 'target'> | Omit<RemoteDynamicSpec, 'target'>;

export type ForwardKind = ForwardSpec['kind'];

/** How many ports in a row each pole has: 1 unless they are ranges. */
export function portCountOf(spec: { readonly kind: ForwardKind; readonly portCount?: number }): number {
  return spec.portCount ?? 1;
}

/** True for the kinds that go through an SSH server. */
export function isThroughSsh(spec: ForwardSpec): spec is SshSpec {
  return spec.kind !== 'relay' && spec.kind !== 'udp';
}

/** True for the kinds whose listening pole is on the SSH server. */
export function listensOnServer<T extends { readonly kind: ForwardKind }>(spec: T): spec is Extract<T, { readonly kind: 'remote' | 'remote-dynamic' }> {
  return spec.kind === 'remote' || spec.kind === 'remote-dynamic';
}

/** True for the kinds that are proxies: each connection says itself where it wants to go. */
export function isProxy<T extends { readonly kind: ForwardKind }>(spec: T): spec is Extract<T, { readonly kind: 'dynamic' | 'remote-dynamic' }> {
  return spec.kind === 'dynamic' || spec.kind === 'remote-dynamic';
}
