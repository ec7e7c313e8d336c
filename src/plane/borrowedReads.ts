import { Socket, type OnReadOpts } from 'node:net';
import { ReadBuffer, ReadingCompany } from './readBuffer.ts';

/*
 * Reads into a buffer that is used again for the next read, instead of a new one for each: a third of the processor time of a
 * relay. node:net offers that as `onread`, but only for a socket that it connects itself; an accepted one gets it by
 * wrapping its handle once more, which is not documented. So all of that is here, it looks before it touches, and where
 * Node is not as expected the socket stays the stream that it was.
 */

/** Is given the bytes of one read, good until the next, and whether that was a full turn of the loop; false pauses the socket. */
export type OnRead = (chunk: Buffer, isTurn: boolean) => boolean;

/** What Node keeps behind a socket, as far as it is touched here. */
interface Internals {
  _handle: (object & { readonly useUserBuffer?: unknown; readonly readStop?: () => number; reading?: boolean }) | null;
  _server: unknown;
}

const company = new ReadingCompany();

/**
 * A socket in the place of this one, on the same handle, that gives what it reads to `onRead`; undefined where that cannot
 * be, and then nothing has changed. The socket must have read nothing that it has not given away, and have nothing left to
 * write. The one that was passed is dead afterwards, and emits nothing. `fixedBytes` is for a socket that carries many
 * connections and is none itself: the size of what it reads into once it is busy.
 */
export function borrowReads(socket: Socket, onRead: OnRead, fixedBytes?: number): Socket | undefined {
  const old = socket as Socket & Partial<Internals>;
  const handle = old._handle;
  const isIdle = !socket.destroyed && socket.readableLength === 0 && socket.writableLength === 0 && !socket.readableEnded && !socket.writableEnded;
  if (!isIdle || typeof handle?.useUserBuffer !== 'function' || typeof handle.readStop !== 'function' || old._server === undefined) return undefined;
  handle.reading = false;
  handle.readStop();
  const replacement = new Socket(optionsFor(handle, socket.allowHalfOpen, onRead, new ReadBuffer(company, fixedBytes))) as Socket & Internals;
  // The server counts its connections by this, and closes when there are none.
  replacement._server = old._server;
  old._server = null;
  old._handle = null;
  return replacement;
}

function optionsFor(handle: object, allowHalfOpen: boolean, onRead: OnRead, buffer: ReadBuffer): ConstructorParameters<typeof Socket>[0] {
  const onread: OnReadOpts = {
    // Node asks for it after every read.
    buffer: () => buffer.current,
    callback: (length) => {
      const isTurn = buffer.isTurn(length);
      return onRead(buffer.take(length), isTurn);
    },
  };
  // `handle` and `pauseOnCreate` are what net.Server itself passes.
  return { handle, onread, allowHalfOpen, pauseOnCreate: true } as ConstructorParameters<typeof Socket>[0];
}
