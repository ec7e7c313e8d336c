import { EventEmitter } from '../../../src/core/event.ts';
import type { FailureCode } from '../../../src/core/failure.ts';
import type { ForwardDefinition } from '../../../src/core/forward.ts';
import { ForwardModel, type ForwardChange } from '../../../src/core/forwardModel.ts';
import type { Bound, ForwardEvent, ForwardState } from '../../../src/core/forwardState.ts';
import type { HealthCheck } from '../../../src/core/healthCheck.ts';
import type { ForwardRunner, RunnerEvent, RunnerTraffic } from '../../../src/core/ports.ts';
import { FakeClock } from '../../support/fakeClock.ts';

export const BOUND: Bound = { addresses: [{ host: '127.0.0.1', port: 80 }] };
export const PERSISTENT = { isPersistent: true };

type Template = ForwardEvent extends infer E ? (E extends ForwardEvent ? Omit<E, 'generation' | 'at'> : never) : never;

/** Writes down what it is told and says what the test tells it to. */
class FakeRunner implements ForwardRunner {
  readonly orders: string[] = [];
  readonly started: ForwardDefinition[] = [];
  readonly checks: HealthCheck[] = [];
  readonly events = new EventEmitter<RunnerEvent>();
  readonly traffic = new EventEmitter<RunnerTraffic>();
  readonly onEvent = this.events.event;
  readonly onTraffic = this.traffic.event;

  start(definition: ForwardDefinition, generation: number): void {
    this.orders.push(`start ${definition.id} ${generation}`);
    this.started.push(definition);
  }

  stop(id: string, generation: number, drainMs?: number): void {
    this.orders.push(`stop ${id} ${generation}${drainMs === undefined ? '' : ` within ${drainMs} ms`}`);
  }

  check(id: string, generation: number, check: HealthCheck): void {
    this.orders.push(`check ${id} ${generation}`);
    this.checks.push(check);
  }
}

export function definition(id: string, port = 80, changes: Partial<ForwardDefinition> = {}): ForwardDefinition {
  return { id, name: '', spec: { kind: 'relay', listen: { host: 'localhost', port }, connect: { host: 'far', port } }, autoStart: false, origin: 'user', ...changes };
}

export function setup(chance = 0) {
  const runner = new FakeRunner();
  const clock = new FakeClock();
  const model = new ForwardModel(runner, clock, () => chance);
  const changes: ForwardChange[] = [];
  model.onDidChange((change) => changes.push(change));
  const stateOf = (id = 'a'): ForwardState => model.get(id)!.state;
  const generationOf = (id = 'a'): number => {
    const state = stateOf(id);
    return 'generation' in state ? state.generation : 0;
  };
  /** What the plane says about the run that is going on, or about another one. */
  const say = (event: Template, generation = generationOf(), id = 'a'): void => {
    runner.events.fire({ id, event: { at: clock.now(), ...event, generation } as ForwardEvent });
  };
  const bound = (id = 'a'): void => { say({ type: 'bound', bound: BOUND }, generationOf(id), id); };
  const comeUp = (id = 'a'): void => {
    bound(id);
    say({ type: 'up' }, generationOf(id), id);
  };
  const lose = (code: FailureCode = 'connection-lost', isUnbound = false, id = 'a'): void => {
    say({ type: 'lost', failure: { code, detail: code, context: {} }, isUnbound }, generationOf(id), id);
  };
  const phases = (...ids: string[]): string[] => ids.map((id) => model.get(id)?.state.phase ?? 'gone');
  model.put(definition('a'));
  return { runner, clock, model, changes, stateOf, generationOf, say, bound, comeUp, lose, phases };
}
