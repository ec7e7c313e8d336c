import type { Event } from './event.ts';
import type { ForwardDefinition, Traffic } from './forward.ts';
import type { ForwardEvent } from './forwardState.ts';
import type { HealthCheck } from './healthCheck.ts';
import type { Disposable } from './lifecycle.ts';

/** Time, from outside. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `action` once after `delayMs`, with 0 in the next turn of the loop; disposing of the answer cancels it. */
  after(delayMs: number, action: () => void): Disposable;
}

/** What the model needs of the side that makes forwards happen; every event carries the generation it belongs to. */
export interface ForwardRunner {
  /** Starts or restarts a forward; the outcome arrives as events. Never throws. */
  start(definition: ForwardDefinition, generation: number): void;
  /**
   * Frees everything that the forward holds and answers with a `stopped` event; with `drainMs`, what is connected may finish
   * for so long. Never throws.
   */
  stop(id: string, generation: number, drainMs?: number): void;
  /** Checks the destination of one that listens; answers with a `checked` event that has this very `check`, unless the run ends. Never throws. */
  check(id: string, generation: number, check: HealthCheck): void;
  readonly onEvent: Event<RunnerEvent>;
  readonly onTraffic: Event<RunnerTraffic>;
}

export interface RunnerEvent {
  readonly id: string;
  readonly event: ForwardEvent;
}

export interface RunnerTraffic {
  readonly id: string;
  readonly traffic: Traffic;
}
