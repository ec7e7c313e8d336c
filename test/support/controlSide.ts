import { randomUUID } from 'node:crypto';
import type { HostPort } from '../../src/core/address.ts';
import type { ForwardDefinition } from '../../src/core/forward.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { ForwardModel } from '../../src/core/forwardModel.ts';
import type { Bound, ForwardState, Phase } from '../../src/core/forwardState.ts';
import type { Clock } from '../../src/core/ports.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { systemClock } from '../../src/system/clock.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { PlaneRunner } from '../../src/ui/forwardRunner.ts';
import type { Log } from '../../src/ui/log.ts';
import { PlaneHost } from '../../src/ui/planeHost.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { eventually } from './eventually.ts';
import { planeBundle } from './planeBundle.ts';
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

/** The whole product but for the editor: the model, its runner, and the plane that ships. */
export class ControlSide {
  readonly model: ForwardModel;
  /** Every phase that each forward came to, in order. */
  readonly phases = new Map<string, Phase[]>();

  private constructor(readonly host: PlaneHost, readonly runner: PlaneRunner, clock: Clock) {
    // The shortest waits, so that what is measured is what had to be waited for.
    this.model = new ForwardModel(runner, clock, () => 1);
    this.model.onDidChange((change) => {
      const state = change.kind === 'state' ? this.model.get(change.id)?.state : undefined;
      if (change.kind === 'state' && state !== undefined) this.phases.set(change.id, [...(this.phases.get(change.id) ?? []), state.phase]);
    });
  }

  static async start({ answers, target, log = { write: () => undefined }, bundle, clock = systemClock, parkedMs = 30_000 }: ControlSideOptions): Promise<ControlSide> {
    const unexpected = (): Promise<never> => Promise.reject(new Error('nobody answers this'));
    const host = new PlaneHost(bundle ?? await planeBundle(), {
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
    return new ControlSide(host, runner, clock);
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

  async close(): Promise<void> {
    this.model.dispose();
    this.runner.dispose();
    await this.host.close();
  }
}
