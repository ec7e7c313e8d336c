import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSocketPath } from '../../src/core/address.ts';
import { eventually } from '../support/eventually.ts';
import { openDescriptors, Route, type RouteKind } from '../support/planeRoutes.ts';
import { dial, outcome, outcomeOfDialling, readAll, serve, serveAt, settled, sha256, testBytes } from '../support/tcpPeers.ts';
import { TRANSFERS, type Through } from '../support/transfers.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

describe.each<RouteKind>(['relay', 'plain relay', 'local', 'plain local', 'remote', 'plain remote', 'dynamic', 'plain dynamic', 'remote dynamic', 'socket relay', 'plain socket relay', 'socket local', 'socket remote'])('%s', (kind) => {
  let route: Route;
  beforeAll(async () => { route = await Route.open(kind); });
  afterAll(() => route.close());

  /** Runs a test against one destination behind a forward, and expects that nothing of it is left after the stop. */
  const through: Through = async (handle, test) => {
    const server = await route.serve(handle);
    const { forward, dial } = await route.forward(server);
    try {
      await test(dial, server.sockets);
    } finally {
      await route.plane.stop(forward);
      await server.close();
    }
  };

  it.each(TRANSFERS)('$name', ({ run }) => run(through));

  it('20 MB each way at the same time', async () => {
    const up = testBytes(20_000_000);
    const down = testBytes(20_000_001);
    let received: Promise<Buffer> | undefined;
    await through((socket) => {
      received = readAll(socket);
      socket.end(down);
    }, async (dial) => {
      const client = await dial();
      client.end(up);
      expect(sha256(await readAll(client))).toBe(sha256(down));
      expect(sha256(await received!)).toBe(sha256(up));
    });
  });

  describe('lets the slow side stop the fast side, in bounded memory, and loses nothing', () => {
    const block = testBytes(MiB);
    const BLOCKS = 200;

    it('when the destination does not read', async () => {
      let destination: Socket | undefined;
      await through((socket) => { destination = socket; }, async (dial) => {
        const client = await dial();
        const memory = process.memoryUsage.rss();
        const accepted = writeBlocks(client);
        await settled(accepted);
        expectStalled(accepted(), memory);
        expect(await countMatching(destination!)).toBe(BLOCKS * MiB);
        destination!.end();
      });
    });

    it('when the client does not read', async () => {
      let accepted = (): number => 0;
      await through((socket) => { accepted = writeBlocks(socket.resume()); }, async (dial) => {
        const memory = process.memoryUsage.rss();
        const client = await dial();
        await settled(() => accepted());
        expectStalled(accepted(), memory);
        expect(await countMatching(client)).toBe(BLOCKS * MiB);
        client.end();
      });
    });

    /** Writes all blocks and ends; answers how many bytes the system has taken. */
    function writeBlocks(socket: Socket): () => number {
      let accepted = 0;
      const write = (bytes: Buffer): void => { socket.write(bytes, () => { accepted += bytes.length; }); };
      // Node hands over what waits as a whole, and a Unix socket has no room for a first block.
      write(block.subarray(0, KiB));
      write(block.subarray(KiB));
      for (let count = 1; count < BLOCKS; count += 1) write(block);
      socket.end();
      return () => accepted;
    }

    function expectStalled(accepted: number, memoryBefore: number): void {
      // The kernel's buffers on the way and a channel's windows hold some; far from the whole.
      expect(accepted).toBeLessThan(40 * MiB);
      expect(process.memoryUsage.rss() - memoryBefore).toBeLessThan(60 * MiB);
    }

    /** Counts what comes as long as it is what was sent. */
    async function countMatching(socket: Socket): Promise<number> {
      let count = 0;
      socket.on('data', (chunk: Buffer) => {
        const position = count % block.length;
        const head = chunk.subarray(0, block.length - position);
        const isSame = head.equals(block.subarray(position, position + head.length))
          && chunk.subarray(head.length).equals(block.subarray(0, chunk.length - head.length));
        if (!isSame) socket.destroy(new Error(`another byte than was sent after ${count}`));
        count += chunk.length;
      });
      await once(socket, 'end');
      return count;
    }
  });

  it('ends everything at a stop, and the port is free', async () => {
    const server = await route.serve((socket) => { socket.pipe(socket); });
    const { forward, bound, dial } = await route.forward(server);
    const clients = await Promise.all(Array.from({ length: 20 }, () => dial()));
    for (const client of clients) client.write('x');
    await Promise.all(clients.map((client) => once(client, 'data')));
    const outcomes = clients.map((client) => outcome(client));
    await route.plane.stop(forward);
    // Neither SSH nor a Unix socket has a word for a reset: there the clients see an end.
    expect(new Set(await Promise.all(outcomes))).toEqual(new Set([kind.includes('remote') || route.isOfSockets ? 'ended' : 'reset']));
    // sshd leaves the file of a socket.
    if (kind !== 'socket remote') await (await (isSocketPath(bound) ? serveAt(bound.path, () => undefined) : serve(() => undefined, bound.port))).close();
    await eventually(() => server.sockets.size === 0);
    await server.close();
  });
});

