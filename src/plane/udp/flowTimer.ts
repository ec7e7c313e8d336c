import type { Disposable } from '../../core/lifecycle.ts';
import type { Clock } from '../../core/ports.ts';

/**
 * A flow in use may be quiet for as long as a NAT keeps its mapping at least (RFC 4787 section 4.3, REQ-5): that is what
 * programs send their keepalives for.
 */
const STREAM_IDLE_MS = 120_000;

/**
 * A question without an answer, or one with, is over sooner. This and what makes a flow one in use, answers for longer than
 * 2 s, are Linux's own (`nf_conntrack_udp_timeout` and `_stream`, nf_conntrack_proto_udp.c).
 */
const EXCHANGE_IDLE_MS = 30_000;
const EXCHANGE_MS = 2_000;

/** Notices when a flow has been idle for too long. */
export class FlowTimer implements Disposable {
  readonly #clock: Clock;
  readonly #onIdle: () => void;
  readonly #openedAt: number;
  #usedAt: number;
  #isAnswered = false;
  #isStream = false;
  #timer: Disposable;

  constructor(clock: Clock, onIdle: () => void) {
    this.#clock = clock;
    this.#onIdle = onIdle;
    this.#openedAt = this.#usedAt = clock.now();
    this.#timer = this.#watch(EXCHANGE_IDLE_MS);
  }

  sent(): void {
    this.#usedAt = this.#clock.now();
    if (this.#isAnswered && this.#usedAt - this.#openedAt > EXCHANGE_MS) this.#isStream = true;
  }

  answered(): void {
    this.#isAnswered = true;
    this.sent();
  }

  dispose(): void {
    this.#timer.dispose();
  }

  /** Not a new timer for each datagram: one that looks again when it falls due. */
  #watch(delayMs: number): Disposable {
    return this.#clock.after(delayMs, () => {
      const leftMs = this.#usedAt + (this.#isStream ? STREAM_IDLE_MS : EXCHANGE_IDLE_MS) - this.#clock.now();
      if (leftMs > 0) this.#timer = this.#watch(leftMs);
      else this.#onIdle();
    });
  }
}
