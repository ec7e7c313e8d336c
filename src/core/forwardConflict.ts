import { isWildcard, type HostPort } from './address.ts';
import type { ForwardDefinition } from './forward.ts';
import { isProxy, listensOnServer, type ForwardSpec } from './forwardSpec.ts';
import { connectsToItself, formatDestination, sharesLoopback } from './forwardText.ts';

/** The first forward among `others` that would listen on an address that this one wants too. */
export function findConflict({ id, spec }: Pick<ForwardDefinition, 'id' | 'spec'>, others: readonly ForwardDefinition[]): ForwardDefinition | undefined {
  return others.find((other) => other.id !== id && listeningPlace(spec) === listeningPlace(other.spec) && overlaps(spec.listen, other.spec.listen));
}

/**
 * True when a chain of forwards would lead back to this one: one connection would multiply without end. Relays go round on
 * this computer; a -L and a -R through one server go round together.
 */
export function isForwardLoop(spec: ForwardSpec, others: readonly ForwardSpec[]): boolean {
  const forwards = [spec, ...others];
  let next: ForwardSpec | undefined = spec;
  for (let steps = 0; next !== undefined && !isProxy(next) && steps <= forwards.length; steps += 1) {
    const { connect }: { readonly connect: HostPort } = next;
    const place = connectingPlace(next);
    next = forwards.find((other) => listeningPlace(other) === place && connectsToItself(other.listen, connect));
    if (next === spec) return true;
  }
  return false;
}

const HERE = '';

/** On which machine a forward listens: this one, or a server as the user names it, whoever logs in there. */
function listeningPlace(spec: ForwardSpec): string {
  return listensOnServer(spec) ? serverPlace(spec) : HERE;
}

function connectingPlace(spec: ForwardSpec): string {
  return spec.kind === 'local' || spec.kind === 'dynamic' ? serverPlace(spec) : HERE;
}

function serverPlace({ target: { host, port } }: Exclude<ForwardSpec, { readonly kind: 'relay' }>): string {
  return formatDestination({ host: host.toLowerCase(), port: port ?? SSH_PORT });
}

const SSH_PORT = 22;

function overlaps(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.port === 0) return false;
  const [hostA, hostB] = [a.host.toLowerCase(), b.host.toLowerCase()];
  return hostA === hostB || isWildcard(hostA) || isWildcard(hostB) || sharesLoopback(hostA, hostB);
}
