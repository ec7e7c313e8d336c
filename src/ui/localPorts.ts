import { LOOPBACK_HOST, type HostPort } from '../core/address.ts';
import type { Failure, FailureContext } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import { findConflict } from '../core/forwardConflict.ts';
import { listensOnServer } from '../core/forwardSpec.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { boundOf } from '../core/forwardState.ts';
import { bindAddresses, formatForward } from '../core/forwardText.ts';
import { proposePorts } from '../system/freePort.ts';
import { isInTheWay } from '../system/portConflict.ts';
import { findPortHolder } from '../system/portHolder.ts';
import { firstUnprivilegedPort, mayBind } from '../system/privilegedPorts.ts';
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

/** The port to propose here for a port there: the same, or the next that is free and not reserved. */
export async function proposePort(port: number): Promise<number> {
  const start = (await mayBind({ host: '127.0.0.1', port })) ? port : port + PRIVILEGED_OFFSET;
  const [free = start] = await proposePorts(LOOPBACK_HOST, start);
  return free;
}

/** Whether another window of the editor runs a forward, given in the notation of Forward Port. */
export type IsForwardedElsewhere = (forward: string) => Promise<boolean>;

/** Adds to a failure to listen who holds the port, or what the system needs. Never rejects. */
export async function explainListenFailure(failure: Failure, definition: ForwardDefinition, model: ForwardModel, isElsewhere: IsForwardedElsewhere): Promise<Failure> {
  if (failure.code === 'remote-bind-refused') return explainRemoteRefusal(failure, definition, model, isElsewhere);
  const { port } = failure.context;
  if (typeof port !== 'number') return failure;
  if (failure.code === 'address-in-use') {
    if (await isElsewhere(formatForward(definition.spec))) return { ...failure, code: 'running-elsewhere' };
    return withFacts(failure, await holderOf(port, definition, model));
  }
  if (failure.code === 'permission-denied') return withFacts(failure, await permissionFacts(port));
  return failure;
}

/** The server does not say why it refused: whether the port is our own is known here. */
async function explainRemoteRefusal(failure: Failure, definition: ForwardDefinition, model: ForwardModel, isElsewhere: IsForwardedElsewhere): Promise<Failure> {
  if (await isElsewhere(formatForward(definition.spec))) return { ...failure, code: 'running-elsewhere', context: {} };
  const running = model.forwards.filter(({ state }) => boundOf(state) !== undefined);
  const own = findConflict(definition, running.map((forward) => forward.definition));
  const holder = running.find((forward) => forward.definition === own);
  return holder === undefined ? failure : withFacts(failure, { heldBy: `your forward ${titleOf(holder)}` });
}

function withFacts(failure: Failure, facts: FailureContext): Failure {
  return { ...failure, context: { ...failure.context, ...facts } };
}

async function holderOf(port: number, definition: ForwardDefinition, model: ForwardModel): Promise<FailureContext> {
  const { listen } = definition.spec;
  const [freePort] = await proposePorts(listen.host, port + 1);
  const facts: FailureContext = freePort === undefined ? {} : { freePort };
  const own = ownForwardOn({ host: listen.host, port }, definition.id, model);
  if (own !== undefined) return { ...facts, heldBy: `your forward ${own}` };
  for (const { host } of bindAddresses(listen)) {
    const holder = await findPortHolder({ host, port });
    if (holder !== undefined) return { ...facts, program: holder.program, pid: holder.pid };
  }
  return facts;
}

function ownForwardOn({ host, port }: HostPort, exceptId: string, model: ForwardModel): string | undefined {
  const own = model.forwards.find(({ definition, state }) => definition.id !== exceptId && !listensOnServer(definition.spec)
    && boundOf(state)?.addresses.some((address) => isInTheWay(address, { host, port })) === true);
  return own === undefined ? undefined : titleOf(own);
}

async function permissionFacts(port: number): Promise<FailureContext> {
  const firstUnprivileged = await firstUnprivilegedPort('127.0.0.1');
  // ip-sysctl.rst of Linux; macOS and Windows have no such setting for the loopback.
  return process.platform === 'linux' && port < firstUnprivileged
    ? { firstUnprivileged, recipe: `sudo sysctl -w net.ipv4.ip_unprivileged_port_start=${String(port)}` }
    : { firstUnprivileged };
}
