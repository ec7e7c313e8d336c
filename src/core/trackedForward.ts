import { Claim } from './claim.ts';
import { NO_TRAFFIC, type Forward, type ForwardDefinition, type RunElsewhere, type Traffic, type TrafficTotals } from './forward.ts';
import { STOPPED, type ForwardState } from './forwardState.ts';
import type { Disposable } from './lifecycle.ts';
import type { Clock } from './ports.ts';
import { RetrySchedule } from './retrySchedule.ts';
import { TimeLimit } from './timeLimit.ts';

export interface StartOptions {
  /** Retry even a first start that fails, as for forwards that start by themselves while the network may still be away. */
  readonly isPersistent: boolean;
}

/** All that the model knows of a forward. */
export interface TrackedForward {
  definition: ForwardDefinition;
  state: ForwardState;
  traffic: Traffic;
  generation: number;
  /** Whether a transient failure leads to a retry: it was up once, or was started to stay. */
  isPersistent: boolean;
  /** It listened once since it was started. */
  wasUp: boolean;
  readonly retries: RetrySchedule;
  retryTimer: Disposable | undefined;
  readonly limit: TimeLimit;
  /** When its destination was last known to be reached, by a connection or a health check, while it listens. */
  provedAt: number | undefined;
  /** How to start again once it has stopped; undefined when it is to stay stopped. */
  startAgain: StartOptions | undefined;
  /** How another window runs it, if one does. */
  elsewhere: RunElsewhere | undefined;
  readonly claim: Claim;
}

/** A forward that has not been started yet. */
export function trackForward(definition: ForwardDefinition, clock: Clock): TrackedForward {
  return {
    definition, state: STOPPED, traffic: NO_TRAFFIC, generation: 0, isPersistent: false, wasUp: false, retries: new RetrySchedule(), retryTimer: undefined, limit: new TimeLimit(clock),
    provedAt: undefined, startAgain: undefined, elsewhere: undefined, claim: new Claim(clock),
  };
}

/** What passes through it in another window. Its single connections are not told. */
export function trafficElsewhere(elsewhere: RunElsewhere | undefined): Traffic {
  return elsewhere === undefined ? NO_TRAFFIC : { ...elsewhere.traffic, connections: [] };
}

export function isSameTraffic(left: TrafficTotals, right: TrafficTotals): boolean {
  return left.openConnections === right.openConnections && left.totalConnections === right.totalConnections && left.bytesUp === right.bytesUp && left.bytesDown === right.bytesDown;
}

export function snapshotOf({ definition, state, traffic, limit, provedAt, elsewhere, claim }: TrackedForward): Forward {
  const isElsewhere = state.phase === 'elsewhere';
  const stopsAt = isElsewhere ? elsewhere?.stopsAt : limit.stopsAt;
  return { definition, state, traffic, ...(stopsAt === undefined ? {} : { stopsAt }), ...(provedAt === undefined ? {} : { provedAt }), ...(isElsewhere && claim.isMade ? { isClaimed: true } : {}) };
}
