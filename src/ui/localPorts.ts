import { isSocketPath, LOOPBACK_HOST, type HostPort } from '../core/address.ts';
import type { Failure, FailureContext } from '../core/failure.ts';
import type { Forward, ForwardDefinition } from '../core/forward.ts';
import { findConflict } from '../core/forwardConflict.ts';
import { listensOnServer, portCountOf } from '../core/forwardSpec.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { boundOf } from '../core/forwardState.ts';
import { bindAddresses, formatForward } from '../core/forwardText.ts';
import { findExcludedStretch } from '../system/excludedPorts.ts';
import { proposePorts } from '../system/freePort.ts';
import { findFreeStretch } from '../system/freeStretch.ts';
import { isInTheWay } from '../system/portConflict.ts';
import { findPortHolder, listListeners } from '../system/portHolder.ts';
import { firstUnprivilegedPort, mayBind } from '../system/privilegedPorts.ts';
import { findUdpHolder, listUdpReceivers } from '../system/udpPorts.ts';
import { coversPort } from './listenPorts.ts';
import { PRIVILEGED_OFFSET } from './messages.ts';
import { titleOf } from './present.ts';

/** In words, what listening on a port needs here; undefined when nothing. */
export type PortHint = (port: number) => string | undefined;

/** What this machine says about reserved ports, asked once per box so that typing need not wait. */
export async function readPortHint(): Promise<PortHint> {
  const first = await firstUnprivilegedPort('127.0.0.1');
  if (first <= 1 || (await mayBind({ host: '127.0.0.1', port: 1 }))) return () => undefined;
  return (port) => (port === 0 || port >= first
    ? undefined
    : `Ports below ${String(first)} are reserved for administrators here. If it is refused, port ${String(port + PRIVILEGED_OFFSET)} is offered.`);
}

/** What is to listen: how many ports in a row, and whether for datagrams. */
export interface PortNeed {
  readonly portCount: number;
  readonly isUdp: boolean;
}

/** The port to propose here for a port there, the first of a range: the same, or the next that is free and not reserved. */
export async function proposePort(port: number, need: PortNeed = ONE_TCP_PORT): Promise<number> {
  const start = (await mayBind({ host: '127.0.0.1', port })) ? port : port + PRIVILEGED_OFFSET;
  return (await nextFree(LOOPBACK_HOST, start, need)) ?? start;
}

const ONE_TCP_PORT: PortNeed = { portCount: 1, isUdp: false };

async function nextFree(host: string, from: number, { portCount, isUdp }: PortNeed): Promise<number | undefined> {
  if (portCount === 1 && !isUdp) return (await proposePorts(host, from))[0];
  return findFreeStretch(isUdp ? await listUdpReceivers() : await listListeners(), host, from, portCount);
}

/** What the other windows of the editor have. */
export interface OtherWindowsLookup {
  /** Whether one of them runs a forward, given in the notation of Forward Port. Never rejects. */
  isServed(forward: string): Promise<boolean>;
  /** Whether a process is one of them: one that hangs does not say what it runs. */
  isWindow(pid: number): 'answering' | 'silent' | undefined;
}

/** Adds to a failure to listen who holds the port, or what the system needs. Never rejects. */
export async function explainListenFailure(failure: Failure, definition: ForwardDefinition, model: ForwardModel, windows: OtherWindowsLookup): Promise<Failure> {
  if (failure.code === 'remote-bind-refused') return explainRemoteRefusal(failure, definition, model, windows);
  const { path, port } = failure.context;
  if (typeof path === 'string' && failure.code === 'address-in-use') return explainSocketInUse(failure, path, definition, model, windows);
  if (typeof port !== 'number') return failure;
  if (failure.code === 'address-in-use') return explainPortInUse(failure, port, definition, model, windows);
  if (failure.code === 'permission-denied') return explainDenial(failure, port, definition, model);
  return failure;
}

async function explainPortInUse(failure: Failure, port: number, definition: ForwardDefinition, model: ForwardModel, windows: OtherWindowsLookup): Promise<Failure> {
  if (await windows.isServed(formatForward(definition.spec))) return { ...failure, code: 'running-elsewhere' };
  const { program, pid, ...facts } = await holderOf(port, definition, model);
  const window = typeof pid === 'number' ? windows.isWindow(pid) : undefined;
  // It cannot say which forward that is; most likely the same.
  if (window === 'silent') return withFacts({ ...failure, code: 'running-elsewhere' }, { isSilent: true });
  if (window === 'answering') return withFacts(failure, { ...facts, heldBy: 'another forward, in another window' });
  return withFacts(failure, program === undefined || pid === undefined ? facts : { ...facts, program, pid });
}

