import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { createTemporaryFolder } from '../support/temporaryFolder.ts';
import { end } from './contestant.ts';
import type { EditorAnswer, EditorOrder } from './editorProcess.ts';
import { startHelper } from './measurements.ts';
import type { Sample } from './series.ts';

/** The extension as it ships, in an extension host whose editor does nothing. */
class EditorProcess {
  private constructor(private readonly child: ChildProcess) {}

  static async start(): Promise<EditorProcess> {
    const child = fork(join(import.meta.dirname, 'editorProcess.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'message');
    return new EditorProcess(child);
  }

  async ask(order: EditorOrder): Promise<EditorAnswer> {
    this.child.send(order);
    const ended: Promise<never> = once(this.child, 'exit').then(() => { throw new Error('the extension host ended'); });
    ended.catch(() => undefined);
    const [answer] = (await Promise.race([once(this.child, 'message'), ended])) as [EditorAnswer];
    return answer;
  }

  close(): Promise<void> {
    return end(this.child);
  }
}

/** Loading and activating the extension with so many forwards defined, of which none starts; fails if the plane was loaded. */
export function activationSample(extensionFolder: string, count: number): Sample {
  return async () => {
    const folder = await createTemporaryFolder('bench-editor');
    const editor = await EditorProcess.start();
    const forwards = Array.from({ length: count }, (_, index) => ({ forward: `${String(10_000 + index)}:db${String(index)}:5432`, target: `me@server${String(index % 10)}`, name: `db ${String(index)}` }));
    const { loadMs = Number.NaN, activateMs = Number.NaN } = await editor.ask({ kind: 'activate', extensionFolder, storageFolder: folder.path, forwards });
    const { delayMaxMs = Number.NaN, hasWorker } = await editor.ask({ kind: 'watch', ms: 500 });
    await editor.close();
    await folder.remove();
    if (hasWorker !== false) throw new Error('the plane was loaded before it was needed');
    return { load: loadMs, activate: activateMs, whole: loadMs + activateMs, after: delayMaxMs };
  };
}

/** So many forwards that listen, with a connection each that changes all the time: what that costs the main loop. */
export function busyViewSample(extensionFolder: string, count: number, seconds: number): Sample {
  return async () => {
    const folder = await createTemporaryFolder('bench-editor');
    const echo = await startHelper('echoProcess');
    const editor = await EditorProcess.start();
    const forwards = Array.from({ length: count }, (_, index) => ({ forward: `0:127.0.0.1:${String(echo.port)}`, name: `app ${String(index)}`, autoStart: true }));
    await editor.ask({ kind: 'activate', extensionFolder, storageFolder: folder.path, forwards });
    const starting = await editor.ask({ kind: 'watch', ms: 1_000 });
    const { ports = [] } = await eventually(async () => {
      const answer = await editor.ask({ kind: 'watch', ms: 100 });
      return answer.ports?.length === count ? answer : undefined;
    }, { deadlineMs: 60_000 });
    const clients = fork(join(import.meta.dirname, 'changingClients.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(clients, 'message');
    clients.send(ports);
    const watched = async (isVisible: boolean): Promise<EditorAnswer> => {
      const drawn = await editor.ask({ kind: 'show', isVisible, times: isVisible ? 5 : 0 });
      // What showing and hiding costs by itself is not asked.
      await editor.ask({ kind: 'watch', ms: 2_000 });
      return { ...await editor.ask({ kind: 'watch', ms: seconds * 1000 }), ...drawn };
    };
    const shown = await watched(true);
    const hidden = await watched(false);
    await end(clients);
    await editor.close();
    await echo.close();
    await folder.remove();
    const { delayP99Ms: hidden99 = NONE, busyPercent: hiddenBusy = NONE } = hidden;
    const { delayP99Ms: shown99 = NONE, delayMaxMs: shownMax = NONE, busyPercent: shownBusy = NONE, refreshMs: refresh = NONE } = shown;
    return { starting: starting.delayMaxMs ?? NONE, hidden99, hiddenBusy, shown99, shownMax, shownBusy, refresh };
  };
}

const NONE = Number.NaN;
