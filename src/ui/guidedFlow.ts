import type * as vscode from 'vscode';
import { isSocketPath, LOOPBACK_HOST, type Endpoint } from '../core/address.ts';
import { listensOnServer, type ForwardKind, type ForwardSpec, type SshDestination, type SshRule } from '../core/forwardSpec.ts';
import { parseDestination, withTarget } from '../core/forwardParser.ts';
import { formatDestination } from '../core/forwardText.ts';
import { formatPorts } from '../core/portRange.ts';
import type { KnownHost } from './forwardPortBox.ts';
import { describeChoices, leadsToItself, naturalPort, mayListenOnSocket, readDestination, readListen, type GuidedDestination } from './guidedPoles.ts';
import type { PortNeed } from './localPorts.ts';
import { askText, pickOne, type Step } from './quickInput.ts';

export interface GuideOptions {
  readonly hosts: readonly KnownHost[];
  /** The port to propose here for a port there, the first of a range: the same, or the next free one that may be listened on. */
  readonly proposePort: (port: number, need: PortNeed) => Promise<number>;
}

const BACK: Step<never> = { kind: 'back' };
const CANCELLED: Step<never> = { kind: 'cancelled' };

interface HostItem extends vscode.QuickPickItem {
  readonly destination: SshDestination;
}

/** Lets the user choose or type an SSH server. */
export async function pickServer(options: GuideOptions, title: string, hasBack: boolean): Promise<Step<SshDestination>> {
  const items = options.hosts.map(({ alias, detail }): HostItem => ({ label: alias, description: detail, destination: { host: alias } }));
  const step = await pickOne({ title, placeholder: 'The SSH server: choose one of ssh_config, or type user@host:port', items, hasBack, fromText: typedHost });
  return step.kind === 'value' ? { kind: 'value', value: step.value.destination } : step;
}

function typedHost(text: string): HostItem | undefined {
  const parsed = parseDestination(text);
  if (!parsed.isValid) return undefined;
  return { label: formatDestination(parsed.destination), description: 'connect to this server', alwaysShow: true, destination: parsed.destination };
}

/** Asks for everything a forward needs, one thing at a time, with a way back; undefined when the user leaves. */
export async function guideForward(guide: ForwardKind, options: GuideOptions, server?: SshDestination): Promise<ForwardSpec | undefined> {
  if (guide === 'relay' || guide === 'udp') {
    const step = await guidePoles({ guide, target: undefined, hasBack: false, options });
    return step.kind === 'value' ? relayOf(guide, step.value) : undefined;
  }
  for (;;) {
    const chosen = server === undefined ? await pickServer(options, `${titleOf(guide, 1)}: SSH Server`, false) : valueStep(server);
    if (chosen.kind !== 'value') return undefined;
    const target = chosen.value;
    const step = await guideRule(guide, { guide, target, hasBack: server === undefined, options });
    if (step.kind === 'value') return withTarget(step.value, target);
    if (step.kind === 'cancelled') return undefined;
  }
}

function relayOf(kind: 'relay' | 'udp', poles: GuidedPoles): ForwardSpec | undefined {
  if (kind === 'relay') return { kind, ...poles };
  const { listen, connect } = poles;
  return isSocketPath(listen) || isSocketPath(connect) ? undefined : { kind, listen, connect };
}

/** What the steps of one forward share. */
interface Guided {
  readonly guide: ForwardKind;
  /** Undefined for a relay. */
  readonly target: SshDestination | undefined;
  /** Whether there is a step before the first of these. */
  readonly hasBack: boolean;
  readonly options: GuideOptions;
}

const STEPS: Readonly<Record<ForwardKind, number>> = { local: 3, remote: 3, dynamic: 2, 'remote-dynamic': 2, relay: 2, udp: 2 };

function titleOf(guide: ForwardKind, step: number): string {
  return `Forward Port (${String(step)}/${String(STEPS[guide])})`;
}

function valueStep<T>(value: T): Step<T> {
  return { kind: 'value', value };
}

async function guideRule(kind: SshRule['kind'], guided: Guided): Promise<Step<SshRule>> {
  if (kind === 'local' || kind === 'remote') {
    const step = await guidePoles(guided);
    return step.kind === 'value' ? valueStep({ kind, ...step.value }) : step;
  }
  const step = await askListen(guided, undefined);
  if (step.kind !== 'value') return step;
  // A proxy has no other place to listen than a port.
  return isSocketPath(step.value) ? BACK : valueStep({ kind, listen: step.value });
}

interface GuidedPoles extends GuidedDestination {
  readonly listen: Endpoint;
}

