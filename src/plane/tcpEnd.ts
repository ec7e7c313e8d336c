import type { Socket } from 'node:net';
import type { Disposable } from '../core/lifecycle.ts';
import type { Clock } from '../core/ports.ts';
import { borrowReads } from './borrowedReads.ts';
import type { End, EndListener } from './end.ts';
import { systemCode } from './tcpConnect.ts';

/**
 * How long a socket is kept after its last byte was handed to the kernel while its peer still sends. Closing a socket
 * with unread data in its receive queue makes the kernel send a reset, and the peer may lose the tail it has not read.
 */
const LINGER_MS = 10_000;

/** What may wait to be written before the relay is asked to stop. */
const QUEUED_MAX_BYTES = 256 * 1024;

const NOTHING = Buffer.alloc(0);

/** What a socket of Node's goes over: a Unix socket and a named pipe of Windows are one kind to it. */
export type Transport = 'tcp' | 'path';

/** A connected socket as an end of a relay. The socket must be half-open and paused. */
export class TcpEnd implements End {
  #socket: Socket;
  readonly #clock: Clock;
  readonly #transport: Transport;
  #listener: EndListener | undefined;
  #hasFailed = false;
  #isClosed = false;
  #lingering: Disposable | undefined;
  #isPaused = false;
  /** Set while this connection lets the others have their turn. */
  #turn: Disposable | undefined;
  /** Set while a borrowed chunk waits to be written. */
  #isHolding = false;

  constructor(socket: Socket, clock: Clock, transport: Transport = 'tcp') {
    this.#socket = socket;
    this.#clock = clock;
    this.#transport = transport;
    this.#watch(socket);
  }

  /** True once the socket is gone, by whichever side. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  get queuedBytes(): number {
    return this.#socket.readableLength + this.#socket.writableLength;
  }

  attach(listener: EndListener): void {
    this.#listener = listener;
    if (this.#isClosed) {
      this.#tellClose();
      return;
    }
    const borrowing = this.#canBorrow ? borrowReads(this.#socket, (chunk, isFull) => this.#onRead(listener, chunk, isFull)) : undefined;
    if (borrowing === undefined) {
      this.#socket.on('data', (chunk: Buffer) => { listener.onData(chunk); });
    } else {
      this.#socket = borrowing;
      this.#watch(borrowing);
    }
    this.#socket.on('drain', () => { if (!this.#isHolding) listener.onDrain(); });
    this.#socket.on('end', () => { this.#onEnd(listener); });
    this.#socket.resume();
  }

  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#turn === undefined) this.#socket.resume();
  }

  /** A reset is told by reading or by writing alone, and writing nothing is enough. */
  probe(): boolean {
    if (this.#socket.writable && this.#socket.writableLength === 0) this.#socket.write(NOTHING);
    return this.#isClosed || this.#hasFailed;
  }

  write(chunk: Buffer, isBorrowed = false): boolean {
    if (this.#socket.destroyed) return true;
    if (isBorrowed) return this.#writeBorrowed(chunk);
    this.#collect();
    this.#socket.write(chunk);
    // Above the stream's own mark, so that where this answers false, write() did too and 'drain' will come.
    return this.#socket.writableLength < QUEUED_MAX_BYTES;
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

  /**
   * A Unix socket has no reset. On Linux the peer sees ECONNRESET when it had sent something that we have not read
   * (unix_release_sock of the kernel), else an end, and EPIPE when it writes.
   */
  reset(): void {
    if (this.#socket.destroyed) return;
    // libuv refuses a reset between shutdown(2) being asked for and done, and the handle would leak (EINVAL in uv_tcp_close_reset).
    const isShuttingDown = this.#socket.writableEnded && !this.#socket.writableFinished && this.#socket.writableLength === 0;
    if (isShuttingDown || this.#transport === 'path') this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** Under a pipe of Windows a read is always on its way, and it has a buffer already. */
  get #canBorrow(): boolean {
    return this.#transport === 'tcp' || process.platform !== 'win32';
  }

  #watch(socket: Socket): void {
    // An error is always followed by 'close', where it is told.
    socket.on('error', () => { this.#hasFailed = true; });
    socket.once('close', () => { this.#onClose(); });
  }

  /** One full buffer in a turn of the loop, so that a bulk transfer leaves the others theirs. */
  #onRead(listener: EndListener, chunk: Buffer, isFull: boolean): boolean {
    listener.onData(chunk, true);
    if (!isFull || this.#isPaused) return !this.#isPaused;
    this.#turn ??= this.#clock.after(0, () => {
      this.#turn = undefined;
      if (!this.#isPaused) this.#socket.resume();
    });
    return false;
  }

  /** One system call for all that is written within this turn: an SSH connection gives its packets one by one. */
  #collect(): void {
    if (this.#socket.writableCorked > 0) return;
    const socket = this.#socket;
    socket.cork();
    process.nextTick(() => { socket.uncork(); });
  }

  #writeBorrowed(chunk: Buffer): boolean {
    this.#socket.write(chunk, this.#onWritten);
    this.#isHolding = this.#socket.writableLength > 0;
    return !this.#isHolding;
  }

  readonly #onWritten = (): void => {
    if (!this.#isHolding || this.#socket.writableLength > 0) return;
    this.#isHolding = false;
    this.#listener?.onDrain();
  };

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
    this.#turn?.dispose();
    this.#tellClose();
  }

  #tellClose(): void {
    this.#listener?.onClose(this.#hasFailed ? 'reset' : 'ended');
  }
}
