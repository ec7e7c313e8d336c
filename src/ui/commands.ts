import * as vscode from 'vscode';
import { formatEndpoint, isSocketPath } from '../core/address.ts';
import { failureOf, isActive, isDraining, isUsable, runsElsewhere } from '../core/forwardState.ts';
import { toFailure } from '../core/failure.ts';
import { hasLogin, isReadOnly, type FilePlace, type Forward, type ForwardDefinition } from '../core/forward.ts';
import type { ForwardModel } from '../core/forwardModel.ts';
import { MAX_STOP_AFTER_MINUTES } from '../core/forwardEntry.ts';
import { canBeOnDemand, isProxy, isThroughSsh, listensOnServer, type ForwardSpec } from '../core/forwardSpec.ts';
import { formatForward } from '../core/forwardText.ts';
import { canBeChecked } from '../core/healthCheck.ts';
import { DisposableStore, type Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { COMMANDS, SECTION, SETTINGS } from './contributions.ts';
import { copyAs, sshCommandsFor } from './copyAsFlow.ts';
import type { DiagnosisView } from './diagnosisView.ts';
import { restartElsewhere, stopElsewhere, takeOverHere, tellElsewhere, type OtherWindowsActions } from './elsewhereFlow.ts';
import type { ForwardPicker } from './forwardPicker.ts';
import { askForSpecs, defineForward, refusesLoop, type FlowContext } from './forwardPortFlow.ts';
import { formatCount, withoutLinks } from './format.ts';
import { setHealthCheck } from './healthCheckFlow.ts';
import { openFile } from './openFile.ts';
import { addressesOfRows } from './listenRows.ts';
import { localEnd, titleOf } from './present.ts';
import { setProxyLogin } from './proxyLoginFlow.ts';
import type { ProxyLogins } from './proxyLogins.ts';
import { showFailure, type RemedyActions } from './remedies.ts';
import { canOpen } from './rowContext.ts';
import { showStartProgress } from './startProgress.ts';

export interface CommandOptions {
  readonly model: ForwardModel;
  readonly clock: Clock;
  readonly picker: ForwardPicker;
  readonly windows: OtherWindowsActions;
  readonly flowContext: () => Promise<FlowContext>;
  /** Shows a forward in the view, selected and unfolded. */
  readonly reveal: (forwardId: string) => Promise<void>;
  readonly diagnosis: Pick<DiagnosisView, 'show' | 'forwardIdOf' | 'copyReport'>;
  readonly showLog: () => void;
  readonly proxyLogins: ProxyLogins;
  readonly remedyActions: RemedyActions;
  readonly forgetSecrets: () => Promise<void>;
  readonly forgetAllSecrets: () => Promise<void>;
}

type Action = (...args: unknown[]) => Promise<void> | void;

/** Registers every command; each finds its forwards, calls one intent and returns. */
export function registerCommands(options: CommandOptions): Disposable {
  const owned = new DisposableStore();
  const actions: Readonly<Record<string, Action>> = { ...lifecycleActions(options), ...editingActions(options), ...outwardActions(options) };
  for (const [id, action] of Object.entries(actions)) owned.add(vscode.commands.registerCommand(id, action));
  return owned;
}

/** One that waits for its connections can still be stopped at once. */
const isStoppable = ({ state }: Forward): boolean => isActive(state) && (state.phase !== 'stopping' || isDraining(state));
const isUp = ({ state }: Forward): boolean => state.phase === 'listening';
const isRetrying = ({ state }: Forward): boolean => state.phase === 'retrying';
const isElsewhere = ({ state }: Forward): boolean => runsElsewhere(state);
const isStartable = (forward: Forward): boolean => ['elsewhere', 'stopped', 'failed'].includes(forward.state.phase) || isRetrying(forward);
/** How long what is connected may take to finish. */
const DRAIN_MS = 60_000;

const isAny = (): boolean => true;
const isOwn = ({ definition }: Forward): boolean => !isReadOnly(definition);
const isOffered = ({ definition }: Forward): boolean => isReadOnly(definition);

function lifecycleActions({ model, clock, picker, windows, flowContext, reveal }: CommandOptions): Record<string, Action> {
  const startVisibly = (ids: readonly string[]): void => {
    for (const id of ids) {
      model.start(id);
      showStartProgress(model, id, clock);
    }
    void tellElsewhere(model, windows, ids);
  };
  const stopEverywhere = async (forwards: readonly Forward[]): Promise<void> => {
    const elsewhere = idsOf(forwards.filter(isElsewhere));
    for (const { definition } of forwards) model.stop(definition.id);
    await stopElsewhere(model, windows, elsewhere);
  };
  return {
    [COMMANDS.forwardPort]: async (text) => {
      const specs = await askForSpecs('Forward Port', typeof text === 'string' ? text : '', await flowContext());
      const ids: string[] = [];
      for (const spec of specs) {
        const definition = defineForward(model, spec);
        if (definition === undefined) continue;
        model.put(definition);
        ids.push(definition.id);
      }
      startVisibly(ids);
      const [first] = ids;
      if (first !== undefined) await reveal(first);
    },
    [COMMANDS.start]: async (...args) => {
      startVisibly(idsOf(await picker.resolve(args, isStartable, 'Start')));
    },
    [COMMANDS.tryAgain]: async (...args) => {
      startVisibly(idsOf((await picker.resolve(args, isRetrying, 'Try Again Now')).filter(isRetrying)));
    },
    [COMMANDS.stop]: async (...args) => {
      const forwards = await picker.resolve(args, (forward) => isStoppable(forward) || isElsewhere(forward), 'Stop');
      await stopEverywhere(forwards);
    },
    [COMMANDS.takeOver]: async (...args) => {
      await takeOverHere(model, windows, idsOf(await picker.resolve(args, isElsewhere, 'Take Over')));
    },
    [COMMANDS.drain]: async (...args) => {
      for (const { definition } of await picker.resolve(args, isUp, 'Stop When Connections End')) model.stop(definition.id, { drainMs: DRAIN_MS });
    },
    [COMMANDS.restart]: async (...args) => {
      const forwards = await picker.resolve(args, isAny, 'Restart');
      for (const { definition } of forwards.filter((forward) => !isElsewhere(forward))) model.restart(definition.id);
      await restartElsewhere(model, windows, idsOf(forwards.filter(isElsewhere)));
    },
    [COMMANDS.startAll]: () => {
      // What ssh_config merely offers is started one by one.
      startVisibly(idsOf(model.forwards.filter(isOwn)));
    },
    [COMMANDS.stopAll]: () => stopEverywhere(model.forwards),
  };
}

function idsOf(forwards: readonly Forward[]): string[] {
  return forwards.map(({ definition }) => definition.id);
}

function editingActions({ model, picker, flowContext, proxyLogins }: CommandOptions): Record<string, Action> {
  const resolveOwn = async (args: readonly unknown[], title: string): Promise<readonly Forward[]> => changeable(await picker.resolve(args, isOwn, title));
  const resolveOneOwn = async (args: readonly unknown[], title: string): Promise<Forward | undefined> => changeable(await picker.resolveOne(args, isOwn, title))[0];
  return {
    [COMMANDS.edit]: async (...args) => {
      const forward = await resolveOneOwn(args, 'Edit');
      if (forward === undefined) return;
      const [spec] = await askForSpecs(`Edit ${titleOf(forward)}`, formatForward(forward.definition.spec), await flowContext(), true);
      const others = model.forwards.filter(({ definition }) => definition.id !== forward.definition.id);
      if (spec === undefined || refusesLoop(spec, others.map(({ definition }) => definition.spec))) return;
      change(model, forward.definition.id, { spec });
      if (forward.definition.login !== undefined && !isProxy(spec)) await proxyLogins.forget(forward.definition.id);
    },
    [COMMANDS.rename]: async (...args) => {
      const forward = await resolveOneOwn(args, 'Rename');
      if (forward === undefined) return;
      const { definition } = forward;
      const name = await vscode.window.showInputBox({ title: 'Rename Forward', value: definition.name, prompt: `A name for ${formatForward(definition.spec)}; empty shows its ports.` });
      if (name !== undefined) change(model, definition.id, { name: name.trim() });
    },
    [COMMANDS.remove]: async (...args) => {
      const forwards = await resolveOwn(args, 'Remove');
      if (forwards.length === 0 || !(await confirmRemoval(forwards))) return;
      for (const { definition: { id, login } } of forwards) {
        model.remove(id);
        if (login !== undefined) await proxyLogins.forget(id);
      }
    },
    [COMMANDS.toggleAutoStart]: async (...args) => {
      for (const { definition } of await resolveOwn(args, 'Start with the Editor')) model.put({ ...definition, autoStart: !definition.autoStart });
    },
    ...lastingActions(model, resolveOwn),
    [COMMANDS.setProxyLogin]: async (...args) => {
      const [forward] = changeable(await picker.resolveOne(args, (candidate) => isOwn(candidate) && isProxy(candidate.definition.spec), 'Set Proxy Login'));
      if (forward === undefined) return;
      if (isProxy(forward.definition.spec)) await setProxyLogin(model, proxyLogins, forward);
      else void vscode.window.showInformationMessage(withoutLinks(`${titleOf(forward)} is no proxy: what it leads to decides who may use it.`));
    },
    [COMMANDS.setHealthCheck]: async (...args) => {
      const [forward] = changeable(await picker.resolveOne(args, (candidate) => isOwn(candidate) && canBeChecked(candidate.definition.spec), 'Set Health Check'));
      if (forward !== undefined) await setHealthCheck(model, forward);
    },
    [COMMANDS.toggleGrouping]: async () => {
      const section = vscode.workspace.getConfiguration(SECTION);
      await section.update(SETTINGS.groupByServer, section.get(SETTINGS.groupByServer) !== true, vscode.ConfigurationTarget.Global);
    },
  };
}

/** When the tunnel opens, and when the forward ends. */
function lastingActions(model: ForwardModel, resolveOwn: (args: readonly unknown[], title: string) => Promise<readonly Forward[]>): Record<string, Action> {
  return {
    [COMMANDS.toggleOnDemand]: async (...args) => {
      const forwards = (await resolveOwn(args, 'Connect on Demand')).filter(({ definition }) => canBeOnDemand(definition.spec));
      if (forwards.length === 0) void vscode.window.showInformationMessage('Only a forward that listens on this computer and goes through SSH can connect on demand.');
      for (const { definition: { isOnDemand, ...definition } } of forwards) model.put(isOnDemand === true ? definition : { ...definition, isOnDemand: true });
    },
    [COMMANDS.stopAfter]: async (...args) => {
      const forwards = await resolveOwn(args, 'Set Time Limit');
      const [first] = forwards;
      if (first === undefined) return;
      const { stopAfterMinutes: before } = first.definition;
      const text = await vscode.window.showInputBox({
        title: forwards.length === 1 ? `Time Limit of ${titleOf(first)}` : `Time Limit of ${String(forwards.length)} Forwards`,
        value: before === undefined ? '' : String(before), prompt: 'Minutes of running after which it stops by itself; empty for no limit.', validateInput: problemOfMinutes,
      });
      if (text !== undefined) for (const { definition: { id } } of forwards) limit(model, id, text.trim() === '' ? undefined : Number(text));
    },
  };
}

/** While the user was asked, the forward may have been changed or removed elsewhere. */
function limit(model: ForwardModel, id: string, minutes: number | undefined): void {
  const definition = model.get(id)?.definition;
  if (definition === undefined) return;
  const { stopAfterMinutes: _, ...unlimited } = definition;
  model.put(minutes === undefined ? unlimited : { ...unlimited, stopAfterMinutes: minutes });
}

function problemOfMinutes(text: string): string | undefined {
  const minutes = Number(text);
  return text.trim() === '' || (minutes > 0 && minutes <= MAX_STOP_AFTER_MINUTES) ? undefined : `A number of minutes, at most ${String(MAX_STOP_AFTER_MINUTES)}.`;
}

/** Those that are Culvert's to change; of one that is not, it says where that can be done. */
function changeable(forwards: readonly Forward[]): readonly Forward[] {
  const offered = forwards.find(isOffered);
  if (offered?.definition.source !== undefined) void pointToConfig(titleOf(offered), offered.definition.source);
  return forwards.filter(isOwn);
}

async function pointToConfig(title: string, { file, line }: FilePlace): Promise<void> {
  const open = `Open at Line ${String(line)}`;
  try {
    if (await vscode.window.showInformationMessage(withoutLinks(`${title} is from ${file}: change it there.`), open) === open) await openFile(file, line);
  } catch (error) {
    void vscode.window.showErrorMessage(withoutLinks(`${file} could not be opened: ${toFailure(error).detail}`));
  }
}

/** While the user was asked, the forward may have been changed or removed elsewhere: only what was asked about is put. */
function change(model: ForwardModel, id: string, changes: Partial<Pick<ForwardDefinition, 'name' | 'spec'>>): void {
  const definition = model.get(id)?.definition;
  if (definition === undefined) return;
  const { login, isOnDemand, healthCheck, ...rest } = { ...definition, ...changes };
  // What the new kind cannot have would make its entry in the settings one that cannot be read.
  model.put({
    ...rest, ...(login !== undefined && isProxy(rest.spec) ? { login } : {}), ...(isOnDemand === true && canBeOnDemand(rest.spec) ? { isOnDemand } : {}),
    ...(healthCheck !== undefined && canBeChecked(rest.spec) ? { healthCheck } : {}),
  });
}

/** Removing several, or one that carries connections, asks first: it cannot be undone from the view. */
async function confirmRemoval(forwards: readonly Forward[]): Promise<boolean> {
  const open = forwards.reduce((sum, { traffic }) => sum + traffic.openConnections, 0);
  if (forwards.length === 1 && open === 0) return true;
  const what = forwards.length === 1 && forwards[0] !== undefined ? titleOf(forwards[0]) : formatCount(forwards.length, 'forward');
  const cost = open === 0 ? '' : ` ${formatCount(open, 'open connection')} will be closed.`;
  const chosen = await vscode.window.showWarningMessage(`Remove ${what}?`, { modal: true, detail: `${forwards.length === 1 ? 'It is' : 'They are'} taken out of your settings.${cost}` }, 'Remove');
  return chosen === 'Remove';
}

function outwardActions({ model, picker, diagnosis, showLog, remedyActions, forgetSecrets, forgetAllSecrets }: CommandOptions): Record<string, Action> {
  return {
    [COMMANDS.copyAddress]: async (...args) => {
      const forwards = await picker.resolve(args, isAny, 'Copy Local Address');
      if (forwards.length > 0) await copy(forwards.flatMap((forward) => addressesOfRows(forward, picker.rowsOf(args))).join('\n'));
    },
    [COMMANDS.copySshCommand]: async (...args) => {
      const forwards = await picker.resolve(args, ({ definition }) => isThroughSsh(definition.spec), 'Copy as ssh Command');
      const commands = sshCommandsFor(forwards);
      if (commands.length > 0) await copy(commands.join('\n'));
      const withLogin = forwards.filter(({ definition }) => hasLogin(definition)).map(titleOf);
      if (withLogin.length > 0) void vscode.window.showInformationMessage(withoutLinks(`${withLogin.join(', ')}: no ssh command does the same. A proxy of ssh asks for no login, and lets everybody in who reaches it.`));
      else if (commands.length === 0 && forwards.length > 0) void vscode.window.showInformationMessage(reasonForNoSshCommand(forwards));
    },
    [COMMANDS.copyAs]: async (...args) => { await copyAs(await picker.resolve(args, isAny, 'Copy As')); },
    [COMMANDS.openInBrowser]: async (...args) => {
      // The browser is as good as any program at waking a tunnel on demand.
      const isOpenable = ({ definition, state }: Forward): boolean => isUsable(state) && canOpen(definition.spec);
      for (const forward of await picker.resolve(args, isOpenable, 'Open in Browser')) await openInBrowser(forward);
    },
    [COMMANDS.explain]: async (...args) => {
      for (const { definition, state } of await picker.resolve(args, ({ state: candidate }) => failureOf(candidate) !== undefined, 'Show Last Failure')) {
        const failure = failureOf(state);
        if (failure !== undefined) await showFailure(model, definition.id, failure, remedyActions);
        else void vscode.window.showInformationMessage(withoutLinks(`${titleOf({ definition, state })}: nothing is known to be wrong.`));
      }
    },
    [COMMANDS.diagnose]: async (...args) => {
      // The title bar of a report gives its document.
      const shown = diagnosis.forwardIdOf(args[0]);
      for (const { definition } of await picker.resolve(shown === undefined ? args : [shown], isAny, 'Why Doesn\'t It Work?')) await diagnosis.show(definition.id);
    },
    [COMMANDS.copyReport]: (uri) => diagnosis.copyReport(uri),
    [COMMANDS.openInConfig]: async (...args) => {
      const [forward] = await picker.resolveOne(args, isOffered, 'Open in ssh_config');
      const source = forward?.definition.source;
      if (source !== undefined) await openFile(source.file, source.line);
    },
    [COMMANDS.showLog]: showLog,
    [COMMANDS.forgetSecrets]: forgetSecrets,
    [COMMANDS.forgetAllSecrets]: forgetAllSecrets,
    [COMMANDS.openSettings]: async () => { await vscode.commands.executeCommand('workbench.action.openSettingsJson', { revealSetting: { key: `${SECTION}.${SETTINGS.forwards}` } }); },
  };
}

function reasonForNoSshCommand(forwards: readonly Forward[]): string {
  if (!forwards.some(({ definition }) => isThroughSsh(definition.spec))) return 'A relay uses no SSH, so there is no ssh command for it.';
  return 'There is no ssh command that does the same. One that listens on any free port has to run first.';
}

async function copy(text: string): Promise<void> {
  await vscode.env.clipboard.writeText(text);
  vscode.window.setStatusBarMessage(`Copied ${text.replaceAll('\n', ', ')}`, 5000);
}

/** Through `asExternalUri`, so that it also works where the editor's window is on another machine. */
async function openInBrowser(forward: Forward): Promise<void> {
  const { spec } = forward.definition;
  if (!canOpen(spec)) {
    void vscode.window.showInformationMessage(withoutLinks(`${titleOf(forward)} has no page of its own: ${reasonForNoPage(spec)}.`));
    return;
  }
  const end = localEnd(forward);
  const scheme = !isSocketPath(spec.connect) && (spec.connect.port === 443 || spec.connect.port === 8443) ? 'https' : 'http';
  const uri = await vscode.env.asExternalUri(vscode.Uri.parse(`${scheme}://${formatEndpoint(end)}/`));
  await vscode.env.openExternal(uri);
}

function reasonForNoPage(spec: ForwardSpec): string {
  if (isProxy(spec)) return 'set it as the proxy of a browser';
  if (listensOnServer(spec)) return 'its port is on the server';
  return spec.kind === 'udp' ? 'it carries datagrams' : 'a browser cannot open a socket';
}
