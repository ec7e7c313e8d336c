import type * as vscode from 'vscode';
import { LOOPBACK_HOST, MAX_PORT, type HostPort } from '../core/address.ts';
import { isProxy, listensOnServer, type ForwardKind, type ForwardSpec, type SshDestination, type SshRule } from '../core/forwardSpec.ts';
import { parseDestination, parseForward, withTarget } from '../core/forwardParser.ts';
import { connectsToItself, formatDestination } from '../core/forwardText.ts';
import type { KnownHost } from './forwardPortBox.ts';
import { askText, pickOne, type Step } from './quickInput.ts';

export interface GuideOptions {
  readonly hosts: readonly KnownHost[];
  /** The port to propose here for a port there: the same, or the next free one that may be listened on. */
  readonly proposePort: (port: number) => Promise<number>;
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
  if (guide === 'relay') {
    const step = await guidePoles({ guide, target: undefined, hasBack: false, options });
    return step.kind === 'value' ? { kind: guide, ...step.value } : undefined;
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

/** What the steps of one forward share. */
interface Guided {
  readonly guide: ForwardKind;
  /** Undefined for a relay. */
  readonly target: SshDestination | undefined;
  /** Whether there is a step before the first of these. */
  readonly hasBack: boolean;
  readonly options: GuideOptions;
}

const STEPS: Readonly<Record<ForwardKind, number>> = { local: 3, remote: 3, dynamic: 2, 'remote-dynamic': 2, relay: 2 };

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
  return step.kind === 'value' ? valueStep({ kind, listen: step.value }) : step;
}

interface Poles {
  readonly listen: HostPort;
  readonly connect: HostPort;
}

async function guidePoles(guided: Guided): Promise<Step<Poles>> {
  for (;;) {
    const connect = await askConnect(guided);
    if (connect.kind !== 'value') return connect;
    const listen = await askListen({ ...guided, hasBack: true }, connect.value);
    if (listen.kind === 'value') return valueStep({ listen: listen.value, connect: connect.value });
    if (listen.kind === 'cancelled') return CANCELLED;
  }
}

async function askConnect({ guide, target, hasBack }: Guided): Promise<Step<HostPort>> {
  const isFromHere = target === undefined || guide === 'remote';
  const step = await askText({
    title: isFromHere ? `${titleOf(guide, STEPS[guide] - 1)}: Destination` : `${titleOf(guide, 2)}: Port There`,
    prompt: `The port to reach as seen from ${isFromHere ? 'this computer' : formatDestination(target)}: a port, or host:port.`,
    placeholder: isFromHere ? '3000 or localhost:3000' : '5432 or db.internal:5432',
    hasBack,
    validate: (text) => problemOfDestination(text.trim()),
  });
  if (step.kind !== 'value') return step;
  const destination = readDestination(step.value.trim());
  return destination === undefined ? BACK : valueStep(destination);
}

function problemOfDestination(text: string): string | undefined {
  const parsed = parseForward(text, { sshHosts: new Set() });
  if (!parsed.isValid) return parsed.problem.message;
  return readDestination(text) === undefined ? 'Write a port, or host:port.' : undefined;
}

/** `5432` or `host:5432`: the connect pole of the reading without a server. */
function readDestination(text: string): HostPort | undefined {
  if (/\s/.test(text) || text.replace(/\[[^\]]*\]/g, '').split(':').length > 2) return undefined;
  const parsed = parseForward(text, { sshHosts: new Set() });
  if (!parsed.isValid) return undefined;
  const [reading] = parsed.readings;
  const spec = reading.kind === 'forward' ? reading.spec : reading.kind === 'needs-target' ? reading.rules[0] : undefined;
  const connect = spec === undefined || isProxy(spec) ? undefined : spec.connect;
  return /^\d+$/.test(text.split(':')[0] ?? '') && text.includes(':') ? undefined : connect;
}

/** The usual port of a SOCKS proxy, RFC 1928 section 3. */
const SOCKS_PORT = 1080;

async function askListen(guided: Guided, connect: HostPort | undefined): Promise<Step<HostPort>> {
  const { guide, target, hasBack } = guided;
  if (target === undefined || !listensOnServer({ kind: guide })) return askHere(guided, connect);
  const step = await askText({
    title: `${titleOf(guide, STEPS[guide])}: Port on the Server`,
    prompt: `The port of ${formatDestination(target)} that its own programs will connect to; 0 lets the server choose.`,
    value: String(connect?.port ?? SOCKS_PORT),
    hasBack,
    validate: problemOfPort,
  });
  return step.kind === 'value' ? valueStep({ host: LOOPBACK_HOST, port: Number(step.value) }) : step;
}

async function askHere({ guide, hasBack, options }: Guided, connect: HostPort | undefined): Promise<Step<HostPort>> {
  const wanted = connect?.port ?? SOCKS_PORT;
  const isItself = (port: number): boolean => guide === 'relay' && connect !== undefined && connectsToItself({ host: LOOPBACK_HOST, port }, connect);
  const proposed = await options.proposePort(isItself(wanted) ? wanted + 1 : wanted);
  const step = await askText({
    title: `${titleOf(guide, STEPS[guide])}: Port Here`,
    prompt: `The port of this computer that programs will connect to${proposed === wanted ? '' : ` (${String(wanted)} is taken or reserved)`}.`,
    value: String(proposed),
    hasBack,
    validate: (text) => problemOfPort(text) ?? (isItself(Number(text)) ? 'That is the destination itself: choose another port.' : undefined),
  });
  return step.kind === 'value' ? valueStep({ host: LOOPBACK_HOST, port: Number(step.value) }) : step;
}

function problemOfPort(text: string): string | undefined {
  if (!/^\d+$/.test(text.trim())) return `A port is a number from 1 to ${String(MAX_PORT)}.`;
  return Number(text) > MAX_PORT ? `Port ${text} is above ${String(MAX_PORT)}.` : undefined;
}
