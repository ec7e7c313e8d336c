import type { StartForward } from '../protocol/messages.ts';
import type { Dialer } from './dialer.ts';
import type { Route } from './route.ts';

/** One generation of a forward. */
export interface Run {
  readonly generation: number;
  readonly request: StartForward;
  readonly route: Route;
  /** While it is being opened: aborts when the run ends before that. */
  opening: AbortController | undefined;
  /** A new one each time the far side is opened. */
  dialer: Dialer;
  /** True between `up` and `lost` or `idle`. */
  isOpen: boolean;
  /** Set while the far side waits for somebody to connect. */
  isIdle: boolean;
}
