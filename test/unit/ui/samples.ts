import { EventEmitter } from '../../../src/core/event.ts';
import { NO_TRAFFIC, type Connection, type Forward, type ForwardDefinition, type RunElsewhere, type Traffic } from '../../../src/core/forward.ts';
import { ForwardModel } from '../../../src/core/forwardModel.ts';
import type { DynamicSpec, LocalSpec, RelaySpec, RemoteDynamicSpec, RemoteSpec, UdpSpec } from '../../../src/core/forwardSpec.ts';
import type { ActiveState, Bound, ForwardEvent, ForwardState } from '../../../src/core/forwardState.ts';
import type { ForwardRunner, RunnerEvent, RunnerTraffic } from '../../../src/core/ports.ts';
import type { Failure, FailureCode, FailureContext } from '../../../src/core/failure.ts';
import type { LogLevel } from '../../../src/protocol/messages.ts';
import type { Log } from '../../../src/ui/log.ts';
import { FakeClock } from '../../support/fakeClock.ts';

export const NOW = 1_000_000;

export const RELAY: RelaySpec = { kind: 'relay', listen: { host: 'localhost', port: 8080 }, connect: { host: 'far', port: 80 } };
export const LOCAL: LocalSpec = {
  kind: 'local', listen: { host: 'localhost', port: 5432 }, connect: { host: 'db', port: 5432 }, target: { host: 'bastion', user: 'me' },
};
export const REMOTE: RemoteSpec = {
  kind: 'remote', listen: { host: 'localhost', port: 9000 }, connect: { host: 'localhost', port: 3000 }, target: { host: 'bastion', user: 'me' },
};
export const DYNAMIC: DynamicSpec = { kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'bastion', user: 'me' } };
export const REMOTE_DYNAMIC: RemoteDynamicSpec = { kind: 'remote-dynamic', listen: { host: 'localhost', port: 9000 }, target: { host: 'bastion', user: 'me' } };
export const UDP: UdpSpec = { kind: 'udp', listen: { host: 'localhost', port: 5353 }, connect: { host: '10.0.0.2', port: 53 } };
/** Eleven ports, each to its own. */
export const RANGE: RelaySpec = { kind: 'relay', listen: { host: 'localhost', port: 8000 }, connect: { host: 'far', port: 9000 }, portCount: 11 };
export const FAILOVER: RelaySpec = {
  kind: 'relay', listen: { host: 'localhost', port: 5432 }, connect: { host: 'db1', port: 5432 }, fallbacks: [{ host: 'db2', port: 5433 }, { path: '/run/db.sock' }],
};
export const SOCKETS: RelaySpec = { kind: 'relay', listen: { path: '~/a.sock' }, connect: { path: '/run/b.sock' } };
export const BOTH_LOOPBACKS: Bound = { addresses: [{ host: '127.0.0.1', port: 5432 }, { host: '::1', port: 5432 }] };

export function failure(code: FailureCode, context: FailureContext = {}, detail = 'it broke'): Failure {
  return { code, detail, context };
}

export function define(id: string, changes: Partial<ForwardDefinition> = {}): ForwardDefinition {
  return { id, name: '', spec: LOCAL, autoStart: false, origin: 'user', ...changes };
}

export function forwardOf(state: ForwardState, changes: Partial<ForwardDefinition> = {}, traffic: Traffic = NO_TRAFFIC): Forward {
  return { definition: define('a', changes), state, traffic };
}

export function connectionOf(changes: Partial<Connection> = {}): Connection {
  return {
    id: 1, phase: 'established', origin: { host: '127.0.0.1', port: 64384 }, accepted: { host: '127.0.0.1', port: 5432 }, openedAt: NOW - 180_000,
    bytesUp: 12_000, bytesDown: 1_400_000, ...changes,
  };
}

/** One state of each phase, the middle of the road. */
export const STATES: Readonly<Record<ForwardState['phase'], ForwardState>> = {
  stopped: { phase: 'stopped' },
  starting: { phase: 'starting', generation: 1, attempt: 1, since: NOW, progress: { step: 'connecting' }, bound: undefined },
  listening: { phase: 'listening', generation: 1, since: NOW, bound: BOTH_LOOPBACKS, complaint: undefined },
  idle: { phase: 'idle', generation: 1, since: 0, bound: { addresses: [{ host: '127.0.0.1', port: 2323 }, { host: '::1', port: 2323 }] } },
  retrying: { phase: 'retrying', generation: 1, attempt: 1, since: NOW, downSince: NOW, retryAt: NOW + 4_000, failure: failure('connect-timeout'), bound: undefined },
  stopping: { phase: 'stopping', generation: 1, since: NOW },
  failed: { phase: 'failed', since: NOW, failure: failure('auth-failed') },
  elsewhere: { phase: 'elsewhere', since: NOW, running: { phase: 'listening', generation: 1, since: NOW, bound: BOTH_LOOPBACKS, complaint: undefined } },
};

/** A forward that listens in another window. */
export const RUN_ELSEWHERE: RunElsewhere & { readonly running: ActiveState } = {
  running: { phase: 'listening', generation: 1, since: NOW - 7_200_000, bound: BOTH_LOOPBACKS, complaint: undefined },
  traffic: { openConnections: 2, totalConnections: 5, bytesUp: 1_000, bytesDown: 2_000 },
};

/** Writes down what it is told, and says what the test tells it to. */
export class FakeRunner implements ForwardRunner {
  readonly orders: string[] = [];
  readonly events = new EventEmitter<RunnerEvent>();
  readonly traffic = new EventEmitter<RunnerTraffic>();
  readonly onEvent = this.events.event;
  readonly onTraffic = this.traffic.event;
  /** Whether a stop is over at once. */
  stopsAtOnce = true;

  start({ id }: ForwardDefinition): void {
    this.orders.push(`start ${id}`);
  }

  check(id: string): void {
    this.orders.push(`check ${id}`);
  }

  stop(id: string, generation: number): void {
    this.orders.push(`stop ${id}`);
    if (this.stopsAtOnce) this.events.fire({ id, event: { type: 'stopped', generation } });
  }
}

type Template = ForwardEvent extends infer E ? (E extends ForwardEvent ? Omit<E, 'generation' | 'at'> : never) : never;

/** The real model over a runner that does what the test says. */
export function createModel() {
  const runner = new FakeRunner();
  const clock = new FakeClock(NOW);
  const model = new ForwardModel(runner, clock, () => 0);
  /** What the plane says about the run that is going on. */
  const say = (id: string, event: Template): void => {
    const state = model.get(id)?.state;
    const generation = state !== undefined && 'generation' in state ? state.generation : 0;
    runner.events.fire({ id, event: { at: clock.now(), ...event, generation } as ForwardEvent });
  };
  const comeUp = (id: string, bound: Bound = BOTH_LOOPBACKS): void => {
    say(id, { type: 'bound', bound });
    say(id, { type: 'up' });
  };
  return { model, runner, clock, say, comeUp };
}

/** Keeps the lines. */
export class FakeLog implements Log {
  readonly lines: string[] = [];

  write(level: LogLevel, text: string): void {
    this.lines.push(`${level} ${text}`);
  }
}

/** A promise that the test settles. */
export function deferred<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
