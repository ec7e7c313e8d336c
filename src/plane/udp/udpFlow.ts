import type { End, EndListener } from '../end.ts';

/** What may wait until the destination is dialled: datagrams of any size, and two of the largest. Later ones are dropped. */
const WAITING_MAX = 64;
const WAITING_MAX_BYTES = 2 * 65_507;

/** The datagrams of one origin as an end of a relay: each `onData` is one of them, and so is each `write`, empty ones too. */
export class UdpFlow implements End {
  readonly queuedBytes = 0;
  readonly #send: (datagram: Buffer) => void;
  readonly #onGone: () => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #listener: EndListener | undefined;
  #isClosed = false;

  /** `send` sends to the origin; `onGone` is called once, when it is closed. */
  constructor(send: (datagram: Buffer) => void, onGone: () => void) {
    this.#send = send;
    this.#onGone = onGone;
  }

  /** Takes what the origin has sent. */
  receive(datagram: Buffer): void {
    if (this.#isClosed) return;
    if (this.#listener !== undefined) {
      this.#listener.onData(datagram);
      return;
    }
    if (this.#waiting.length >= WAITING_MAX || this.#waitingBytes + datagram.length > WAITING_MAX_BYTES) return;
    this.#waiting.push(datagram);
    this.#waitingBytes += datagram.length;
  }

  attach(listener: EndListener): void {
    this.#listener = listener;
    for (const datagram of this.#waiting) listener.onData(datagram);
    this.#waiting = [];
    if (this.#isClosed) listener.onClose('ended');
  }

  /** Datagrams are dropped rather than held back. */
  pause(): void {
    return;
  }

  resume(): void {
    return;
  }

  write(datagram: Buffer): boolean {
    if (!this.#isClosed) this.#send(datagram);
    return true;
  }

  end(): void {
    this.#close('ended');
  }

  linger(): void {
    this.#close('ended');
  }

  reset(): void {
    this.#close('ended');
  }

  /** Its place is needed for another one. */
  displace(): void {
    this.#close('idle');
  }

  #close(how: 'ended' | 'idle'): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#waiting = [];
    this.#onGone();
    this.#listener?.onClose(how);
  }
}
