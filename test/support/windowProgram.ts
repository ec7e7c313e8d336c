import type { ForwardDefinition } from '../../src/core/forward.ts';
import { ForwardModel } from '../../src/core/forwardModel.ts';
import type { ForwardState } from '../../src/core/forwardState.ts';
import { systemClock } from '../../src/system/clock.ts';
import { removeStaleSocket, SocketFiles } from '../../src/system/socketFile.ts';
import { PlaneRunner } from '../../src/ui/forwardRunner.ts';
import { explainListenFailure } from '../../src/ui/localPorts.ts';
import { PlaneHost } from '../../src/ui/planeHost.ts';
import { runsOf, SharedForwards } from '../../src/ui/sharedForwards.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { awaitTurn } from '../../src/ui/startTurn.ts';
import { OtherWindows } from '../../src/windows/otherWindows.ts';
import { WindowServer } from '../../src/windows/windowServer.ts';

/** What a test asks of a window. */
export type WindowOrder =
  | { readonly kind: 'put'; readonly definition: ForwardDefinition }
  | { readonly kind: 'start'; readonly id: string }
  | { readonly kind: 'stop'; readonly id: string }
  | { readonly kind: 'stop-there'; readonly id: string }
  | { readonly kind: 'take-over'; readonly id: string }
  | { readonly kind: 'restart-there'; readonly id: string }
  | { readonly kind: 'look' }
  | { readonly kind: 'state'; readonly id: string }
  /** As the editor ends an extension host that it closes. */
  | { readonly kind: 'close' };

export interface WindowAnswer {
  readonly isAnswered?: boolean;
  readonly state?: ForwardState | undefined;
  readonly openConnections?: number | undefined;
  /** Every phase that it came to, in order. */
  readonly phases?: readonly string[];
  /** How often a person would have been asked whether it may listen. */
  readonly asked?: number;
}

// What an extension host has of Culvert, but for the editor: the real plane, the real sockets between windows.
const [, , bundle = '', folder = ''] = process.argv;
const log = { write: () => undefined };
const nobody = (): Promise<never> => Promise.reject(new Error('nobody answers this'));
const asked = new Map<string, number>();
const sockets = new SocketFiles();
const host = new PlaneHost(bundle, { verifyHostKey: nobody, needIdentity: nobody, needSecret: nobody, ...socketHandlers(sockets) }, log);
const windows = new OtherWindows(folder, systemClock);
const runner = new PlaneRunner(host, {
  awaitTurn: (definition) => awaitTurn(definition, model, windows),
  allowBind: async ({ id }) => { asked.set(id, (asked.get(id) ?? 0) + 1); },
  resolveTarget: nobody,
  proxyCredentials: () => Promise.resolve(undefined),
  explain: (failure, definition) => explainListenFailure(failure, definition, model, windows),
  limits: () => ({ parking: { maxCount: 64, maxMs: 30_000 }, idleMs: 300_000, maxConnections: 1_000, queued: { perServerMaxBytes: 128_000_000, totalMaxBytes: 512_000_000 } }),
}, systemClock, log);
const model: ForwardModel = new ForwardModel(runner, systemClock, Math.random);
const server = new WindowServer({ folder, clock: systemClock, report: () => runsOf(model) });
const shared = new SharedForwards({ model, windows, server, clock: systemClock, setWatching: (isIt) => { runner.setWatching(isIt, 'other-windows'); }, removeStaleSocket });
const phases = new Map<string, string[]>();
model.onDidChange((change) => {
  if (change.kind !== 'state') return;
  const phase = model.get(change.id)?.state.phase ?? 'gone';
  const before = phases.get(change.id) ?? [];
  if (before.at(-1) !== phase) phases.set(change.id, [...before, phase]);
});

process.on('message', ({ number, order }: { number: number; order: WindowOrder }) => {
  void obey(order).then((answer) => {
    process.send?.({ number, answer }, () => { if (order.kind === 'close') process.exit(); });
  });
});
process.on('disconnect', () => { process.exit(); });
await server.start();
await windows.start();
process.send?.({ number: 0, answer: {} });

async function obey(order: WindowOrder): Promise<WindowAnswer> {
  switch (order.kind) {
    case 'put':
      model.put(order.definition);
      return {};
    case 'start':
      model.start(order.id, { isPersistent: true });
      return {};
    case 'stop':
      model.stop(order.id);
      return {};
    case 'stop-there':
      return { isAnswered: await shared.stop(order.id) };
    case 'take-over':
      return { isAnswered: await shared.takeOver(order.id) };
    case 'restart-there':
      return { isAnswered: await shared.restart(order.id) };
    case 'look':
      windows.setLooking(true);
      return {};
    case 'state':
      return { state: model.get(order.id)?.state, openConnections: model.get(order.id)?.traffic.openConnections, phases: phases.get(order.id) ?? [], asked: asked.get(order.id) ?? 0 };
    case 'close':
      for (const each of [shared, windows, runner, model]) each.dispose();
      await host.close();
      await sockets.removeAll();
      server.dispose();
      return {};
  }
}
