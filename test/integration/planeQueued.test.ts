import { once } from 'node:events';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import type { QueueLimits } from '../../src/protocol/messages.ts';
import { eventually } from '../support/eventually.ts';
import { Route, type RoutedForward, type RouteKind } from '../support/planeRoutes.ts';
import { outcomeOfDialling, serve, settled } from '../support/tcpPeers.ts';

const ENOUGH = 1_000_000_000;

interface Case {
  readonly kind: RouteKind;
  readonly queued: QueueLimits;
  readonly context: object;
  readonly line: RegExp;
  /** What a client sees that is turned away: SSH has no reset, so a client of the server sees an end. */
  readonly refused: 'reset' | 'ended';
}

const OF_SERVER = { queued: { perServerMaxBytes: 1_000_000, totalMaxBytes: ENOUGH }, context: { limit: 1_000_000, isOfServer: true }, line: /1000000 bytes wait on the SSH connection/g };
const OF_ALL = { queued: { perServerMaxBytes: ENOUGH, totalMaxBytes: 1_000_000 }, context: { limit: 1_000_000, isOfServer: false }, line: /1000000 bytes wait in all connections/g };
// Nobody knows how much of a block a relay has left when its destination takes no more.
const OF_RELAYS = { queued: { perServerMaxBytes: ENOUGH, totalMaxBytes: 1 }, context: { limit: 1, isOfServer: false }, line: /1 bytes wait in all connections/g };

it.each<Case>([
  { kind: 'local', ...OF_SERVER, refused: 'reset' },
  { kind: 'dynamic', ...OF_SERVER, refused: 'reset' },
  { kind: 'remote', ...OF_SERVER, refused: 'ended' },
  { kind: 'relay', ...OF_RELAYS, refused: 'reset' },
  { kind: 'local', ...OF_ALL, refused: 'reset' },
])('a $kind turns away who comes while more waits in memory than may ($context), says so, and takes them again afterwards', async ({ kind, queued, context, line, refused }) => {
  const route = await Route.open(kind);
  const deaf = await serve(sendWithoutReading);
  const echo = await serve((socket) => { socket.pipe(socket); });
  const { plane } = route;
  const neighbour = await route.forward(echo, { queued });
  const early = await neighbour.dial();
  expect(await answers(early)).toBe(true);
  const busy = await route.forward(deaf);
  const stalled = await busy.dial();
  sendWithoutReading(stalled);
  await settled(async () => (await plane.connections(busy.forward)).reduce((sum, { bytesUp, bytesDown }) => sum + bytesUp + bytesDown, 0));
  await eventually(async () => !(await isServed(neighbour)));
  for (let times = 0; times < 5; times += 1) expect(await outcomeOfDialling(neighbour.port)).toBe(refused);
  expect(await plane.untilComplaint(neighbour.forward)).toMatchObject({ code: 'too-much-queued', context });
  expect((await plane.connections(neighbour.forward)).slice(-5).map(({ closeReason }) => closeReason)).toEqual(Array.from({ length: 5 }, () => 'too-much-queued'));
  expect(plane.log().match(line)).toHaveLength(1);
  // What is open stays, and other limits are other forwards'.
  expect(await answers(early)).toBe(true);
  expect(await isServed(await route.forward(echo))).toBe(true);
  stalled.destroy();
  // What a client of the server sent before it broke off is still owed to the destination: SSH tells of an end.
  await deaf.close();
  await eventually(() => isServed(neighbour));
  await plane.until(() => plane.of('destination', neighbour.forward).at(-1)?.failure === undefined);
  early.destroy();
  await route.close();
  await echo.close();
});

function sendWithoutReading(socket: Socket): void {
  const block = Buffer.alloc(65_536);
  const fill = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.pause().on('drain', fill);
  fill();
}

async function isServed({ dial }: RoutedForward): Promise<boolean> {
  const client = await dial().catch(() => undefined);
  const isAnswered = client !== undefined && await answers(client);
  client?.destroy();
  return isAnswered;
}

async function answers(client: Socket): Promise<boolean> {
  if (client.destroyed) return false;
  client.write('x');
  return Promise.race([once(client, 'data').then(() => true, () => false), once(client, 'close').then(() => false, () => false), once(client, 'end').then(() => false, () => false)]);
}
