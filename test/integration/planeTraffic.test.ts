import { expect, it } from 'vitest';
import { PlaneClient } from '../support/planeClient.ts';
import { fixed, here } from '../support/poles.ts';
import { dial, serve } from '../support/tcpPeers.ts';

/** More than are told of in a row. */
const COUNT = 120;

it('the traffic of every forward is told of once somebody looks, then of those where something has changed', async () => {
  const plane = await PlaneClient.start();
  const silent = await serve((socket) => { socket.resume(); });
  const forwards = await Promise.all(Array.from({ length: COUNT }, () => plane.begin({ listen: here({ host: '127.0.0.1', port: 0 }), connect: fixed(silent) })));
  await Promise.all(forwards.map((forward) => plane.untilUp(forward)));
  const told = (): string[] => plane.payloads('traffic').map(({ id }) => id);
  expect(told()).toEqual([]);
  await plane.request('watch', { isWatching: true });
  await plane.until(() => told().length >= COUNT);
  expect(told().sort()).toEqual(forwards.map(({ id }) => id).sort());
  const last = forwards.at(-1)!;
  const client = await dial(plane.boundOf(last).addresses[0]!.port);
  await plane.until(() => told().length > COUNT);
  expect(told().slice(COUNT)).toContain(last.id);
  expect(new Set(told().slice(COUNT))).toEqual(new Set([last.id]));
  client.destroy();
  await plane.close();
  await silent.close();
});
