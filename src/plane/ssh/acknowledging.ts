import type { Channel } from 'ssh2';
import type { Clock } from '../../core/ports.ts';
import { acknowledge, packetsSent } from './internals.ts';

/** Turns of the loop: within the second one the first bytes of a client are read whose channel has just been opened, and acknowledge that. */
const PATIENCE_TURNS = 2;

/** Sees to it that the small packets of one server are acknowledged soon, where nothing is sent to it that does so anyway. */
export class Acknowledging {
  readonly #clock: Clock;
  #channel: Channel | undefined;
  /** As it was when the last small packet had come. */
  #sentBefore: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Something small has come on this channel. */
  expect(channel: Channel): void {
    const isWaiting = this.#channel !== undefined;
    this.#channel = channel;
    this.#sentBefore = packetsSent(channel);
    if (!isWaiting) this.#wait(PATIENCE_TURNS);
  }

  #wait(turns: number): void {
    this.#clock.after(0, () => {
      if (turns > 1) this.#wait(turns - 1);
      else this.#acknowledge();
    });
  }

  #acknowledge(): void {
    const channel = this.#channel;
    this.#channel = undefined;
    if (channel !== undefined && packetsSent(channel) === this.#sentBefore) acknowledge(channel);
  }
}
