import { join } from 'node:path';
import * as vscode from 'vscode';
import type { CulvertApi } from './api.ts';
import { toFailure } from './core/failure.ts';
import { ForwardModel } from './core/forwardModel.ts';
import { DisposableStore } from './core/lifecycle.ts';
import { listConfiguredForwards } from './openssh/configuredForwards.ts';
import { HostKeyPolicies } from './openssh/hostKeyPolicy.ts';
import { readPrivateKey } from './openssh/identity.ts';
import { systemSshEnvironment, type SshEnvironment } from './openssh/sshEnvironment.ts';
import { systemClock } from './system/clock.ts';
import { networkAddresses } from './system/networkAddresses.ts';
import { removeStaleSocket, SocketFiles } from './system/socketFile.ts';
import { BindConsent } from './ui/bindConsent.ts';
import { Comeback } from './ui/comeback.ts';
import { registerCommands } from './ui/commands.ts';
import { ConfigForwards } from './ui/configForwards.ts';
import { SECTION, SETTINGS } from './ui/contributions.ts';
import { Diagnoser } from './ui/diagnoser.ts';
import { DiagnosisView } from './ui/diagnosisView.ts';
import { EditorLog } from './ui/editorLog.ts';
import { FailureLog } from './ui/failureLog.ts';
import { FailureNotifier } from './ui/failureNotifier.ts';
import { ForwardPicker } from './ui/forwardPicker.ts';
import { PlaneRunner, type Preparation, type RunLimits } from './ui/forwardRunner.ts';
import { ForwardStore } from './ui/forwardStore.ts';
import { ForwardsView } from './ui/forwardsView.ts';
import { HostKeyQuestions } from './ui/hostKeyQuestions.ts';
import { explainListenFailure, proposePort, readPortHint } from './ui/localPorts.ts';
import { PlaneHost } from './ui/planeHost.ts';
import { titleOf } from './ui/present.ts';
import { PromptQueue } from './ui/promptQueue.ts';
import { ProxyLogins } from './ui/proxyLogins.ts';
import { PublicApi } from './ui/publicApi.ts';
import { askSecret } from './ui/quickInput.ts';
import { RecentForwards } from './ui/recentForwards.ts';
import { SecretQuestions } from './ui/secretQuestions.ts';
import { SecretVault } from './ui/secretVault.ts';
import { forgetAllSecrets, forgetSecrets } from './ui/forgetSecrets.ts';
import { runsOf, SharedForwards } from './ui/sharedForwards.ts';
import { socketHandlers } from './ui/socketHandlers.ts';
import { SshHosts } from './ui/sshHosts.ts';
import { StatusBar } from './ui/statusBar.ts';
import { Targets } from './ui/targets.ts';
import { askTrust } from './ui/trustDialog.ts';
import { awaitTurn } from './ui/startTurn.ts';
import { windowsFolder } from './ui/windowsFolder.ts';
import { OtherWindows } from './windows/otherWindows.ts';
import { WindowServer } from './windows/windowServer.ts';

let running: { readonly owned: DisposableStore; readonly host: PlaneHost; readonly sockets: SocketFiles; readonly server: WindowServer } | undefined;

