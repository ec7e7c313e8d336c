import { EventEmitter } from '../../../src/core/event.ts';
import { ForwardError } from '../../../src/core/failure.ts';
import type { RunnerEvent } from '../../../src/core/ports.ts';
import type { SshTarget } from '../../../src/core/sshTarget.ts';
import type { PlaneEvents } from '../../../src/protocol/messages.ts';
import type { RpcEvent } from '../../../src/protocol/rpc.ts';
import { PlaneRunner, type Preparation } from '../../../src/ui/forwardRunner.ts';
import type { PlaneHost } from '../../../src/ui/planeHost.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeLog, NOW } from './samples.ts';

export const TARGET: SshTarget = { key: 'k', hops: [] };
export const PARKING = { maxCount: 3, maxMs: 7_000 };
export const MAX_CONNECTIONS = 5;
export const QUEUED = { perServerMaxBytes: 7, totalMaxBytes: 8 };
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Stands in for the worker: takes down requests, and dies when the test says so. */
class FakeHost {
  readonly requests: { readonly method: string; readonly params: unknown }[] = [];
  readonly events = new EventEmitter<RpcEvent<PlaneEvents>>();
  readonly starts = new EventEmitter<void>();
  readonly crashes = new EventEmitter<ForwardError>();
  readonly onEvent = this.events.event;
  readonly onDidStart = this.starts.event;
  readonly onDidCrash = this.crashes.event;
  isRunning = false;
  answer: (method: string) => Promise<undefined> = async () => undefined;

  request(method: string, params: unknown): Promise<undefined> {
    if (!this.isRunning) {
      this.isRunning = true;
      this.starts.fire();
    }
    this.requests.push({ method, params });
    return this.answer(method);
  }

  crash(): void {
    this.isRunning = false;
    this.crashes.fire(new ForwardError('plane-crashed', 'the plane ended with code 1'));
  }
}

/** A runner, the worker that stands in for the real one, and what both have said. */
export function setup(changes: Partial<Preparation> = {}) {
  const host = new FakeHost();
  const log = new FakeLog();
  const clock = new FakeClock(NOW);
  const preparation: Preparation = {
    awaitTurn: async () => undefined, allowBind: async () => undefined, resolveTarget: async () => TARGET, proxyCredentials: async () => undefined, explain: async (given) => given,
    limits: () => ({ parking: PARKING, idleMs: 300_000, maxConnections: MAX_CONNECTIONS, queued: QUEUED }), ...changes,
  };
  const runner = new PlaneRunner(host as unknown as PlaneHost, preparation, clock, log);
  const events: RunnerEvent[] = [];
  runner.onEvent((event) => events.push(event));
  const methods = (): string[] => host.requests.map(({ method }) => method);
  const types = (): string[] => events.map(({ id, event }) => `${id} ${event.type} ${String(event.generation)}`);
  return { host, log, clock, runner, events, methods, types };
}
