import type { ClientChannel } from 'ssh2';
import type { End, EndClose, EndListener } from '../end.ts';
import type { Acknowledging } from './acknowledging.ts';
import { boundUnread, withInternals, type ChannelInternals } from './internals.ts';
import { ReceiveWindow, type ReceiveWindowOptions } from './receiveWindow.ts';
import type { WriteBudget } from './writeBudget.ts';

/** What may wait in a channel for the server's window before the relay is asked to stop. */
const QUEUED_MAX_BYTES = 256 * 1024;

/** What may wait in a channel that is not read before the server gets no more credit for it. */
const UNREAD_MAX_BYTES = 256 * 1024;

/** Less than this is no bulk transfer, and more may wait behind it. */
const SMALL_BYTES = 16 * 1024;

/** What the channels of one SSH connection have together. */
export interface Shared {
  readonly budget: WriteBudget;
  readonly window: ReceiveWindowOptions;
  readonly acknowledging: Acknowledging;
}

/** A forwarding channel of an SSH connection as an end of a relay. */
export class ChannelEnd implements End {
  readonly #channel: ClientChannel & ChannelInternals;
  readonly #budget: WriteBudget;
  readonly #window: ReceiveWindow;
  readonly #acknowledging: Acknowledging;
  #listener: EndListener | undefined;
  #isFull = false;
  #queuedMaxBytes = QUEUED_MAX_BYTES;
  /** Set once it is over for the relay; ssh2's channel may still wait for the server's last word. */
  #closedBy: EndClose | undefined;

  /** `onGone` is called once ssh2 has forgotten the channel. */
  constructor(channel: ClientChannel, { budget, window, acknowledging }: Shared, onGone: () => void) {
    this.#channel = withInternals(channel);
    this.#window = new ReceiveWindow(channel, window);
    this.#budget = budget;
    this.#acknowledging = acknowledging;
    boundUnread(channel, UNREAD_MAX_BYTES);
    channel.on('error', () => { this.#close('reset'); });
    // Before anybody else listens: ssh2 tells 'close' from its own listener for 'end'.
    channel.once('end', () => { if (this.#closedBy === undefined) this.#listener?.onEnd(); });
    channel.once('close', () => {
      this.#close('ended');
      onGone();
    });
    // ssh2 answers the server's close with this method, at once and before the data that came earlier has been read. What
    // the relay holds back for the server's window is then worth nothing, and holding it would keep its sender from reading.
    const close = channel.close.bind(channel);
    channel.close = () => {
      close();
      this.#makeRoom();
    };
    // Node's streams call it once both directions are over; ssh2's own would end once more, which Node answers with an error that nobody sees.
    const destroy = channel.destroy.bind(channel);
    channel.destroy = () => {
      if (!channel.writableFinished) return destroy();
      channel.close();
      return channel;
    };
  }

  get queuedBytes(): number {
    return this.#channel.readableLength + this.#channel.writableLength;
  }

  attach(listener: EndListener): void {
    this.#listener = listener;
    if (this.#closedBy !== undefined) {
      listener.onClose(this.#closedBy);
      return;
    }
    this.#channel.on('data', (chunk: Buffer) => { this.#onData(listener, chunk); });
    this.#channel.resume();
    this.#acknowledging.expect(this.#channel);
  }

  pause(): void {
    if (this.#closedBy === undefined) this.#channel.pause();
  }

  resume(): void {
    this.#channel.resume();
  }

  write(chunk: Buffer, isBorrowed = false): boolean {
    if (this.#channel.outgoing.state !== 'open') return true;
    this.#queuedMaxBytes = isBorrowed ? 0 : QUEUED_MAX_BYTES;
    this.#channel.write(chunk, this.#onWritten);
    if (!this.#isOverfull) return true;
    this.#isFull = true;
    if (this.#budget.isCongested) this.#budget.onceDrained(this.#onWritten);
    return false;
  }

  end(): void {
    this.#channel.end();
  }

  linger(): void {
    this.#channel.resume();
    // The server goes on delivering what it has after a close, so nothing is to be waited for beyond our own queue.
    const close = (): void => { this.#shut('ended'); };
    if (this.#channel.writableFinished) close();
    else this.#channel.once('finish', close);
  }

  reset(): void {
    this.#shut('ended');
  }

  /** The SSH connection is gone. What came with an orderly end before is still delivered. */
  lose(): void {
    const hasOrderlyEnd = this.#channel.incoming.state !== 'open';
    this.#channel.outgoing.state = 'closed';
    if (hasOrderlyEnd) this.#makeRoom();
    else this.#shut('lost');
  }

  #onData(listener: EndListener, chunk: Buffer): void {
    if (this.#closedBy !== undefined) return;
    listener.onData(chunk);
    this.#window.took(chunk.length);
    if (chunk.length < SMALL_BYTES) this.#acknowledging.expect(this.#channel);
  }

  get #isOverfull(): boolean {
    return this.#channel.writableLength > this.#queuedMaxBytes || this.#budget.isCongested;
  }

  readonly #onWritten = (): void => {
    if (!this.#isFull) return;
    if (!this.#isOverfull) this.#makeRoom();
    else if (this.#budget.isCongested) this.#budget.onceDrained(this.#onWritten);
  };

  #makeRoom(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    this.#listener?.onDrain();
  }

  #shut(how: EndClose): void {
    this.#channel.close();
    // Nothing may follow a close, not even the credit that ssh2 gives for what is thrown away now.
    this.#channel.outgoing.state = 'closed';
    this.#channel.resume();
    this.#close(how);
  }

  #close(how: EndClose): void {
    if (this.#closedBy !== undefined) return;
    this.#closedBy = how;
    this.#listener?.onClose(how);
  }
}
