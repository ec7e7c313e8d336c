import type { Socket } from 'node:net';
import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import type { End, EndListener } from './end.ts';
import { systemCode } from './tcpConnect.ts';

/**
 * How long a socket is kept after its last byte was handed to the kernel while its peer still sends. Closing a socket
 * with unread data in its receive queue makes the kernel send a reset, and the peer may lose the tail it has not read.
 */
const LINGER_MS = 10_000;

const NOTHING = Buffer.alloc(0);

/** A connected TCP socket as an end of a relay. The socket must be half-open and paused. */
export class TcpEnd implements End {
  readonly #socket: Socket;
  readonly #clock: Clock;
  #listener: EndListener | undefined;
  #hasFailed = false;
  #isClosed = false;
  #lingering: Disposable | undefined;

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    // An error is always followed by 'close', where it is told.
    socket.on('error', () => { this.#hasFailed = true; });
    socket.once('close', () => { this.#onClose(); });
  }

  /** True once the socket is gone, by whichever side. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  attach(listener: EndListener): void {
    this.#listener = listener;
    if (this.#isClosed) {
      this.#tellClose();
      return;
    }
    this.#socket.on('drain', () => { listener.onDrain(); });
    this.#socket.on('end', () => { this.#onEnd(listener); });
    this.#socket.on('data', (chunk: Buffer) => { listener.onData(chunk); });
    this.#socket.resume();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  write(chunk: Buffer): boolean {
    if (this.#socket.destroyed) return true;
    this.#socket.write(chunk);
    // Not write()'s own answer: it counts bytes that the kernel took within the call. Where this answers false, write()
    // did too, so 'drain' will come.
    return this.#socket.writableLength < this.#socket.writableHighWaterMark;
  }

  end(): void {
    this.#socket.end();
  }

  linger(): void {
    if (this.#isClosed || this.#lingering !== undefined) return;
    this.#socket.resume();
    const wait = (): void => { this.#lingering ??= this.#clock.after(LINGER_MS, () => { this.#socket.destroy(); }); };
    if (this.#socket.writableFinished) wait();
    else this.#socket.once('finish', wait);
  }

  reset(): void {
    if (this.#socket.destroyed) return;
    // libuv refuses a reset between shutdown(2) being asked for and done, and the handle would leak (EINVAL in uv_tcp_close_reset).
    const isShuttingDown = this.#socket.writableEnded && !this.#socket.writableFinished && this.#socket.writableLength === 0;
    if (isShuttingDown) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /**
   * libuv reports a reset that comes right behind data as an end (POLLHUP after a partial read, in uv__stream_io). Writing
   * nothing brings the system's own word to light: ECONNRESET when no end came before the reset, EPIPE when one did.
   */
  #onEnd(listener: EndListener): void {
    const socket = this.#socket;
    if (socket.writableEnded || socket.writableLength > 0) {
      listener.onEnd();
      return;
    }
    socket.write(NOTHING, (error) => {
      const isOrderly = error === undefined || error === null || systemCode(error) === 'EPIPE';
      if (isOrderly && !this.#isClosed) listener.onEnd();
    });
  }

  #onClose(): void {
    this.#isClosed = true;
    this.#lingering?.dispose();
    this.#tellClose();
  }

  #tellClose(): void {
    this.#listener?.onClose(this.#hasFailed ? 'reset' : 'ended');
  }
}
