import Module, { createRequire } from 'node:module';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { CulvertApi } from '../../src/api.ts';
import { EditorStub } from './editorStub.ts';

/** What the benchmark asks of this process: an extension host with the shipped extension, and an editor that does nothing. */
export type EditorOrder =
  /** Loads and activates the extension with so many forwards in its settings. */
  | { readonly kind: 'activate'; readonly extensionFolder: string; readonly storageFolder: string; readonly forwards: readonly object[] }
  /** Shows the view or hides it, and draws it whole so many times. */
  | { readonly kind: 'show'; readonly isVisible: boolean; readonly times: number }
  /** The main loop's delay and business over this time. */
  | { readonly kind: 'watch'; readonly ms: number };

export interface EditorAnswer {
  readonly loadMs?: number;
  readonly activateMs?: number;
  readonly hasWorker?: boolean;
  readonly rows?: number;
  readonly refreshMs?: number;
  readonly delayP99Ms?: number;
  readonly delayMaxMs?: number;
  /** Processor time of the main thread, in percent of the time that passed. */
  readonly busyPercent?: number;
  /** Of the forwards that listen. */
  readonly ports?: readonly number[];
}

const LOOP_RESOLUTION_MS = 1;
const UNFOLDED = 20;

interface Extension {
  activate(context: object): CulvertApi;
}

let editor: EditorStub | undefined;
let api: CulvertApi | undefined;
let hasWorker = false;
process.on('worker', () => { hasWorker = true; });
process.on('message', (order: EditorOrder) => { void obey(order).then((answer) => process.send?.(answer)); });
process.on('disconnect', () => { process.exit(); });
process.send?.({});

async function obey(order: EditorOrder): Promise<EditorAnswer> {
  switch (order.kind) {
    case 'activate':
      return activate(order);
    case 'show':
      return show(order);
    case 'watch':
      return watch(order.ms);
  }
}

function activate({ extensionFolder, storageFolder, forwards }: Extract<EditorOrder, { kind: 'activate' }>): EditorAnswer {
  const stub = new EditorStub({ forwards });
  editor = stub;
  const modules = Module as unknown as { _load(request: string, ...rest: unknown[]): unknown };
  const load = modules._load.bind(Module);
  modules._load = (request, ...rest) => (request === 'vscode' ? stub.api : load(request, ...rest));
  const memento = { get: (_: string, otherwise: unknown) => otherwise, update: () => Promise.resolve(), keys: () => [] };
  const start = performance.now();
  const extension = createRequire(import.meta.url)(`${extensionFolder}/dist/extension.js`) as Extension;
  const loaded = performance.now();
  api = extension.activate({
    extensionPath: extensionFolder, globalStorageUri: { fsPath: storageFolder }, globalState: memento, workspaceState: memento, subscriptions: [],
    secrets: { get: () => Promise.resolve(undefined), store: () => Promise.resolve(), delete: () => Promise.resolve(), onDidChange: () => ({ dispose: () => undefined }) },
  });
  return { loadMs: loaded - start, activateMs: performance.now() - loaded };
}

function show({ isVisible, times }: Extract<EditorOrder, { kind: 'show' }>): EditorAnswer {
  const tree = editor?.tree;
  if (tree === undefined) throw new Error('there is no tree');
  tree.show(isVisible);
  const start = performance.now();
  let rows = 0;
  for (let time = 0; time < times; time += 1) rows = tree.draw(UNFOLDED);
  return { rows, refreshMs: (performance.now() - start) / times };
}

async function watch(ms: number): Promise<EditorAnswer> {
  const delays = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  delays.enable();
  const before = performance.eventLoopUtilization();
  await new Promise((resolve) => setTimeout(resolve, ms));
  delays.disable();
  const { utilization } = performance.eventLoopUtilization(before);
  return {
    delayP99Ms: delays.percentile(99) / 1e6 - LOOP_RESOLUTION_MS, delayMaxMs: delays.max / 1e6 - LOOP_RESOLUTION_MS, busyPercent: utilization * 100,
    // Node tells of a worker a turn after it was made.
    hasWorker,
    ports: api?.forwards.filter(({ state }) => state === 'listening').map(({ bound }) => bound[0]?.port ?? 0) ?? [],
  };
}
