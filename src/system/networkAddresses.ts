import { networkInterfaces } from 'node:os';

/** The addresses by which this machine is in a network, in a stable order; its loopbacks and link-local addresses are not. */
export function networkAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !/^(?:fe80:|169\.254\.)/i.test(address))
    .map(({ address }) => address)
    .sort();
}
