import * as vscode from 'vscode';
import type { Forward } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { canBeChecked, intervalMsOf, pathOf, problemOfPath, problemOfStatus, type HealthCheck, type HttpCheck } from '../core/healthCheck.ts';
import { formatDuration, withoutLinks } from './format.ts';
import { titleOf } from './present.ts';
import { askText, pickOne } from './quickInput.ts';

/** Asks whether and how a forward's destination is checked in the background, and keeps it. */
export async function setHealthCheck(model: ForwardModel, forward: Forward): Promise<void> {
  const { definition: { id, healthCheck: before, spec } } = forward;
  if (!canBeChecked(spec)) {
    void vscode.window.showInformationMessage(withoutLinks(`${titleOf(forward)} has no destination that a health check could ask.`));
    return;
  }
  const title = `Health Check of ${titleOf(forward)}`;
  const kind = await pickOne({ title, placeholder: `What its destination is asked every ${formatDuration(intervalMsOf(before ?? { kind: 'connect' }))} while it listens`, items: choices(before), hasBack: false });
  if (kind.kind !== 'value') return;
  if (kind.value.choice !== 'http') {
    change(model, id, kind.value.choice === 'off' ? undefined : { ...timesOf(before), kind: 'connect' });
    return;
  }
  const request = await askText({
    title, prompt: 'The path to get, and after it the status to expect, if only one will do: /health 200', value: before?.kind === 'http' ? formatRequest(before) : '/', hasBack: false,
    validate: (text) => { const read = readRequest(text); return typeof read === 'string' ? read : undefined; },
  });
  const asked = request.kind === 'value' ? readRequest(request.value) : '';
  if (typeof asked !== 'string') change(model, id, { ...timesOf(before), ...asked });
}

function choices(before: HealthCheck | undefined): (vscode.QuickPickItem & { readonly choice: 'off' | HealthCheck['kind'] })[] {
  const now = before?.kind ?? 'off';
  const items = [
    { choice: 'off' as const, label: 'Off', detail: 'The last connection alone tells whether the destination is there.' },
    { choice: 'connect' as const, label: 'Connect', detail: 'Connects to the destination, and ends the connection at once.' },
    { choice: 'http' as const, label: 'HTTP GET…', detail: 'Asks the destination for a path, by plain HTTP, and looks at the status of its answer.' },
  ];
  return items.map((item) => (item.choice === now ? { ...item, description: 'as it is now' } : item));
}

/** `/health 200`: the path, and the one status that will do. */
function readRequest(text: string): HttpCheck | string {
  const [path = '', status, extra] = text.trim().split(/\s+/);
  if (extra !== undefined) return 'Write a path, and after it a status: /health 200';
  const wanted = status === undefined ? undefined : Number(status);
  return problemOfPath(path) ?? problemOfStatus(wanted) ?? { kind: 'http', path, ...(wanted === undefined ? {} : { status: wanted }) };
}

function formatRequest(check: HttpCheck): string {
  return `${pathOf(check)}${check.status === undefined ? '' : ` ${String(check.status)}`}`;
}

function timesOf(check: HealthCheck | undefined): Pick<HealthCheck, 'intervalSeconds' | 'timeoutSeconds'> {
  const { intervalSeconds, timeoutSeconds } = check ?? {};
  return { ...(intervalSeconds === undefined ? {} : { intervalSeconds }), ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
}

/** While the user was asked, the forward may have been changed or removed elsewhere. */
function change(model: ForwardModel, id: string, check: HealthCheck | undefined): void {
  const definition = model.get(id)?.definition;
  if (definition === undefined) return;
  const { healthCheck: _, ...rest } = definition;
  model.put(check === undefined || !canBeChecked(rest.spec) ? rest : { ...rest, healthCheck: check });
}
