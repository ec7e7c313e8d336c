import { randomUUID } from 'node:crypto';
import { readdirSync, readlinkSync } from 'node:fs';
import { BroadcastChannel } from 'node:worker_threads';
import type { HostPort } from '../../src/core/address.ts';
import type { ForwardDefinition } from '../../src/core/forward.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { ForwardModel } from '../../src/core/forwardModel.ts';
import type { Bound, ForwardState, Phase } from '../../src/core/forwardState.ts';
import type { Clock } from '../../src/core/ports.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import type { LogLevel } from '../../src/protocol/messages.ts';
import { systemClock } from '../../src/system/clock.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { FailureLog } from '../../src/ui/failureLog.ts';
import { PlaneRunner } from '../../src/ui/forwardRunner.ts';
import type { Log } from '../../src/ui/log.ts';
import { PlaneHost } from '../../src/ui/planeHost.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { eventually } from './eventually.ts';
import type { FaultSubject, Look, Resources } from './faultCheck.ts';
import { countedPlane } from './planeBundle.ts';
import type { Answers } from './planeClient.ts';

/** What of the control side a test decides. */
export interface ControlSideOptions {
  readonly answers: Answers;
  /** The way to the server, asked anew at every start as in the product. */
  readonly target: () => SshTarget;
  /** The model's clock, where its waiting is not to be real. */
  readonly clock?: Clock;
  /** How long a connection waits for the tunnel; 30 s by default. */
  readonly parkedMs?: number;
  /** Where its log goes; nowhere by default. */
  readonly log?: Log;
  /** The path of plane.js, where it is not to be looked for. */
  readonly bundle?: string;
}

/** A fault that nobody caught, in the worker or on the way out of it. */
const UNHANDLED = /unhandled rejection|uncaught exception|The plane failed/;

/** That of the listing itself, or one that was closed meanwhile. */
const GONE = '';
/** Opened at the first listening of an event loop and kept, to be given up for a connection when there is no other. */
const KEPT_BY_LIBUV = '/dev/null';

/** The whole product but for the editor: the model, its runner, and the plane that ships. */
export class ControlSide implements FaultSubject {
  readonly model: ForwardModel;
  /** Every phase that each forward came to, in order. */
  readonly phases = new Map<string, Phase[]>();

  private constructor(readonly host: PlaneHost, readonly runner: PlaneRunner, clock: Clock, private readonly log: LogLines) {
    // The shortest waits, so that what is measured is what had to be waited for.
    this.model = new ForwardModel(runner, clock, () => 1);
    new FailureLog(this.model, log);
    this.model.onDidChange((change) => {
      const state = change.kind === 'state' ? this.model.get(change.id)?.state : undefined;
      if (change.kind === 'state' && state !== undefined) this.phases.set(change.id, [...(this.phases.get(change.id) ?? []), state.phase]);
    });
  }

  static async start({ answers, target, log: to, bundle, clock = systemClock, parkedMs = 30_000 }: ControlSideOptions): Promise<ControlSide> {
    const unexpected = (): Promise<never> => Promise.reject(new Error('nobody answers this'));
    const log = new LogLines(to);
    const host = new PlaneHost(bundle ?? await countedPlane(), {
      ...socketHandlers(new SocketFiles()),
      verifyHostKey: answers.verifyHostKey ?? unexpected, needIdentity: answers.needIdentity ?? unexpected, needSecret: answers.needSecret ?? unexpected,
    }, log);
    const runner = new PlaneRunner(host, {
      awaitTurn: async () => undefined, allowBind: () => Promise.resolve(),
      resolveTarget: () => Promise.resolve(target()),
      proxyCredentials: () => Promise.resolve(undefined),
      explain: (failure) => Promise.resolve(failure),
      limits: () => ({ parking: { maxCount: 64, maxMs: parkedMs }, idleMs: 300_000, maxConnections: 1_000, queued: { perServerMaxBytes: 128_000_000, totalMaxBytes: 512_000_000 } }),
    }, clock, log);
    return new ControlSide(host, runner, clock, log);
  }

