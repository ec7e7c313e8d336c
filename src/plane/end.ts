/**
 * How an end went away: `ended` in good order (or at our own wish), `reset` by its peer, `lost` because what carried it
 * is gone. A flow of datagrams has no end of its own: `idle` when nothing has passed for a while.
 */
export type EndClose = 'ended' | 'reset' | 'lost' | 'idle';

/** What an end tells the relay. Nothing comes after `onClose`; `onData` never comes after `onEnd`. */
export interface EndListener {
  /** A borrowed chunk is good until the call returns, or as long as the giver is paused. */
  onData(chunk: Buffer, isBorrowed?: boolean): void;
  /** There is room again after a `write` that was answered with false. */
  onDrain(): void;
  /** The peer ended its direction in good order, and everything it sent has been given to `onData`. */
  onEnd(): void;
  onClose(how: EndClose): void;
}

/**
 * One of the two streams that a relay joins: a TCP socket or a channel of an SSH connection, both half-open; or a flow of
 * datagrams, of which each `onData` and each `write` is one.
 */
export interface End {
  /** What waits here, received and not taken yet or still to be written. */
  readonly queuedBytes: number;
  /** Begins to deliver; what has happened before is told at once. Called once. */
  attach(listener: EndListener): void;
  pause(): void;
  resume(): void;
  /** Brings to light a break that nothing has told of, since nobody reads; where the transport can. Answers whether it is gone by now. */
  probe?(): boolean;
  /** Takes the bytes in any case; false asks to stop until `onDrain`. Of a borrowed chunk nothing is held after true, or after `onDrain`. */
  write(chunk: Buffer, isBorrowed?: boolean): boolean;
  /** Ends our direction once everything written has been handed over. */
  end(): void;
  /**
   * After `end()`, when nobody is left to answer the peer: hands over what is queued, throws away what still comes, and
   * closes when the peer ends too or after a bounded wait.
   */
  linger(): void;
  /** Closes at once and drops what is queued; the peer sees an error where the transport can express one. Idempotent. */
  reset(): void;
}
