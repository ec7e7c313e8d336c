import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { borrowReads } from '../../src/plane/borrowedReads.ts';
import { borrowTransportReads } from '../../src/plane/ssh/transportReads.ts';
import { systemClock } from '../../src/system/clock.ts';
import { eventually } from '../support/eventually.ts';
import { sha256, testBytes } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

describe.each(['TCP', 'a Unix socket'])('over %s', (kind) => {
  let folder: TemporaryFolder;
  let server: Server;
  let client: Socket;
  let accepted: Socket;
  let socket: Socket | undefined;

  beforeEach(async () => {
    server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    folder = await createTemporaryFolder('borrowed');
    server.listen(kind === 'TCP' ? { port: 0, host: '127.0.0.1' } : { path: folder.join('s') });
    await once(server, 'listening');
    const address = server.address()!;
    client = connect({ ...(typeof address === 'string' ? { path: address } : { port: address.port, host: '127.0.0.1' }), allowHalfOpen: true });
    [accepted] = (await once(server, 'connection')) as [Socket];
  });

  afterEach(async () => {
    client.destroy();
    server.close();
    await folder.remove();
  });

  it('reads everything of an accepted socket, in buffers that grow, and the server still knows when it is gone', async () => {
    const sent = testBytes(20_000_000);
    const received: Buffer[] = [];
    let hasGrown = false;
    const borrowing = borrowReads(accepted, (chunk, isFull) => {
      received.push(Buffer.from(chunk));
      hasGrown ||= isFull;
      return true;
    })!;
    borrowing.resume();
    client.end(sent);
    await once(borrowing, 'end');
    expect(sha256(Buffer.concat(received))).toBe(sha256(sent));
    expect(hasGrown).toBe(true);
    borrowing.end('bye');
    const [answer] = (await once(client, 'data')) as [Buffer];
    expect(answer.toString()).toBe('bye');
    const closed = once(server, 'close');
    server.close();
    await closed;
  });

  it('gives an SSH connection chunks that last, until they may be borrowed', async () => {
    const sent = testBytes(20_000_000);
    const { socket: transport, mayBorrow } = borrowTransportReads(accepted, systemClock);
    const lasting: Buffer[] = [];
    transport.on('data', (chunk: Buffer) => lasting.push(chunk));
    transport.resume();
    client.write(sent);
    await eventually(() => lasting.reduce((sum, { length }) => sum + length, 0) === sent.length);
    expect(sha256(Buffer.concat(lasting))).toBe(sha256(sent));
    mayBorrow(true);
    const borrowed: Buffer[] = [];
    const memory = new Set<ArrayBufferLike>();
    transport.on('data', (chunk: Buffer) => {
      borrowed.push(Buffer.from(chunk));
      memory.add(chunk.buffer);
    });
    client.end(sent);
    await once(transport, 'end');
    expect(sha256(Buffer.concat(borrowed))).toBe(sha256(sent));
    expect(memory.size).toBeLessThan(lasting.length);
    transport.destroy();
  });

  it('stops reading when it is told to, and goes on from there', async () => {
    const chunks: string[] = [];
    const isToStop = (): boolean => chunks.length === 1;
    const stopped = new Promise<void>((resolve) => {
      socket = borrowReads(accepted, (chunk) => {
        chunks.push(chunk.toString());
        if (isToStop()) resolve();
        return !isToStop();
      })!;
    });
    socket!.resume();
    client.write('one');
    await stopped;
    client.end('two');
    // Whatever reads now, reads it after this turn of the loop.
    await new Promise((resolve) => { setImmediate(resolve); });
    expect(chunks).toEqual(['one']);
    socket!.resume();
    await once(socket!, 'end');
    expect(chunks).toEqual(['one', 'two']);
    socket!.destroy();
  });

  it.each<[string, (socket: Socket) => void]>([
    ['whose handle has no buffer of its own', (socket) => { Object.defineProperty(handleOf(socket), 'useUserBuffer', { value: undefined }); }],
    ['that has read ahead', (socket) => { socket.unshift('early '); }],
    ['that has no handle', (socket) => { Object.assign(socket, { _handle: null }); }],
  ])('leaves a socket alone %s', async (_, prepare) => {
    const handle = handleOf(accepted);
    prepare(accepted);
    expect(borrowReads(accepted, () => true)).toBeUndefined();
    Object.assign(accepted, { _handle: handle });
    client.end('hello');
    accepted.resume();
    const chunks: Buffer[] = [];
    accepted.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(accepted, 'end');
    expect(Buffer.concat(chunks).toString()).toMatch(/hello$/);
    accepted.destroy();
  });
});

function handleOf(socket: Socket): object {
  return (socket as unknown as { _handle: object })._handle;
}
