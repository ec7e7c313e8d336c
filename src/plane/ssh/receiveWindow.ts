import type { Channel } from 'ssh2';
import type { Clock } from '../../core/ports.ts';
import { grantWindow, outstandingBytes, WINDOW_BYTES } from './internals.ts';

/*
 * A channel carries at most one window for each round trip (RFC 4254 section 5.2), and ssh2's is fixed: 2 MiB are 40 MB/s
 * over 50 ms, whatever the link. A large one for all would be worse: what the link does not hold only waits, and in OpenSSH
 * worse than that. sshd reads ahead as much as it may send, into a buffer that it copies as a whole for each 32 KiB that it
 * grows (sshbuf_allocate() in sshbuf.c): with 10 MiB waiting in it, it comes down to 6 MB/s for seconds. So a window is what
 * is delivered in a round trip and a little more, and it follows that.
 */

/** 480 MB/s over 50 ms. */
const WINDOW_MAX_BYTES = 24 * 1024 * 1024;

/** What all channels of one SSH connection may have beyond ssh2's own windows: it may come to wait in memory here. */
const EXTRA_MAX_BYTES = 64 * 1024 * 1024;

/** How much more than was delivered in a round trip may be under way in the next: half as much, and at most so many bytes. */
const HEADROOM_PART = 0.5;
const HEADROOM_MAX_BYTES = 3 * 1024 * 1024;

/** Part of what is too much that a window gives up in a round trip: a link that pauses for a moment is not a narrow one. */
const SHRINK_PART = 1 / 8;

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
  /** What the budget counts: the size, and after it has shrunk, what the server may still send by the larger one. */
  #heldBytes = WINDOW_BYTES;
  #deliveredBytes = 0;
  #since: number;

  constructor(channel: Channel, options: ReceiveWindowOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#since = options.clock.now();
    channel.once('close', () => { options.budget.giveBack(this.#heldBytes - WINDOW_BYTES); });
  }

  /** So many bytes have been handed on; those that wait are not credited. */
  took(bytes: number): void {
    this.#deliveredBytes += bytes;
    const spanMs = this.#options.clock.now() - this.#since;
    const roundTripMs = this.#options.roundTripMs();
    if (roundTripMs !== undefined && spanMs >= Math.max(roundTripMs, SPAN_MIN_MS)) {
      this.#follow((this.#deliveredBytes / spanMs) * roundTripMs);
      this.#since += spanMs;
      this.#deliveredBytes = 0;
    }
    // Up to its own size ssh2 credits by itself.
    if (this.#sizeBytes > WINDOW_BYTES) grantWindow(this.#channel, this.#sizeBytes);
  }

  #follow(inRoundTripBytes: number): void {
    const fittingBytes = inRoundTripBytes + Math.min(inRoundTripBytes * HEADROOM_PART, HEADROOM_MAX_BYTES);
    const excessBytes = this.#sizeBytes - fittingBytes;
    const wantedBytes = excessBytes > 0 ? this.#sizeBytes - excessBytes * SHRINK_PART : fittingBytes;
    const sizeBytes = Math.min(Math.max(Math.floor(wantedBytes), WINDOW_BYTES), WINDOW_MAX_BYTES);
    if (this.#hold(Math.max(sizeBytes, Math.min(outstandingBytes(this.#channel), this.#heldBytes)))) this.#sizeBytes = sizeBytes;
  }

  #hold(bytes: number): boolean {
    const moreBytes = bytes - this.#heldBytes;
    if (moreBytes <= 0) this.#options.budget.giveBack(-moreBytes);
    else if (!this.#options.budget.take(moreBytes)) return false;
    this.#heldBytes = bytes;
    return true;
  }
}