async function guidePoles(guided: Guided): Promise<Step<GuidedPoles>> {
  for (;;) {
    const destination = await askDestination(guided);
    if (destination.kind !== 'value') return destination;
    const listen = await askListen({ ...guided, hasBack: true }, destination.value);
    if (listen.kind === 'value') return valueStep({ listen: listen.value, ...destination.value });
    if (listen.kind === 'cancelled') return CANCELLED;
  }
}

async function askDestination({ guide, target, hasBack }: Guided): Promise<Step<GuidedDestination>> {
  const isFromHere = target === undefined || guide === 'remote';
  const read = (text: string): GuidedDestination | string => readDestination(guide, text.trim());
  const step = await askText({
    title: isFromHere ? `${titleOf(guide, STEPS[guide] - 1)}: Destination` : `${titleOf(guide, 2)}: Port There`,
    prompt: `What to reach as seen from ${isFromHere ? 'this computer' : formatDestination(target)}: ${describeChoices(guide)}.`,
    placeholder: isFromHere ? '3000 or localhost:3000' : '5432 or db.internal:5432',
    hasBack,
    validate: (text) => {
      const destination = read(text);
      return typeof destination === 'string' ? destination : undefined;
    },
  });
  if (step.kind !== 'value') return step;
  const destination = read(step.value);
  return typeof destination === 'string' ? BACK : valueStep(destination);
}

/** The usual port of a SOCKS proxy, RFC 1928 section 3. */
const SOCKS_PORT = 1080;

async function askListen(guided: Guided, destination: GuidedDestination | undefined): Promise<Step<Endpoint>> {
  const { guide, target, hasBack } = guided;
  if (target === undefined || !listensOnServer({ kind: guide })) return askHere(guided, destination);
  const portCount = destination?.portCount;
  const step = await askText({
    title: `${titleOf(guide, STEPS[guide])}: Port on the Server`,
    prompt: portCount === undefined
      ? `The port of ${formatDestination(target)} that its own programs will connect to${orSocket(guide, portCount)}; 0 lets the server choose.`
      : `The first of the ${String(portCount)} ports of ${formatDestination(target)} that its own programs will connect to.`,
    value: String(destination === undefined ? SOCKS_PORT : naturalPort(destination)),
    hasBack,
    validate: (text) => problemOfListen(readListen(guide, text.trim(), portCount)),
  });
  return asListen(guide, step, portCount);
}

/** Where a socket would do as well as a port. */
function orSocket(guide: ForwardKind, portCount: number | undefined): string {
  return mayListenOnSocket(guide, portCount) ? ', or the path of a socket' : '';
}

function problemOfListen(listen: Endpoint | string): string | undefined {
  return typeof listen === 'string' ? listen : undefined;
}

function asListen(guide: ForwardKind, step: Step<string>, portCount: number | undefined): Step<Endpoint> {
  if (step.kind !== 'value') return step;
  const listen = readListen(guide, step.value.trim(), portCount);
  return typeof listen === 'string' ? BACK : valueStep(listen);
}

async function askHere({ guide, hasBack, options }: Guided, destination: GuidedDestination | undefined): Promise<Step<Endpoint>> {
  const wanted = destination === undefined ? SOCKS_PORT : naturalPort(destination);
  const portCount = destination?.portCount ?? 1;
  const isUdp = guide === 'udp';
  const isItselfAt = (listen: Endpoint): boolean => (guide === 'relay' || isUdp) && destination !== undefined && leadsToItself(listen, destination);
  const isItself = (port: number): boolean => isItselfAt({ host: LOOPBACK_HOST, port });
  const proposed = await options.proposePort(isItself(wanted) ? wanted + portCount : wanted, { portCount, isUdp });
  const taken = proposed === wanted ? '' : ` (${formatPorts(wanted, portCount)} ${portCount === 1 ? 'is' : 'are'} taken or reserved)`;
  const step = await askText({
    title: `${titleOf(guide, STEPS[guide])}: Port Here`,
    prompt: `${portCount === 1 ? 'The port' : `The first of the ${String(portCount)} ports`} of this computer that programs will ${isUdp ? 'send' : 'connect'} to${taken}${orSocket(guide, portCount)}.`,
    value: String(proposed),
    hasBack,
    validate: (text) => {
      const listen = readListen(guide, text.trim(), portCount);
      if (typeof listen === 'string') return listen;
      return isItselfAt(listen) ? 'That is the destination itself: choose another place to listen.' : undefined;
    },
  });
  return asListen(guide, step, portCount);
}
