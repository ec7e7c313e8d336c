import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { ForwardDefinition } from '../core/forward.ts';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import { isForwardLoop } from '../core/forwardConflict.ts';
import { withTarget } from '../core/forwardParser.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { formatForward } from '../core/forwardText.ts';
import { showForwardPortBox, type BoxOptions, type KnownHost } from './forwardPortBox.ts';
import { guideForward, pickServer, type GuideOptions } from './guidedFlow.ts';

/** What the flow needs to know of this machine and this user. */
export interface FlowContext extends GuideOptions, Pick<BoxOptions, 'portHint'> {
  readonly hosts: readonly KnownHost[];
  readonly recent: readonly ForwardSpec[];
}

/**
 * Asks for a forward until it is complete, or for the several that one command means unless only one is wanted; `value` is
 * what the box begins with. Empty when the user leaves.
 */
export async function askForSpecs(title: string, value: string, context: FlowContext, isSingle = false): Promise<readonly ForwardSpec[]> {
  const result = await showForwardPortBox({ title, value, hosts: context.hosts, recent: context.recent, portHint: context.portHint, isSingle });
  switch (result?.kind) {
    case undefined:
      return [];
    case 'specs':
      return result.specs;
    case 'guide':
      return listed(await guideForward(result.guide, context));
    case 'host':
      return listed(await guideForward('local', context, { host: result.alias }));
    case 'needs-target': {
      const step = await pickServer(context, 'Forward Port: SSH Server', false);
      return step.kind === 'value' ? result.rules.map((rule) => withTarget(rule, step.value)) : [];
    }
  }
}

function listed(spec: ForwardSpec | undefined): readonly ForwardSpec[] {
  return spec === undefined ? [] : [spec];
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

/** Tells the user and answers true when forwards would pass a connection round in a circle. */
export function refusesLoop(spec: ForwardSpec, others: readonly ForwardSpec[]): boolean {
  if (!isForwardLoop(spec, others)) return false;
  void vscode.window.showErrorMessage(`${formatForward(spec)} would pass each connection back to itself, through your other forwards, without end. Choose another port.`);
  return true;
}
