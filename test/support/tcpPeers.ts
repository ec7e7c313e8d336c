import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo, type ListenOptions, type Server, type Socket } from 'node:net';
import { eventually } from './eventually.ts';

/** A TCP server of a test, on 127.0.0.1 and a port of its own. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  /** The connections that are open now. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many connections it has had. */
  readonly accepted: () => number;
  close(): Promise<void>;
}

/** The same on a Unix socket. */
export type TestSocketServer = Omit<TestServer, 'host' | 'port'> & { readonly path: string };

/** Serves with `handle`; sockets are half-open, and their errors are swallowed. */
export async function serve(handle: (socket: Socket) => void, port = 0, host = '127.0.0.1'): Promise<TestServer> {
  const { server, ...rest } = await serveOn({ port, host }, handle);
  return { host, port: (server.address() as AddressInfo).port, ...rest };
}

/** As `serve`, on a Unix socket; its file goes with it. */
export async function serveAt(path: string, handle: (socket: Socket) => void): Promise<TestSocketServer> {
  const { server: _server, ...rest } = await serveOn({ path }, handle);
  return { path, ...rest };
}

async function serveOn(where: ListenOptions, handle: (socket: Socket) => void): Promise<Omit<TestServer, 'host' | 'port'> & { readonly server: Server }> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    handle(socket);
  });
  server.listen({ ...where, backlog: 1_024 });
  await once(server, 'listening');
  return {
    server,
    sockets,
    accepted: () => accepted,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/**
 * Connects, half-open; later errors are swallowed and seen as 'close' with `hadError`. A connection that was broken off at
 * once is given too, already destroyed: `outcome` and `readAll` know it.
 */
export function dial(port: number, host = '127.0.0.1'): Promise<Socket> {
  return connected(connect({ port, host, allowHalfOpen: true }));
}

/** As `dial`, to a Unix socket; one that is full is asked again, which TCP does by itself. */
export async function dialPath(path: string): Promise<Socket> {
  const outcome = await eventually(() => connected(connect({ path, allowHalfOpen: true })).catch((error: unknown) => ((error as NodeJS.ErrnoException).code === 'EAGAIN' ? undefined : { error })));
  if ('error' in outcome) throw outcome.error;
  return outcome;
}

async function connected(socket: Socket): Promise<Socket> {
  try {
    await once(socket, 'connect');
  } catch (error) {
    // It was made and broken off before this thread looked: the kernel then tells of the reset as of a failure to connect.
    if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
  }
  socket.on('error', () => undefined);
  return socket;
}

/** Breaks a connection off; a Unix socket has no reset, and is closed with what it has not read. */
export function breakOff(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
  else socket.resetAndDestroy();
}

/** Everything that comes until the peer ends, our own direction left open; rejects when it breaks off. */
export function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve, reject) => {
    if (socket.errored !== null) reject(socket.errored);
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.once('end', () => resolve(Buffer.concat(chunks)));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed without an end')));
  });
}

/** As `readAll`, with a breath after every chunk, so that the sender is always ahead. */
export function readSlowly(socket: Socket): Promise<Buffer> {
  socket.on('data', () => {
    socket.pause();
    setTimeout(() => socket.resume(), 1);
  });
  return readAll(socket);
}

/**
 * How a socket ends, seen from its owner: in order, or by a reset; what comes is thrown away. Node tells of a reset right
 * behind data as of an end, so an end is tried by writing nothing.
 */
export function outcome(socket: Socket): Promise<'ended' | 'reset'> {
  // A Unix socket is not writable any more once its peer has closed it in good order, and tells of breaking off by itself.
  const isOfPath = socket.remoteAddress === undefined;
  return new Promise((resolve) => {
    if (socket.errored !== null) resolve('reset');
    socket.on('error', () => resolve('reset'));
    socket.on('end', () => {
      if (socket.writableEnded || isOfPath) resolve('ended');
      else socket.write('', (error) => resolve(error instanceof Error ? 'reset' : 'ended'));
    });
    socket.resume();
  });
}

/** How a new connection to a port ends. A refusal may come before the connecting is known to have succeeded. */
export function outcomeOfDialling(port: number): Promise<'ended' | 'reset'> {
  return dial(port).then(outcome, () => 'reset');
}

/** Waits until a number has stopped growing for a second. */
export async function settled(value: () => number | Promise<number>): Promise<number> {
  let last = 0;
  let quiet = 0;
  return eventually(async () => {
    const now = await value();
    quiet = now === last && now > 0 ? quiet + 1 : 0;
    last = now;
    return quiet === 4 ? now : undefined;
  }, { intervalMs: 250, deadlineMs: 30_000 });
}

/** Sends without end, as fast as it is taken. */
export function pour(socket: Socket, block: Buffer = Buffer.alloc(65_536, 'z')): void {
  const fill = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on('drain', fill).resume();
  fill();
}

/** Reproducible bytes that repeat only after a long while. */
export function testBytes(length: number): Buffer {
  const block = Buffer.alloc(65_521);
  let state = 0x2545f491;
  for (let index = 0; index < block.length; index += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    block[index] = state >>> 16;
  }
  return Buffer.alloc(length, block);
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
