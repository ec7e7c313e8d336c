import * as vscode from 'vscode';
import { isSocketPath } from '../core/address.ts';
import { listensOnServer, type ForwardKind, type ForwardSpec, type SshRule, type SshSpec } from '../core/forwardSpec.ts';
import { parseForward, type Reading, type Readings } from '../core/forwardParser.ts';
import { formatDestination, formatForward, formatRule, type TextProblem } from '../core/forwardText.ts';
import { DisposableStore } from '../core/lifecycle.ts';
import { describePoles, describeSpec, describeWay, KIND_ICONS, warningOf } from './describeSpec.ts';
import { formatCount } from './format.ts';
import type { PortHint } from './localPorts.ts';

/** A host of the user's ssh_config, with what it resolves to. */
export interface KnownHost {
  readonly alias: string;
  readonly detail: string;
}

/** What the box ended with. */
export type BoxResult =
  | { readonly kind: 'specs'; readonly specs: readonly ForwardSpec[] }
  | { readonly kind: 'needs-target'; readonly rules: readonly SshRule[] }
  | { readonly kind: 'guide'; readonly guide: ForwardKind }
  | { readonly kind: 'host'; readonly alias: string };

export interface BoxOptions {
  readonly title: string;
  readonly value: string;
  readonly hosts: readonly KnownHost[];
  readonly recent: readonly ForwardSpec[];
  readonly portHint: PortHint;
  /** Only one forward is wanted, not the several of one command. */
  readonly isSingle: boolean;
}

interface Item extends vscode.QuickPickItem {
  /** Undefined for a row that only explains: Enter does nothing on it. */
  readonly result?: BoxResult;
}

const PLACEHOLDER = '2323:localhost:23 remhost, -R or -D with a server, 8080:127.0.0.1:80, or an ssh command';

/** The one box of Forward Port: under the text stands what Enter will do. Undefined when the user leaves it. */
export function showForwardPortBox(options: BoxOptions): Promise<BoxResult | undefined> {
  const box = vscode.window.createQuickPick<Item>();
  const owned = new DisposableStore();
  owned.add(box);
  box.title = options.title;
  box.placeholder = PLACEHOLDER;
  box.value = options.value;
  const update = (text: string): void => { box.items = itemsFor(text, options); };
  owned.add(box.onDidChangeValue(update));
  update(options.value);
  return new Promise<BoxResult | undefined>((resolve) => {
    owned.add(box.onDidAccept(() => {
      const result = box.selectedItems[0]?.result;
      if (result !== undefined) resolve(result);
    }));
    owned.add(box.onDidHide(() => { resolve(undefined); }));
    box.show();
  }).finally(() => { owned.dispose(); });
}

function itemsFor(text: string, options: BoxOptions): Item[] {
  return text.trim() === '' ? suggestions(options) : [...previews(text, options)];
}

function suggestions({ hosts, recent }: BoxOptions): Item[] {
  const heading = (label: string): Item => ({ label, kind: vscode.QuickPickItemKind.Separator });
  const recentItems = recent.map((spec): Item => ({ label: `$(history) ${formatForward(spec)}`, description: describeSpec(spec), result: { kind: 'specs', specs: [spec] } }));
  const hostItems = hosts.map(({ alias, detail }): Item => ({ label: `$(server) ${alias}`, description: detail, result: { kind: 'host', alias } }));
  return [
    heading('step by step'),
    ...GUIDES.map(({ guide, label, description }): Item => ({ label: `$(${KIND_ICONS[guide]}) ${label}`, description, result: { kind: 'guide', guide } })),
    ...(recentItems.length === 0 ? [] : [heading('recent'), ...recentItems]),
    ...(hostItems.length === 0 ? [] : [heading('from ssh_config'), ...hostItems]),
  ];
}

const GUIDES: readonly { readonly guide: ForwardKind; readonly label: string; readonly description: string }[] = [
  { guide: 'local', label: 'SSH Tunnel…', description: 'choose the server, the port there, the port here' },
  { guide: 'remote', label: 'Reverse Tunnel…', description: 'a port of an SSH server that leads to this computer (-R)' },
  { guide: 'dynamic', label: 'SOCKS Proxy…', description: 'a port here through which programs go out from an SSH server (-D)' },
  { guide: 'remote-dynamic', label: 'SOCKS Proxy on a Server…', description: 'a port of an SSH server whose programs go out from here (-R)' },
  { guide: 'relay', label: 'Local Relay…', description: 'from a port here to another port or machine, without SSH' },
  { guide: 'udp', label: 'UDP Relay…', description: 'datagrams from a port here to another port or machine, without SSH' },
];

