import { build } from 'esbuild';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { ForwardDefinition } from '../../src/core/forward.ts';
import type { ForwardState, Phase } from '../../src/core/forwardState.ts';
import { eventually } from './eventually.ts';
import { planeBundle } from './planeBundle.ts';
import { createTemporaryFolder } from './temporaryFolder.ts';
import type { WindowAnswer, WindowOrder } from './windowProgram.ts';

let bundle: Promise<string> | undefined;

/** The program of `windowProgram.ts` as one file that plain Node runs. */
function programBundle(): Promise<string> {
  return (bundle ??= bundleProgram());
}

async function bundleProgram(): Promise<string> {
  const folder = await createTemporaryFolder('window-program');
  process.once('exit', () => { void folder.remove(); });
  const outfile = folder.join('window.mjs');
  await build({ entryPoints: [join(import.meta.dirname, 'windowProgram.ts')], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' });
  return outfile;
}

/** An editor window of its own: a process with all of Culvert but the editor. */
export class WindowProcess {
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: WindowAnswer) => void>();
  #lastNumber = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', ({ number, answer }: { number: number; answer: WindowAnswer }) => {
      this.#answers.get(number)?.(answer);
      this.#answers.delete(number);
    });
  }

  /** `folder` is where the windows find each other. It knows the others when this resolves. */
  static async open(folder: string): Promise<WindowProcess> {
    const child = fork(await programBundle(), [await planeBundle(), folder], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const window = new WindowProcess(child);
    await new Promise<void>((resolve) => { window.#answers.set(0, () => { resolve(); }); });
    return window;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  ask(order: WindowOrder): Promise<WindowAnswer> {
    const number = ++this.#lastNumber;
    return new Promise((resolve) => {
      this.#answers.set(number, resolve);
      this.#child.send({ number, order });
    });
  }

  async start(definition: ForwardDefinition): Promise<void> {
    await Promise.all([this.ask({ kind: 'put', definition }), this.ask({ kind: 'start', id: definition.id })]);
  }

  async stateOf(id: string): Promise<ForwardState | undefined> {
    return (await this.ask({ kind: 'state', id })).state;
  }

  async phasesOf(id: string): Promise<readonly string[]> {
    return (await this.ask({ kind: 'state', id })).phases ?? [];
  }

  async askedFor(id: string): Promise<number> {
    return (await this.ask({ kind: 'state', id })).asked ?? 0;
  }

  async until<P extends Phase>(id: string, phase: P, deadlineMs = 20_000): Promise<Extract<ForwardState, { phase: P }>> {
    let seen: ForwardState | undefined;
    await eventually(async () => {
      seen = await this.stateOf(id);
      return seen?.phase === phase;
    }, { deadlineMs, explain: () => JSON.stringify(seen) });
    return seen as Extract<ForwardState, { phase: P }>;
  }

  /** Once another window has come to this there. */
  async untilElsewhere(id: string, wanted: { readonly phase: string; readonly openConnections?: number }): Promise<void> {
    let seen: ForwardState | undefined;
    await eventually(async () => {
      const answer = await this.ask({ kind: 'state', id });
      seen = answer.state;
      return seen?.phase === 'elsewhere' && seen.running.phase === wanted.phase && answer.openConnections === (wanted.openConnections ?? 0);
    }, { explain: () => JSON.stringify(seen) });
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal);
  }

  /** As the editor closes a window. */
  async close(): Promise<void> {
    await Promise.all([once(this.#child, 'exit'), this.ask({ kind: 'close' })]);
  }

  /** As a crash ends it, and whatever state it is in. Idempotent. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
