import * as vscode from 'vscode';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import { parseForward, type Poles, type Reading } from '../core/forwardParser.ts';
import { formatForward, type TextProblem } from '../core/forwardText.ts';
import { DisposableStore } from '../core/lifecycle.ts';
import type { PortHint } from './localPorts.ts';
import { describePoles, describeSpec, describeWay } from './present.ts';

/** A host of the user's ssh_config, with what it resolves to. */
export interface KnownHost {
  readonly alias: string;
  readonly detail: string;
}

/** What the box ended with. */
export type BoxResult =
  | { readonly kind: 'spec'; readonly spec: ForwardSpec }
  | { readonly kind: 'needs-target'; readonly poles: Poles }
  | { readonly kind: 'guide'; readonly guide: 'ssh' | 'relay' }
  | { readonly kind: 'host'; readonly alias: string };

export interface BoxOptions {
  readonly title: string;
  readonly value: string;
  readonly hosts: readonly KnownHost[];
  readonly recent: readonly ForwardSpec[];
  readonly portHint: PortHint;
}

interface Item extends vscode.QuickPickItem {
  /** Undefined for a row that only explains: Enter does nothing on it. */
  readonly result?: BoxResult;
}

const PLACEHOLDER = '2323:localhost:23 remhost, or 8080:127.0.0.1:80, or a whole ssh -L command';

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
  const recentItems = recent.map((spec): Item => ({ label: `$(history) ${formatForward(spec)}`, description: describeSpec(spec), result: { kind: 'spec', spec } }));
  const hostItems = hosts.map(({ alias, detail }): Item => ({ label: `$(server) ${alias}`, description: detail, result: { kind: 'host', alias } }));
  return [
    { label: '$(lock) SSH Tunnel…', description: 'step by step: choose the server, the port there, the port here', result: { kind: 'guide', guide: 'ssh' } },
    { label: '$(arrow-swap) Local Relay…', description: 'step by step: from a port here to another port or machine, without SSH', result: { kind: 'guide', guide: 'relay' } },
    ...(recentItems.length === 0 ? [] : [heading('recent'), ...recentItems]),
    ...(hostItems.length === 0 ? [] : [heading('from ssh_config'), ...hostItems]),
  ];
}

function previews(text: string, options: BoxOptions): Item[] {
  const parsed = parseForward(text, { sshHosts: new Set(options.hosts.map(({ alias }) => alias)) });
  if (!parsed.isValid) return [problemItem(text, parsed.problem)];
  const leftOut = parsed.leftOut.length === 0 ? undefined : `Left out, because it means nothing for a forward: ${parsed.leftOut.join(', ')}.`;
  return parsed.readings.map((reading) => previewItem(reading, options, leftOut));
}

/** Two lines, so that neither is cut off: what connects where, and on which way. */
function previewItem(reading: Reading, { portHint }: BoxOptions, leftOut: string | undefined): Item {
  const poles = reading.kind === 'forward' ? reading.spec : reading.poles;
  const way = reading.kind === 'forward' ? describeWay(reading.spec) : 'as seen from an SSH server, encrypted (SSH): Enter to choose the server';
  const icon = reading.kind === 'forward' && reading.spec.kind === 'relay' ? 'arrow-swap' : 'lock';
  const detail = [`${way}.`, portHint(poles.listen.port), leftOut].filter((part) => part !== undefined).join(' ');
  const result: BoxResult = reading.kind === 'forward' ? { kind: 'spec', spec: reading.spec } : { kind: 'needs-target', poles: reading.poles };
  return { label: `$(${icon}) ${describePoles(poles)}`, detail, alwaysShow: true, result };
}

/** Shows the reason, and the text with its wrong stretch marked. */
function problemItem(text: string, { message, start, end }: TextProblem): Item {
  const wrong = text.slice(start, end);
  const detail = `${text.slice(0, start)}▸${wrong}◂${text.slice(end)}`;
  return { label: `$(error) ${message}`, detail, alwaysShow: true };
}
