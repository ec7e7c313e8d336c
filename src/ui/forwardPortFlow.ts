import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ForwardDefinition } from '../core/forward.ts';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import { isRelayLoop } from '../core/forwardConflict.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { formatForward } from '../core/forwardText.ts';
import { showForwardPortBox, type BoxOptions, type KnownHost } from './forwardPortBox.ts';
import { guideForward, pickServer, type GuideOptions } from './guidedFlow.ts';

/** What the flow needs to know of this machine and this user. */
export interface FlowContext extends GuideOptions, Pick<BoxOptions, 'portHint'> {
  readonly hosts: readonly KnownHost[];
  readonly recent: readonly ForwardSpec[];
}

/** Asks for a forward until it is complete; `value` is what the box begins with. Undefined when the user leaves. */
export async function askForSpec(title: string, value: string, context: FlowContext): Promise<ForwardSpec | undefined> {
  const result = await showForwardPortBox({ title, value, hosts: context.hosts, recent: context.recent, portHint: context.portHint });
  switch (result?.kind) {
    case undefined:
      return undefined;
    case 'spec':
      return result.spec;
    case 'guide':
      return guideForward(result.guide, context);
    case 'host':
      return guideForward('ssh', context, { host: result.alias });
    case 'needs-target': {
      const step = await pickServer(context, 'Forward Port: SSH Server', false);
      return step.kind === 'value' ? { kind: 'local', ...result.poles, target: step.value } : undefined;
    }
  }
}

/** The forward that already does this, or a new one; undefined, and a message, when it would connect to itself. */
export function defineForward(model: ForwardModel, spec: ForwardSpec): ForwardDefinition | undefined {
  const definitions = model.forwards.map(({ definition }) => definition);
  const text = formatForward(spec);
  const same = definitions.find(({ spec: other, origin }) => origin === 'user' && formatForward(other) === text);
  if (same !== undefined) return same;
  if (refusesLoop(spec, definitions.map(({ spec: other }) => other))) return undefined;
  return { id: randomUUID(), name: '', spec, autoStart: false, origin: 'user' };
}

/** Tells the user and answers true when relays would pass a connection round in a circle. */
export function refusesLoop(spec: ForwardSpec, others: readonly ForwardSpec[]): boolean {
  if (!isRelayLoop(spec, others)) return false;
  void vscode.window.showErrorMessage(`${formatForward(spec)} would pass each connection back to itself, through your other relays, without end. Choose another port.`);
  return true;
}
