import { isSamePath, isSocketPath, isWildcard, type Endpoint } from './address.ts';
import type { ForwardDefinition } from './forward.ts';
import { isProxy, isThroughSsh, listensOnServer, portCountOf, type ForwardSpec, type SshSpec } from './forwardSpec.ts';
import { connectsToItself, formatDestination, sharesLoopback } from './forwardText.ts';
import { nthEndpoint } from './portRange.ts';

/** The first forward among `others` that would listen on an address that this one wants too. */
export function findConflict({ id, spec }: Pick<ForwardDefinition, 'id' | 'spec'>, others: readonly ForwardDefinition[]): ForwardDefinition | undefined {
  return others.find((other) => other.id !== id && listeningPlace(spec) === listeningPlace(other.spec) && overlaps(spec, other.spec));
}

/**
 * True when a chain of forwards would lead back to this one: one connection would multiply without end. Relays go round on
 * this computer; a -L and a -R through one server go round together. Every port of a range and every fallback counts.
 */
export function isForwardLoop(spec: ForwardSpec, others: readonly ForwardSpec[]): boolean {
  const steps = stepsFrom(spec, [spec, ...others].map((forward) => ({ spec: forward, listening: listeningPlace(forward), connecting: connectingPlace(forward) })));
  let left = new Set(steps.keys());
  // Whatever has no way in or no way on is in no circle, and what remains at the end is.
  for (let before = Infinity; left.size < before;) {
    before = left.size;
    const reached = new Set([...left].flatMap((step) => steps.get(step) ?? []));
    left = new Set([...left].filter((step) => reached.has(step) && steps.get(step)?.some((next) => left.has(next)) === true));
  }
  return portsOf(spec).some((offset) => left.has(stepOf(0, offset)));
}

interface Placed {
  readonly spec: ForwardSpec;
  readonly listening: string;
  readonly connecting: string;
}

/** Each port that can be reached from the first of `forwards`, and those that it leads to. */
function stepsFrom(spec: ForwardSpec, forwards: readonly Placed[]): ReadonlyMap<string, readonly string[]> {
  const steps = new Map<string, readonly string[]>();
  const waiting = portsOf(spec).map((offset) => ({ index: 0, offset }));
  for (let step = waiting.pop(); step !== undefined; step = waiting.pop()) {
    const name = stepOf(step.index, step.offset);
    const from = forwards[step.index];
    if (from === undefined || steps.has(name)) continue;
    const next = destinationsOf(from.spec, step.offset).flatMap((destination) => forwards.flatMap((to, index) => {
      const offset = to.listening === from.connecting ? offsetOf(to.spec, destination) : undefined;
      return offset === undefined ? [] : [{ index, offset }];
    }));
    steps.set(name, next.map(({ index, offset }) => stepOf(index, offset)));
    waiting.push(...next);
  }
  return steps;
}

function stepOf(index: number, offset: number): string {
  return `${String(index)} ${String(offset)}`;
}

function portsOf(spec: ForwardSpec): number[] {
  return [...Array(portCountOf(spec)).keys()];
}

function destinationsOf(spec: ForwardSpec, offset: number): readonly Endpoint[] {
  if (isProxy(spec)) return [];
  return [nthEndpoint(spec.connect, offset), ...('fallbacks' in spec ? spec.fallbacks ?? [] : [])];
}

/** Which port of a forward, counted from its first, a connection to `destination` would arrive at. */
function offsetOf(spec: ForwardSpec, destination: Endpoint): number | undefined {
  const { listen } = spec;
  const offset = isSocketPath(listen) || isSocketPath(destination) ? 0 : destination.port - listen.port;
  return offset >= 0 && offset < portCountOf(spec) && connectsToItself(nthEndpoint(listen, offset), destination) ? offset : undefined;
}

/** On which machine a forward listens, and for what: this one, or a server as the user names it, whoever logs in there. */
function listeningPlace(spec: ForwardSpec): string {
  return listensOnServer(spec) ? serverPlace(spec) : placeHere(spec);
}

function connectingPlace(spec: ForwardSpec): string {
  return isThroughSsh(spec) && !listensOnServer(spec) ? serverPlace(spec) : placeHere(spec);
}

/** The ports of UDP are not those of TCP. */
function placeHere(spec: ForwardSpec): string {
  return spec.kind === 'udp' ? 'here, UDP' : 'here';
}

function serverPlace({ target: { host, port } }: SshSpec): string {
  return formatDestination({ host: host.toLowerCase(), port: port ?? SSH_PORT });
}

const SSH_PORT = 22;

function overlaps(one: ForwardSpec, other: ForwardSpec): boolean {
  const [a, b] = [one.listen, other.listen];
  if (isSocketPath(a) || isSocketPath(b)) return isSocketPath(a) && isSocketPath(b) && isSamePath(a.path, b.path);
  if (a.port === 0 || b.port === 0 || a.port >= b.port + portCountOf(other) || b.port >= a.port + portCountOf(one)) return false;
  const [hostA, hostB] = [a.host.toLowerCase(), b.host.toLowerCase()];
  return hostA === hostB || isWildcard(hostA) || isWildcard(hostB) || sharesLoopback(hostA, hostB);
}
