import { Socket, type OnReadOpts } from 'node:net';

/*
 * Reads into a buffer that is used again for the next read, instead of a new one for each: half the processor time of a
 * relay. node:net offers that as `onread`, but only for a socket that it connects itself; an accepted one gets it by
 * wrapping its handle once more, which is not documented. So all of that is here, it looks before it touches, and where
 * Node is not as expected the socket stays the stream that it was.
 */

/** What a connection that has not said much reads into: idle ones are many. */
const SMALL_BYTES = 2 * 1024;
/** One turn of the loop for one connection, where others wait for theirs. */
const SHARED_BYTES = 64 * 1024;
/** The same for a connection that is alone. */
const ALONE_BYTES = 256 * 1024;

/** Reads in a row that would have fitted in an eighth of the buffer, before it is given back. */
const MODEST_READS = 16;

/** The relay's two sockets. */
const ONE_CONNECTION = 2;

/** Is given the bytes of one read, good until it returns; false pauses the socket. */
export type OnRead = (chunk: Buffer, isFull: boolean) => boolean;

/** What Node keeps behind a socket, as far as it is touched here. */
interface Internals {
  _handle: (object & { readonly useUserBuffer?: unknown; readonly readStop?: () => number; reading?: boolean }) | null;
  _server: unknown;
}

let openCount = 0;

/**
 * A socket in the place of this one, on the same handle, that gives what it reads to `onRead`; undefined where that cannot
 * be, and then nothing has changed. The socket must have read nothing that it has not given away, and have nothing left to
 * write. The one that was passed is dead afterwards, and emits nothing.
 */
export function borrowReads(socket: Socket, onRead: OnRead): Socket | undefined {
  const old = socket as Socket & Partial<Internals>;
  const handle = old._handle;
  const isIdle = !socket.destroyed && socket.readableLength === 0 && socket.writableLength === 0 && !socket.readableEnded && !socket.writableEnded;
  if (!isIdle || typeof handle?.useUserBuffer !== 'function' || typeof handle.readStop !== 'function' || old._server === undefined) return undefined;
  handle.reading = false;
  handle.readStop();
  const replacement = new Socket(optionsFor(handle, socket.allowHalfOpen, onRead)) as Socket & Internals;
  // The server counts its connections by this, and closes when there are none.
  replacement._server = old._server;
  old._server = null;
  old._handle = null;
  openCount += 1;
  replacement.once('close', () => { openCount -= 1; });
  return replacement;
}

function optionsFor(handle: object, allowHalfOpen: boolean, onRead: OnRead): ConstructorParameters<typeof Socket>[0] {
  const buffer = new GrowingBuffer();
  const onread: OnReadOpts = {
    buffer: () => buffer.next(),
    callback: (length, bytes) => {
      const isFull = length === bytes.length && length >= SHARED_BYTES;
      buffer.note(length);
      return onRead(Buffer.from(bytes.buffer, bytes.byteOffset, length), isFull);
    },
  };
  // `handle` and `pauseOnCreate` are what net.Server itself passes.
  return { handle, onread, allowHalfOpen, pauseOnCreate: true } as ConstructorParameters<typeof Socket>[0];
}

/** As large as a connection's reads: small until one fills it, small again when they no longer need it. */
class GrowingBuffer {
  #current = Buffer.allocUnsafeSlow(SMALL_BYTES);
  #wanted = SMALL_BYTES;
  #modest = 0;

  note(length: number): void {
    const size = this.#current.length;
    this.#modest = length * 8 > size ? 0 : this.#modest + 1;
    if (length === size) this.#wanted = openCount <= ONE_CONNECTION && size > SMALL_BYTES ? ALONE_BYTES : SHARED_BYTES;
    else if (this.#modest >= MODEST_READS) this.#wanted = SMALL_BYTES;
  }

  /** Node asks for it after every read. */
  next(): Buffer {
    if (this.#current.length !== this.#wanted) this.#current = Buffer.allocUnsafeSlow(this.#wanted);
    return this.#current;
  }
}