function previews(text: string, options: BoxOptions): Item[] {
  const parsed = parseForward(text, { sshHosts: new Set(options.hosts.map(({ alias }) => alias)) });
  if (!parsed.isValid) return [problemItem(text, parsed.problem)];
  const notes = notesOn(parsed);
  return parsed.readings.map((reading, index) => previewItem(reading, text, index > 0, options, notes));
}

/** What of a pasted command is in no forward: first what may be missed. */
function notesOn({ leftOut, notTakenOver }: Readings): readonly string[] {
  return [
    ...(notTakenOver.length === 0 ? [] : [`Not taken over: ${notTakenOver.join(', ')}. Put it into ~/.ssh/config for this server.`]),
    ...(leftOut.length === 0 ? [] : [`Left out, because it means nothing for a forward: ${leftOut.join(', ')}.`]),
  ];
}

function previewItem(reading: Reading, text: string, isOther: boolean, options: BoxOptions, notes: readonly string[]): Item {
  if (reading.kind === 'forward') return singleItem(reading.spec, isOther, { kind: 'specs', specs: [reading.spec] }, options, notes);
  const rules: readonly (SshRule | SshSpec)[] = reading.kind === 'forwards' ? reading.specs : reading.rules;
  const [first, second] = rules;
  const result: BoxResult = reading.kind === 'forwards' ? { kind: 'specs', specs: reading.specs } : { kind: 'needs-target', rules };
  if (first !== undefined && second === undefined) return singleItem(first, isOther, result, options, notes);
  if (options.isSingle) return problemItem(text, { message: 'This command means several forwards: only one can take this one\'s place.', start: 0, end: text.length });
  return severalItem(rules, result, notes);
}

/** Two lines, so that neither is cut off: what connects where, and on which way. Another meaning of a text says first how it differs. */
function singleItem(spec: ForwardSpec | SshRule, isOther: boolean, result: BoxResult, { portHint }: BoxOptions, notes: readonly string[]): Item {
  const toChoose = result.kind === 'needs-target' ? ': Enter to choose the server' : '';
  const hint = listensOnServer(spec) || isSocketPath(spec.listen) ? undefined : portHint(spec.listen.port);
  const other = isOther ? otherLabel(spec) : undefined;
  const said = other === undefined ? describeWay(spec) : describeSpec(spec);
  const detail = [...notes, `${said}${toChoose}.`, warningOf(spec), hint].filter((part) => part !== undefined).join(' ');
  return { label: `$(${KIND_ICONS[spec.kind]}) ${other ?? describePoles(spec)}`, detail, alwaysShow: true, result };
}

function otherLabel(spec: ForwardSpec | SshRule): string | undefined {
  if (spec.kind === 'remote') return `The other way round: ${'target' in spec ? spec.target.host : 'an SSH server'} listens (-R)`;
  return spec.kind === 'dynamic' ? 'SOCKS proxy (-D)' : undefined;
}

/** The notation in the first line, as it is short; then what may be missed, and all of it in words as far as there is room. */
function severalItem(rules: readonly (SshRule | SshSpec)[], result: BoxResult, notes: readonly string[]): Item {
  const [first] = rules;
  const server = first !== undefined && 'target' in first ? ` through ${formatDestination(first.target)}` : '';
  const way = result.kind === 'needs-target' ? ['Enter to choose the server.'] : [];
  const warnings = new Set(rules.map(warningOf));
  const detail = [...notes, ...way, ...warnings, `${rules.map(describePoles).join('; ')}.`].filter((part) => part !== undefined).join(' ');
  return { label: `$(list-tree) ${formatCount(rules.length, 'forward')}${server}: ${rules.map(formatRule).join('  ·  ')}`, detail, alwaysShow: true, result };
}

/** Shows the reason, and the text with its wrong stretch marked. */
function problemItem(text: string, { message, start, end }: TextProblem): Item {
  const wrong = text.slice(start, end);
  const detail = `${text.slice(0, start)}▸${wrong}◂${text.slice(end)}`;
  return { label: `$(error) ${message}`, detail, alwaysShow: true };
}
