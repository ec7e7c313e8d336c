import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { isSocketPath } from '../core/address.ts';
import { copyForms, type CopyForm } from '../core/copyAs.ts';
import { hasLogin, type Forward } from '../core/forward.ts';
import type { ForwardSpec } from '../core/forwardSpec.ts';
import { boundOf } from '../core/forwardState.ts';
import { titleOf } from './present.ts';
import { withoutLinks } from './format.ts';

/** Lets the user choose what to copy the forwards as, of that which does the same. */
export async function copyAs(forwards: readonly Forward[]): Promise<void> {
  const [first] = forwards;
  if (first === undefined) return;
  const forms = forwards.map(formsOf);
  const unique = [...new Map(forms.flat().map((form) => [form.id, form])).values()];
  const title = forwards.length === 1 ? titleOf(first) : `${String(forwards.length)} Forwards`;
  if (unique.length === 0) {
    void vscode.window.showInformationMessage(withoutLinks(`${title}: no other program does the same. One that listens on any free port has to run first.`));
    return;
  }
  const items = unique.map((form) => ({ label: form.title, detail: form.detail, form }));
  const chosen = await vscode.window.showQuickPick(items, { title: `Copy ${title} As`, matchOnDetail: true });
  if (chosen === undefined) return;
  const texts = forms.flatMap((forward) => forward.filter(({ id }) => id === chosen.form.id).map(({ text }) => text));
  await vscode.env.clipboard.writeText(`${texts.join('\n')}\n`);
  vscode.window.setStatusBarMessage(`Copied the ${chosen.form.title}`, 5000);
}

/** The ssh commands that do the same as the forwards, of those that ssh can do. */
export function sshCommandsFor(forwards: readonly Forward[]): string[] {
  return forwards.flatMap(formsOf).filter(({ id }) => id === 'ssh').map(({ text }) => text);
}

/** None of the others has a proxy with a login. */
function formsOf(forward: Forward): readonly CopyForm[] {
  return hasLogin(forward.definition) ? [] : copyForms(withPortThatWasGot(forward), homedir());
}

/** Where any free port was asked for, the one that the forward has now. */
function withPortThatWasGot({ definition: { spec }, state }: Forward): ForwardSpec {
  const [bound] = boundOf(state)?.addresses ?? [];
  if (isSocketPath(spec.listen) || spec.listen.port !== 0 || bound === undefined || isSocketPath(bound)) return spec;
  const listen = { host: spec.listen.host, port: bound.port };
  return { ...spec, listen };
}
