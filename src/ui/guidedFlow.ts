import type * as vscode from 'vscode';
import { LOOPBACK_HOST, MAX_PORT, type HostPort } from '../core/address.ts';
import type { ForwardSpec, SshDestination } from '../core/forwardSpec.ts';
import { parseDestination, parseForward, type Poles } from '../core/forwardParser.ts';
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
export async function guideForward(guide: 'ssh' | 'relay', options: GuideOptions, server?: SshDestination): Promise<ForwardSpec | undefined> {
  let target = server;
  for (;;) {
    if (guide === 'ssh' && target === undefined) {
      const step = await pickServer(options, 'Forward Port (1/3): SSH Server', false);
      if (step.kind !== 'value') return undefined;
      target = step.value;
    }
    const step = await guidePoles(target, options, guide === 'ssh' && server === undefined);
    if (step.kind === 'cancelled') return undefined;
    if (step.kind === 'back') {
      target = server;
      continue;
    }
    return target === undefined ? { kind: 'relay', ...step.value } : { kind: 'local', ...step.value, target };
  }
}

async function guidePoles(target: SshDestination | undefined, options: GuideOptions, hasBack: boolean): Promise<Step<Poles>> {
  for (;;) {
    const there = await askThere(target, hasBack);
    if (there.kind !== 'value') return there;
    const here = await askHere(there.value, target === undefined, options);
    if (here.kind === 'value') return { kind: 'value', value: { listen: here.value, connect: there.value } };
    if (here.kind === 'cancelled') return CANCELLED;
  }
}

async function askThere(target: SshDestination | undefined, hasBack: boolean): Promise<Step<HostPort>> {
  const from = target === undefined ? 'this computer' : formatDestination(target);
  const step = await askText({
    title: target === undefined ? 'Forward Port (1/2): Destination' : 'Forward Port (2/3): Port There',
    prompt: `The port to reach as seen from ${from}: a port, or host:port.`,
    placeholder: '5432 or db.internal:5432',
    hasBack,
    validate: (text) => problemOfDestination(text.trim()),
  });
  if (step.kind !== 'value') return step;
  const destination = readDestination(step.value.trim());
  return destination === undefined ? BACK : { kind: 'value', value: destination };
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
  const { connect } = reading.kind === 'needs-target' ? reading.poles : reading.spec;
  return /^\d+$/.test(text.split(':')[0] ?? '') && text.includes(':') ? undefined : connect;
}

async function askHere(there: HostPort, isRelay: boolean, options: GuideOptions): Promise<Step<HostPort>> {
  const isItself = (port: number): boolean => isRelay && connectsToItself({ host: LOOPBACK_HOST, port }, there);
  const proposed = await options.proposePort(isItself(there.port) ? there.port + 1 : there.port);
  const step = await askText({
    title: isRelay ? 'Forward Port (2/2): Port Here' : 'Forward Port (3/3): Port Here',
    prompt: `The port of this computer that programs will connect to${proposed === there.port ? '' : ` (${String(there.port)} is taken or reserved)`}.`,
    value: String(proposed),
    hasBack: true,
    validate: (text) => problemOfPort(text) ?? (isItself(Number(text)) ? 'That is the destination itself: choose another port.' : undefined),
  });
  return step.kind === 'value' ? { kind: 'value', value: { host: LOOPBACK_HOST, port: Number(step.value) } } : step;
}

function problemOfPort(text: string): string | undefined {
  if (!/^\d+$/.test(text.trim())) return `A port is a number from 1 to ${String(MAX_PORT)}.`;
  return Number(text) > MAX_PORT ? `Port ${text} is above ${String(MAX_PORT)}.` : undefined;
}
