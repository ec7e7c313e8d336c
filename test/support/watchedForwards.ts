import { randomUUID } from 'node:crypto';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { ForwardModel } from '../../src/core/forwardModel.ts';
import type { ForwardState } from '../../src/core/forwardState.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { systemClock } from '../../src/system/clock.ts';
import { PlaneRunner } from '../../src/ui/forwardRunner.ts';
import type { Log } from '../../src/ui/log.ts';
import { PlaneHost } from '../../src/ui/planeHost.ts';
import { eventually } from './eventually.ts';
import type { Answers } from './planeClient.ts';
import { planeBundle } from './planeBundle.ts';

/** The model and the plane as the editor joins them, without the editor: what a forward's row would be told. */
export class WatchedForwards {
  private constructor(
    private readonly host: PlaneHost,
    private readonly runner: PlaneRunner,
    private readonly model: ForwardModel,
  ) {}

  /** `targetOf` gives the way to the server of a forward; `answers` are those of the control side. */
  static async open(targetOf: () => SshTarget, answers: Required<Pick<Answers, 'verifyHostKey' | 'needIdentity'>>): Promise<WatchedForwards> {
    const log: Log = { write: () => undefined };
    const host = new PlaneHost(await planeBundle(), { ...answers, needSecret: async () => ({ isCancelled: true }) }, log);
    const runner = new PlaneRunner(host, { allowBind: async () => undefined, resolveTarget: async () => targetOf(), explain: async (failure) => failure }, systemClock, log);
    return new WatchedForwards(host, runner, new ForwardModel(runner, systemClock, () => 0));
  }

  /** Starts a forward and waits for what comes of it. */
  async start(spec: ForwardSpec): Promise<string> {
    const id = randomUUID();
    this.model.put({ id, name: '', spec, autoStart: false, origin: 'user' });
    this.model.start(id);
    await eventually(() => ['listening', 'failed'].includes(this.state(id).phase), { explain: () => JSON.stringify(this.state(id)) });
    return id;
  }

  state(id: string): ForwardState {
    return this.model.get(id)!.state;
  }

  async stop(id: string): Promise<void> {
    this.model.stop(id);
    await eventually(() => ['stopped', 'failed'].includes(this.state(id).phase));
  }

  async close(): Promise<void> {
    this.runner.dispose();
    await this.host.close();
  }
}
