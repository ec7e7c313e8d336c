import { isSocketPath, type Endpoint, type HostPort } from '../core/address.ts';
import type { Forward } from '../core/forward.ts';
import { portCountOf, type ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf } from '../core/forwardState.ts';

/** The pole that listens, with the port that was got; as it was asked for while nothing is bound. */
export function listenOf({ definition: { spec }, state }: Pick<Forward, 'definition' | 'state'>): Endpoint {
  const first = boundOf(state)?.addresses[0];
  if (first === undefined || isSocketPath(first) || isSocketPath(spec.listen)) return spec.listen;
  return { host: spec.listen.host, port: first.port };
}

/** Each host once, with the first port that it listens on: the plane may name every port of a range. */
export function distinctHosts(addresses: readonly Endpoint[]): readonly Endpoint[] {
  const firsts = new Map<string, Endpoint>();
  for (const address of addresses) {
    const key = isSocketPath(address) ? address.path : address.host;
    const known = firsts.get(key);
    if (known === undefined || (!isSocketPath(known) && !isSocketPath(address) && address.port < known.port)) firsts.set(key, address);
  }
  return [...firsts.values()];
}

/** True when an address that was bound has this port among its own. */
export function coversPort(spec: ForwardSpec, address: Endpoint, port: number): address is HostPort {
  return !isSocketPath(address) && port >= address.port && port < address.port + portCountOf(spec);
}
