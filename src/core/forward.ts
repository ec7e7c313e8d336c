import type { Endpoint } from './address.ts';
import { isProxy, type ForwardSpec } from './forwardSpec.ts';
import type { ForwardState, ToldState } from './forwardState.ts';
import type { HealthCheck } from './healthCheck.ts';

/**
 * `user`: kept in the user's settings; `extension`: asked for through the API, gone when nobody holds it; `ssh-config`: offered
 * by a line of ssh_config, and changed only there.
 */
export type ForwardOrigin = 'user' | 'extension' | 'ssh-config';

/** A line of a file, counted from 1. */
export interface FilePlace {
  readonly file: string;
  readonly line: number;
}

/** One rule of the user. Its identity is the id, never an address. */
export interface ForwardDefinition {
  readonly id: string;
  /** What the user calls it; empty when they gave it no name. */
  readonly name: string;
  readonly spec: ForwardSpec;
  /** Whether it starts by itself with the editor. */
  readonly autoStart: boolean;
  /** Whether it listens without a tunnel until somebody connects. */
  readonly isOnDemand?: true;
  /** After so many minutes of running it stops by itself. */
  readonly stopAfterMinutes?: number;
  /** What is asked of its destination in the background while it listens. */
  readonly healthCheck?: HealthCheck;
  readonly origin: ForwardOrigin;
  /** The user name that clients of a proxy must log in with, by RFC 1929; its password is in the secret storage. Absent: nobody needs to. */
  readonly login?: string;
  /** The line of ssh_config that says so, where that is the origin. */
  readonly source?: FilePlace;
}

/** True for a forward that Culvert shows and runs but never changes. */
export function isReadOnly({ origin }: Pick<ForwardDefinition, 'origin'>): boolean {
  return origin === 'ssh-config';
}

/** True for a proxy that not everybody may use. */
export function hasLogin({ spec, login }: Pick<ForwardDefinition, 'spec' | 'login'>): boolean {
  return login !== undefined && isProxy(spec);
}

/** Why a connection is over, seen from the forward. */
export type CloseReason =
  | 'client-ended'
  | 'destination-ended'
  | 'client-reset'
  | 'destination-reset'
  | 'destination-refused'
  | 'destination-unreachable'
  | 'forwarding-prohibited'
  | 'not-understood'
  | 'login-refused'
  | 'tunnel-lost'
  | 'not-served'
  | 'too-many-parked'
  | 'not-taken'
  | 'too-many-connections'
  | 'too-much-queued'
  | 'idle'
  | 'stopped';

export type ConnectionPhase = 'parked' | 'dialing' | 'established' | 'closed';

/** One accepted stream, as netstat would show it. Times are milliseconds since the epoch. */
export interface Connection {
  readonly id: number;
  readonly phase: ConnectionPhase;
  /** Who connected to the listener; at a Unix socket nobody knows, and it is the socket. */
  readonly origin: Endpoint;
  /** The address of the listener that accepted it. */
  readonly accepted: Endpoint;
  /**
   * Where it goes (`db:5432`), if that is not the one destination of its forward: what it asked for (untrusted text, cleaned), the
   * fallback that was reached, or the port of a range.
   */
  readonly destination?: string;
  readonly openedAt: number;
  /** Bytes from the origin to the destination. */
  readonly bytesUp: number;
  /** Bytes from the destination to the origin. */
  readonly bytesDown: number;
  readonly closedAt?: number;
  readonly closeReason?: CloseReason;
}

/** What passes through a forward, in all. */
export interface TrafficTotals {
  readonly openConnections: number;
  readonly totalConnections: number;
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** What passes through a forward. `connections` holds the open ones and, for a while, those that just closed. */
export interface Traffic extends TrafficTotals {
  readonly connections: readonly Connection[];
}

export const NO_TRAFFIC: Traffic = { openConnections: 0, totalConnections: 0, bytesUp: 0, bytesDown: 0, connections: [] };

/** What another window tells of a forward that it runs, or that failed there. */
export interface RunElsewhere {
  readonly running: ToldState;
  readonly traffic: TrafficTotals;
  readonly stopsAt?: number;
}

/** A forward as it is now: an immutable snapshot. */
export interface Forward {
  readonly definition: ForwardDefinition;
  readonly state: ForwardState;
  readonly traffic: Traffic;
  /** When it stops by itself. */
  readonly stopsAt?: number;
  /** It runs in another window, and here when that goes. */
  readonly isClaimed?: true;
  /** When its destination was last known to be reached, by a connection or a health check, in this run. */
  readonly provedAt?: number;
}
