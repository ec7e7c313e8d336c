import type { Channel } from 'ssh2';
import type { Clock } from '../../core/ports.ts';
import { grantWindow, WINDOW_BYTES } from './internals.ts';

/*
 * A channel carries at most one window for each round trip (RFC 4254 section 5.2), and ssh2's is fixed: 2 MiB are 40 MB/s
 * over 50 ms, whatever the link. A large one for all would be worse: where the link is short, its bytes only wait in a queue.
 * So a window grows when it is what holds a transfer up, and only then.
 */

const WINDOW_MAX_BYTES = 32 * 1024 * 1024;

/** What all channels of one SSH connection may have beyond ssh2's own windows: it may come to wait in memory here. */
const EXTRA_MAX_BYTES = 64 * 1024 * 1024;

/** Part of the window that must have been delivered within a round trip before it is the window that is short. */
const BUSY_PART = 0.6;

/** The clock's steps are milliseconds. */
const SPAN_MIN_MS = 20;

/** What one SSH connection's channels share. */
export class WindowBudget {
  #leftBytes = EXTRA_MAX_BYTES;

  take(bytes: number): boolean {
    if (bytes > this.#leftBytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#leftBytes += bytes;
  }
}

export interface ReceiveWindowOptions {
  readonly clock: Clock;
  readonly budget: WindowBudget;
  /** Milliseconds to the server and back on a quiet link; undefined as long as that is not known. */
  readonly roundTripMs: () => number | undefined;
}

/** How much a server may send on a channel before it is told that what came was taken. */
export class ReceiveWindow {
  readonly #channel: Channel;
  readonly #options: ReceiveWindowOptions;
  #sizeBytes = WINDOW_BYTES;
  #deliveredBytes = 0;
  #since: number;

  constructor(channel: Channel, options: ReceiveWindowOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#since = options.clock.now();
    channel.once('close', () => { options.budget.giveBack(this.#sizeBytes - WINDOW_BYTES); });
  }

  /** So many bytes have been handed on; those that wait are not credited. */
  took(bytes: number): void {
    this.#deliveredBytes += bytes;
    const spanMs = this.#options.clock.now() - this.#since;
    const roundTripMs = this.#options.roundTripMs();
    if (roundTripMs !== undefined && spanMs >= Math.max(roundTripMs, SPAN_MIN_MS)) {
      const inRoundTripBytes = (this.#deliveredBytes / spanMs) * roundTripMs;
      if (inRoundTripBytes > this.#sizeBytes * BUSY_PART) this.#grow();
      this.#since += spanMs;
      this.#deliveredBytes = 0;
    }
    // Up to its own size ssh2 credits by itself.
    if (this.#sizeBytes > WINDOW_BYTES) grantWindow(this.#channel, this.#sizeBytes);
  }

  #grow(): void {
    if (this.#sizeBytes >= WINDOW_MAX_BYTES || !this.#options.budget.take(this.#sizeBytes)) return;
    this.#sizeBytes *= 2;
  }
}