/** Builds the objects and wires them; the worker starts with the first forward. Answers the public API. */
export function activate(context: vscode.ExtensionContext): CulvertApi {
  const owned = new DisposableStore();
  const log = owned.add(new EditorLog());
  const queue = new PromptQueue();
  const policies = new HostKeyPolicies();
  const vault = new SecretVault(context.secrets);
  const secrets = new SecretQuestions(vault, queue, askSecret);
  const trust = new HostKeyQuestions(policies, queue, askTrust, log);
  const sockets = new SocketFiles();
  const host = createPlaneHost(owned, join(context.extensionPath, 'dist', 'plane.js'), { trust, secrets, sockets, log });

  const folder = windowsFolder(context.globalStorageUri.fsPath);
  const windows = owned.add(new OtherWindows(folder, systemClock));
  const consent = new BindConsent(context.globalState, queue);
  const proxyLogins = new ProxyLogins(vault, queue, askSecret, log);
  const targets = new Targets(sshEnvironment, policies, log);
  const preparation: Preparation = {
    awaitTurn: (definition) => awaitTurn(definition, model, windows),
    allowBind: (definition, signal) => consent.require(definition, signal),
    resolveTarget: (spec, signal) => targets.resolve(spec, signal),
    limits: runLimits,
    proxyCredentials: (definition, signal) => proxyLogins.credentialsFor(definition, signal),
    explain: (failure, definition) => explainListenFailure(failure, definition, model, windows),
  };
  const runner = owned.add(new PlaneRunner(host, preparation, systemClock, log));
  const model: ForwardModel = owned.add(new ForwardModel(runner, systemClock, Math.random));
  tellOfForwards(owned, model, log);
  const server = new WindowServer({ folder, clock: systemClock, report: () => runsOf(model) });
  const shared = owned.add(new SharedForwards({ model, windows, server, clock: systemClock, setWatching: (isIt) => { runner.setWatching(isIt, 'other-windows'); }, removeStaleSocket }));
  owned.add(new Comeback({ model, clock: systemClock, networkAddresses, probe: () => { runner.probe(); } }));
  const store = owned.add(new ForwardStore(model, log));
  const hosts = owned.add(new SshHosts(sshEnvironment));
  const configForwards = owned.add(offerConfigForwards(model, hosts, log));
  const recent = owned.add(new RecentForwards(context.globalState, model));
  const view = owned.add(new ForwardsView({ model, store, clock: systemClock, setWatching: watching(runner, windows) }));
  owned.add(followSettings(hosts, configForwards));
  owned.add(registerCommands({
    model,
    clock: systemClock,
    windows: shared,
    picker: new ForwardPicker(model, view.treeView, systemClock),
    flowContext: async () => ({
      hosts: recent.recentFirst(await hosts.list()), recent: recent.list(), portHint: await readPortHint(), proposePort,
    }),
    reveal: (id) => view.reveal(id),
    diagnosis: owned.add(new DiagnosisView(model, new Diagnoser(host, preparation, systemClock), { removeStaleSocket })),
    showLog: () => { log.show(); },
    proxyLogins,
    remedyActions: { removeStaleSocket },
    forgetSecrets: () => forgetSecrets(vault, (id) => titleOfForward(model, id)),
    forgetAllSecrets: () => forgetAllSecrets(vault),
  }));
  running = { owned, host, sockets, server };
  void configForwards.read();
  // What runs in another window is not started a second time, so that has to be known first, and this one be found by those that come.
  void Promise.all([joinWindows(server, log), windows.start()]).then(() => { if (running?.owned === owned) startByItself(model); });
  return new PublicApi({ model, sshHosts: () => hosts.aliases(), connections: (id) => host.request('connections', { id }), stopElsewhere: (id) => shared.stop(id) });
}

/** Says how they stand: in the log, in the status bar, and in a message where one failed. */
function tellOfForwards(owned: DisposableStore, model: ForwardModel, log: EditorLog): void {
  owned.add(new FailureLog(model, log));
  owned.add(new StatusBar(model, systemClock));
  owned.add(new FailureNotifier(model, { removeStaleSocket }));
}

/** Those who answer the plane, who are told what came of it, too. */
interface Answering {
  readonly trust: HostKeyQuestions;
  readonly secrets: SecretQuestions;
  readonly sockets: SocketFiles;
  readonly log: EditorLog;
}