  /** Starts a forward through the server to a destination, on a free port of the loopback, and gives the port. */
  async forward(id: string, { host, port }: HostPort, changes: Partial<ForwardDefinition> = {}): Promise<number> {
    this.model.put({ id, name: '', autoStart: false, origin: 'user', spec: { kind: 'local', listen: { host: '127.0.0.1', port: 0 }, connect: { host, port }, target: { host: 'server' } }, ...changes });
    this.model.start(id);
    const { bound } = await this.until(id, 'listening') as { bound: Bound };
    return (bound.addresses[0] as HostPort).port;
  }

  /** Starts a forward and waits for what comes of it. */
  async tryOut(spec: ForwardSpec, id: string = randomUUID()): Promise<string> {
    this.model.put({ id, name: '', spec, autoStart: false, origin: 'user' });
    this.model.start(id);
    await eventually(() => ['listening', 'failed'].includes(this.stateOf(id)?.phase ?? ''), { explain: () => JSON.stringify(this.stateOf(id)) });
    return id;
  }

  async stop(id: string): Promise<void> {
    this.model.stop(id);
    await eventually(() => this.stateOf(id)?.phase === 'stopped');
  }

  stateOf(id: string): ForwardState | undefined {
    return this.model.get(id)?.state;
  }

  async until<P extends Phase>(id: string, phase: P, deadlineMs = 30_000): Promise<Extract<ForwardState, { phase: P }>> {
    const state = await eventually(() => {
      const now = this.stateOf(id);
      // Nothing follows a failure by itself.
      return now?.phase === phase || now?.phase === 'failed' ? now : undefined;
    }, { deadlineMs, explain: () => JSON.stringify(this.stateOf(id)) });
    if (state.phase !== phase) throw new Error(`not ${phase}: ${JSON.stringify(state)}`);
    return state as Extract<ForwardState, { phase: P }>;
  }

  look(id: string): Look {
    const forward = this.model.get(id);
    return { spec: forward?.definition.spec, state: forward?.state, openConnections: forward?.traffic.openConnections, log: this.log.lines };
  }

  /** Of this process and of the worker, which is started if need be; connections are counted from now on. */
  async resources(): Promise<Resources> {
    this.runner.setWatching(true);
    await this.host.request('probe', undefined);
    const counts: Record<string, number> = {};
    for (const kind of [...descriptors(), ...await handlesOf(this.host.worker?.threadId)]) counts[kind] = (counts[kind] ?? 0) + 1;
    return counts;
  }

  /** Ends everything. Fails when there was a fault that nobody caught. */
  async close(): Promise<void> {
    this.model.dispose();
    this.runner.dispose();
    await this.host.close();
    const faults = this.log.lines.filter((line) => UNHANDLED.test(line));
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }
}

/** Keeps what is from `warn` up, and hands on everything. */
class LogLines implements Log {
  readonly lines: string[] = [];

  constructor(private readonly to: Log | undefined) {}

  write(level: LogLevel, text: string): void {
    if (level === 'warn' || level === 'error') this.lines.push(`${level} ${text}`);
    this.to?.write(level, text);
  }
}

/** What the descriptors of this process, and so of the worker, lead to, without the numbers that tell one from the other. */
function descriptors(): string[] {
  const targets = readdirSync('/proc/self/fd').map((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`);
    } catch {
      return GONE;
    }
  });
  return targets.filter((target) => target !== GONE && target !== KEPT_BY_LIBUV).map((target) => `descriptor ${target.replace(/\d+/g, '')}`);
}

/** The kinds of the handles that a worker has, one for each. */
async function handlesOf(threadId = -1): Promise<readonly string[]> {
  const channel = new BroadcastChannel('culvert-test-handles');
  let handles: readonly string[] | undefined;
  channel.onmessage = (event) => {
    const { from, handles: told } = (event as { data: { from?: number; handles?: readonly string[] } }).data;
    if (from === threadId) handles = told;
  };
  channel.postMessage({ asked: threadId });
  try {
    return await eventually(() => handles, { intervalMs: 2 });
  } finally {
    channel.close();
  }
}