/** A socket in use may be one of our own, of this window or of another; what lies there unused is nobody's. */
async function explainSocketInUse(failure: Failure, path: string, definition: ForwardDefinition, model: ForwardModel, windows: OtherWindowsLookup): Promise<Failure> {
  if (failure.context.isStale === true || failure.context.isFile === true) return failure;
  if (await windows.isServed(formatForward(definition.spec))) return { ...failure, code: 'running-elsewhere' };
  const own = model.forwards.find((other) => other.definition.id !== definition.id && !listensOnServer(other.definition.spec)
    && boundOf(other.state)?.addresses.some((address) => isSocketPath(address) && address.path === path) === true);
  return own === undefined ? failure : withFacts(failure, { heldBy: nameOf(own) });
}

/** The server does not say why it refused: whether the port is our own is known here. */
async function explainRemoteRefusal(failure: Failure, definition: ForwardDefinition, model: ForwardModel, windows: OtherWindowsLookup): Promise<Failure> {
  if (await windows.isServed(formatForward(definition.spec))) return { ...failure, code: 'running-elsewhere', context: {} };
  const running = model.forwards.filter(({ state }) => boundOf(state) !== undefined);
  const own = findConflict(definition, running.map((forward) => forward.definition));
  const holder = running.find((forward) => forward.definition === own);
  return holder === undefined ? failure : withFacts(failure, { heldBy: nameOf(holder) });
}

function nameOf(forward: Forward): string {
  return `your forward ${titleOf(forward)}${forward.state.phase === 'elsewhere' ? ' in another window' : ''}`;
}

function withFacts(failure: Failure, facts: FailureContext): Failure {
  return { ...failure, context: { ...failure.context, ...facts } };
}

async function holderOf(port: number, { id, spec }: ForwardDefinition, model: ForwardModel): Promise<FailureContext> {
  const { listen } = spec;
  if (isSocketPath(listen)) return {};
  const isUdp = spec.kind === 'udp';
  const portCount = portCountOf(spec);
  const freePort = await nextFree(listen.host, port + 1, { portCount, isUdp });
  const facts: FailureContext = { ...(freePort === undefined ? {} : { freePort }), ...(portCount === 1 ? {} : { portCount }), ...(isUdp ? { isUdp } : {}) };
  const own = ownForwardOn({ host: listen.host, port }, id, isUdp, model);
  if (own !== undefined) return { ...facts, heldBy: own };
  for (const { host } of bindAddresses(listen)) {
    const holder = await (isUdp ? findUdpHolder({ host, port }) : findPortHolder({ host, port }));
    if (holder !== undefined) return { ...facts, program: holder.program, pid: holder.pid };
  }
  return facts;
}

/** TCP and UDP have ports of their own, which do not get in each other's way. */
function ownForwardOn(wanted: HostPort, exceptId: string, isUdp: boolean, model: ForwardModel): string | undefined {
  const own = model.forwards.find(({ definition: { id, spec }, state }) => id !== exceptId && !listensOnServer(spec) && (spec.kind === 'udp') === isUdp
    && boundOf(state)?.addresses.some((address) => coversPort(spec, address, wanted.port) && isInTheWay({ host: address.host, port: wanted.port }, wanted)) === true);
  return own === undefined ? undefined : nameOf(own);
}

/** On Windows a port that another program has for itself alone is denied like one that the system keeps. */
async function explainDenial(failure: Failure, port: number, definition: ForwardDefinition, model: ForwardModel): Promise<Failure> {
  const { spec } = definition;
  const need = { portCount: portCountOf(spec), isUdp: spec.kind === 'udp' };
  const host = isSocketPath(spec.listen) ? LOOPBACK_HOST : spec.listen.host;
  const firstUnprivileged = await firstUnprivilegedPort(host);
  if (port < firstUnprivileged) {
    const freePort = await nextFree(host, port + PRIVILEGED_OFFSET, need);
    return withFacts(failure, { firstUnprivileged, system: process.platform, ...recipeFor(port), ...(freePort === undefined ? {} : { freePort }) });
  }
  if (process.platform !== 'win32') return withFacts(failure, { firstUnprivileged });
  const holder = await holderOf(port, definition, model);
  if (holder.program !== undefined || holder.heldBy !== undefined) return withFacts({ ...failure, code: 'address-in-use' }, holder);
  const excluded = await findExcludedStretch(port);
  if (excluded === undefined) return withFacts(failure, { firstUnprivileged });
  const freePort = await nextFree(host, excluded.last + 1, need);
  return withFacts(failure, {
    firstUnprivileged, excluded: `${String(excluded.first)} to ${String(excluded.last)}`, recipe: 'netsh interface ipv4 show excludedportrange protocol=tcp',
    ...(freePort === undefined ? {} : { freePort }),
  });
}

/** ip-sysctl.rst of Linux; macOS has no such setting. */
function recipeFor(port: number): FailureContext {
  return process.platform === 'linux' ? { recipe: `sudo sysctl -w net.ipv4.ip_unprivileged_port_start=${String(port)}` } : {};
}