function createPlaneHost(owned: DisposableStore, bundle: string, { trust, secrets, sockets, log }: Answering): PlaneHost {
  const host = new PlaneHost(bundle, {
    verifyHostKey: (question, signal) => trust.answer(question, signal),
    needIdentity: async ({ path }) => ({ privateKey: await readPrivateKey(path) }),
    needSecret: (question, signal) => secrets.answer(question, signal),
    ...socketHandlers(sockets),
  }, log);
  owned.add(host.onEvent((event) => {
    if (event.name === 'hostKeys') void trust.learn(event.payload);
    if (event.name === 'passwordAnswered') void secrets.onPasswordAnswered(event.payload);
    if (event.name !== 'loggedIn') return;
    secrets.onLoggedIn(event.payload).catch((error: unknown) => { log.write('warn', `The secret could not be kept: ${toFailure(error).detail}`); });
  }));
  owned.add(host.onDidCrash(() => {
    secrets.onPlaneLost();
    void sockets.removeAll();
  }));
  return host;
}

function joinWindows(server: WindowServer, log: EditorLog): Promise<void> {
  return server.start().catch((error: unknown) => { log.write('warn', `Other windows cannot see what this one forwards: ${toFailure(error).detail}`); });
}

/** What somebody sees in the view is counted, here and in the other windows. */
function watching(runner: PlaneRunner, windows: OtherWindows): (isVisible: boolean) => void {
  return (isVisible) => {
    runner.setWatching(isVisible);
    windows.setLooking(isVisible);
  };
}

function startByItself(model: ForwardModel): void {
  for (const { definition } of model.forwards) if (definition.autoStart) model.start(definition.id, { isPersistent: true });
}

/** Closes every listener and connection before the editor goes on; then another window may have the ports. */
export async function deactivate(): Promise<void> {
  const { owned, host, sockets, server } = running ?? {};
  running = undefined;
  // What was stopped a moment ago is not to be taken for wanted when this window goes.
  server?.flush();
  try {
    owned?.dispose();
  } finally {
    await host?.close();
    await sockets?.removeAll();
    server?.dispose();
  }
}

/** The forwards of ssh_config, as they are in its files now and later. */
function offerConfigForwards(model: ForwardModel, hosts: SshHosts, log: EditorLog): ConfigForwards {
  return new ConfigForwards({
    model, hosts, clock: systemClock, log,
    list: () => listConfiguredForwards(sshEnvironment()),
    isShown: () => vscode.workspace.getConfiguration(SECTION).get(SETTINGS.showConfigForwards, true),
  });
}

function titleOfForward(model: ForwardModel, id: string): string | undefined {
  const forward = model.get(id);
  return forward === undefined ? undefined : titleOf(forward);
}

function followSettings(hosts: SshHosts, configForwards: ConfigForwards): vscode.Disposable {
  return vscode.workspace.onDidChangeConfiguration((change) => {
    if (change.affectsConfiguration(`${SECTION}.${SETTINGS.sshConfigFile}`)) hosts.reset();
    if (change.affectsConfiguration(`${SECTION}.${SETTINGS.showConfigForwards}`)) void configForwards.read();
  });
}

function runLimits(): RunLimits {
  const section = vscode.workspace.getConfiguration(SECTION);
  return {
    parking: { maxCount: section.get(SETTINGS.parkedConnections, 64), maxMs: section.get(SETTINGS.parkedSeconds, 30) * 1_000 },
    idleMs: section.get(SETTINGS.idleMinutes, 5) * 60_000,
    maxConnections: section.get(SETTINGS.maxConnections, 1_000),
    queued: {
      perServerMaxBytes: section.get(SETTINGS.maxQueuedMegabytesPerServer, 128) * 1_000_000,
      totalMaxBytes: section.get(SETTINGS.maxQueuedMegabytes, 512) * 1_000_000,
    },
  };
}

function sshEnvironment(): SshEnvironment {
  const section = vscode.workspace.getConfiguration(SECTION);
  const configFile = section.get<string>(SETTINGS.sshConfigFile, '').trim();
  const sshPath = section.get<string>(SETTINGS.sshPath, '').trim();
  return systemSshEnvironment({ ...(sshPath === '' ? {} : { sshPath }), ...(configFile === '' ? {} : { configFile }) });
}
