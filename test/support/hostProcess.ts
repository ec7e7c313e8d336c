import { build } from 'esbuild';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HostPort } from '../../src/core/address.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { boundOf } from '../../src/core/forwardState.ts';
import type { FaultSubject, Resources } from './faultCheck.ts';
import type { HostAnswer, HostOrder } from './hostProgram.ts';
import { countedPlane } from './planeBundle.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Below the project, where the program finds its packages. */
const PROGRAM = join(ROOT, 'test-results/host/hostProgram.mjs');

let built: Promise<unknown> | undefined;

/** The product, the editor left out, in a process of its own that can be starved and killed. */
export class HostProcess implements FaultSubject {
  private constructor(private readonly child: ChildProcess) {}

  /** With `descriptors`, it may have that many open and no more. */
  static async start({ descriptors }: { readonly descriptors?: number } = {}): Promise<HostProcess> {
    await (built ??= build({
      entryPoints: [join(ROOT, 'test/support/hostProgram.ts')], outfile: PROGRAM, bundle: true, format: 'esm', platform: 'node', target: 'node20', packages: 'external', logLevel: 'warning',
    }));
    const starved = descriptors === undefined ? {} : { execPath: 'prlimit', execArgv: [`--nofile=${String(descriptors)}`, process.execPath] };
    const child = fork(PROGRAM, [await countedPlane()], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], ...starved });
    await once(child, 'message');
    return new HostProcess(child);
  }

  get isAlive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** File descriptors that it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${String(this.child.pid)}/fd`).length;
  }

  get residentBytes(): number {
    return Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${String(this.child.pid)}/status`, 'utf8'))?.[1]) * 1024;
  }

  /** Starts a forward and answers what came of it. One order at a time, this and those below. */
  start(id: string, spec: ForwardSpec, target?: SshTarget): Promise<HostAnswer> {
    return this.#ask({ kind: 'start', id, spec, ...(target === undefined ? {} : { target }) });
  }

  /** The same for one that must come up; gives its port. */
  async portOf(id: string, spec: ForwardSpec, target?: SshTarget): Promise<number> {
    const { state } = await this.start(id, spec, target);
    const [address] = state === undefined ? [] : boundOf(state)?.addresses ?? [];
    if (state?.phase !== 'listening' || address === undefined) throw new Error(`not up: ${JSON.stringify(state)}`);
    return (address as HostPort).port;
  }

  stop(id: string): Promise<HostAnswer> {
    return this.#ask({ kind: 'stop', id });
  }

  look(id = ''): Promise<HostAnswer> {
    return this.#ask({ kind: 'look', id });
  }

  async resources(): Promise<Resources> {
    const { resources = {} } = await this.#ask({ kind: 'count' });
    return resources;
  }

  /** Ends it as a crash would. Idempotent. */
  async kill(): Promise<void> {
    if (!this.isAlive) return;
    const exit = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await exit;
  }

  async #ask(order: HostOrder): Promise<HostAnswer> {
    const over = new AbortController();
    const { signal } = over;
    this.child.send(order);
    try {
      const [answer] = (await Promise.race([once(this.child, 'message', { signal }), once(this.child, 'exit', { signal }).then(() => { throw new Error('the host ended'); })])) as [HostAnswer];
      return answer;
    } finally {
      over.abort();
    }
  }
}
