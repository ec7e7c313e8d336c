import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Route, type RouteKind } from '../support/planeRoutes.ts';
import { testBytes } from '../support/tcpPeers.ts';

/** About a megabyte, and no multiple of a packet. */
const BLOCK = testBytes(1_000_003);
const BLOCKS = 200;

describe('carries 200 MB, each way at the same time, over a key exchange for every MB', () => {
  it.each<{ readonly how: string; readonly kind: RouteKind }>([
    { how: 'with borrowed reads and one buffer for the packets', kind: 'local' },
    { how: 'on a Node and an ssh2 that have neither', kind: 'plain local' },
  ])('$how', async ({ kind }) => {
    const route = await Route.open(kind, ['RekeyLimit 1M']);
    let arrived: Promise<string> | undefined;
    const server = await route.serve((socket) => {
      arrived = digestOf(socket);
      void pour(socket);
    });
    try {
      const { forward, dial } = await route.forward(server);
      const client = await dial();
      const received = digestOf(client);
      await pour(client);
      const sent = createHash('sha256');
      for (let count = 0; count < BLOCKS; count += 1) sent.update(BLOCK);
      const expected = sent.digest('hex');
      expect(await received).toBe(expected);
      expect(await arrived).toBe(expected);
      expect(route.plane.questions.filter(({ method }) => method === 'verifyHostKey')).toHaveLength(1);
      await route.plane.stop(forward);
    } finally {
      await server.close();
      await route.close();
    }
  });
});

async function pour(socket: Socket): Promise<void> {
  for (let count = 0; count < BLOCKS; count += 1) {
    if (!socket.write(BLOCK)) await once(socket, 'drain');
  }
  socket.end();
}

async function digestOf(socket: Socket): Promise<string> {
  const hash = createHash('sha256');
  socket.on('data', (chunk: Buffer) => { hash.update(chunk); });
  await once(socket, 'end');
  return hash.digest('hex');
}
