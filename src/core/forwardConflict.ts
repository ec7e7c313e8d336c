import { isWildcard, type HostPort } from './address.ts';
import type { ForwardDefinition } from './forward.ts';
import type { ForwardSpec } from './forwardSpec.ts';
import { connectsToItself, sharesLoopback } from './forwardText.ts';

/** The first forward among `others` that would listen on an address that `listen` wants too. */
export function findConflict(id: string, listen: HostPort, others: readonly ForwardDefinition[]): ForwardDefinition | undefined {
  return others.find((other) => other.id !== id && overlaps(listen, other.spec.listen));
}

/** True when a chain of relays on this machine would lead back to this one: one connection would multiply without end. */
export function isRelayLoop(spec: ForwardSpec, others: readonly ForwardSpec[]): boolean {
  if (spec.kind !== 'relay') return false;
  const relays = [spec, ...others.filter(({ kind }) => kind === 'relay')];
  let next: ForwardSpec | undefined = spec;
  for (let steps = 0; next !== undefined && steps <= relays.length; steps += 1) {
    const { connect }: ForwardSpec = next;
    next = relays.find(({ listen }) => connectsToItself(listen, connect));
    if (next === spec) return true;
  }
  return false;
}

function overlaps(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const [hostA, hostB] = [a.host.toLowerCase(), b.host.toLowerCase()];
  return hostA === hostB || isWildcard(hostA) || isWildcard(hostB) || sharesLoopback(hostA, hostB);
}