describe.each<RouteKind>(['relay', 'local'])('%s', (kind) => {
  let route: Route;
  beforeAll(async () => { route = await Route.open(kind); });
  afterAll(() => route.close());

  it('leaves nothing behind of a client that resets while it is being dialled, 200 of 200', async () => {
    const server = await serve((socket) => { socket.resume().on('end', () => socket.end()); });
    const { forward, port } = await route.forward(server);
    const before = openDescriptors();
    for (let round = 0; round < 200; round += 1) {
      const client = await dial(port);
      client.resetAndDestroy();
    }
    await eventually(() => server.sockets.size === 0);
    await eventually(() => openDescriptors() <= before);
    await route.plane.stop(forward);
    await server.close();
  });

  it('tells of a destination that refuses, and goes on when it no longer does', async () => {
    const server = await serve((socket) => { socket.end('here again'); });
    const { forward, port } = await route.forward(server);
    await server.close();
    expect(await outcomeOfDialling(port)).toBe('reset');
    expect(await route.plane.untilComplaint(forward)).toMatchObject({ code: 'destination-refused' });
    expect(await route.plane.connections(forward)).toMatchObject([{ phase: 'closed', closeReason: 'destination-refused' }]);
    const again = await serve((socket) => { socket.end('here again'); }, server.port);
    const client = await dial(port);
    expect((await readAll(client)).toString()).toBe('here again');
    client.end();
    await eventually(() => route.plane.of('destination', forward).at(-1)?.failure === undefined);
    await route.plane.stop(forward);
    await again.close();
  });
});

describe('a relay', () => {
  let route: Route;
  beforeAll(async () => { route = await Route.open('relay'); });
  afterAll(() => route.close());

  it('passes a reset of the client on', async () => {
    const server = await serve(() => undefined);
    const { forward, port } = await route.forward(server);
    const client = await dial(port);
    client.write('x');
    const socket = await eventually(() => [...server.sockets][0]);
    await once(socket, 'data');
    const seen = outcome(socket);
    client.resetAndDestroy();
    expect(await seen).toBe('reset');
    await eventually(async () => (await route.plane.connections(forward))[0]?.closeReason === 'client-reset');
    await route.plane.stop(forward);
    await server.close();
  });

  it('takes a reset that comes right behind data for a reset, from either side, 200 of 200', async () => {
    const server = await serve((socket) => { socket.on('data', (chunk) => { if (chunk.includes('reset me')) resetBehindData(socket); }); });
    const { forward, port } = await route.forward(server);
    const reasons: (string | undefined)[] = [];
    for (let round = 0; round < 200; round += 1) {
      const client = (await dial(port)).resume();
      client.write('x');
      await eventually(async () => (await route.plane.connections(forward)).some(({ phase, bytesUp }) => phase === 'established' && bytesUp === 1), { intervalMs: 1 });
      if (round % 2 === 0) client.write('reset me');
      else resetBehindData(client);
      await eventually(async () => (await route.plane.connections(forward)).every(({ phase }) => phase === 'closed'), { intervalMs: 1, explain: async () => JSON.stringify(await route.plane.connections(forward)) });
      reasons.push((await route.plane.connections(forward)).at(-1)?.closeReason);
      client.destroy();
    }
    expect(reasons).toEqual(Array.from({ length: 200 }, (_, round) => (round % 2 === 0 ? 'destination-reset' : 'client-reset')));
    await route.plane.stop(forward);
    await server.close();
  });

  it('passes a reset of the destination on', async () => {
    const server = await serve((socket) => { socket.once('data', () => socket.resetAndDestroy()); });
    const { forward, port } = await route.forward(server);
    const client = await dial(port);
    client.write('x');
    expect(await outcome(client)).toBe('reset');
    await eventually(async () => (await route.plane.connections(forward))[0]?.closeReason === 'destination-reset');
    await route.plane.stop(forward);
    await server.close();
  });
});

function resetBehindData(socket: Socket): void {
  socket.write('right behind this');
  socket.resetAndDestroy();
}
