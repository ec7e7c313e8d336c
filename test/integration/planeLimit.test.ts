import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { Route } from '../support/planeRoutes.ts';
import { dial, outcomeOfDialling, readAll, serve } from '../support/tcpPeers.ts';

/** What a client sees that is turned away: SSH has no reset, so a client of the server sees an end. */
const REFUSED = { relay: 'reset', local: 'reset', dynamic: 'reset', remote: 'ended' } as const;

describe.each(['relay', 'local', 'dynamic', 'remote'] as const)('a %s with as many connections as it may have', (kind) => {
  it('resets those that come, says so, and takes one more when one has ended', async () => {
    const route = await Route.open(kind);
    const echo = await serve((socket) => { socket.pipe(socket); });
    const { plane } = route;
    const { forward, port, dial: connect } = await route.forward(echo, { maxConnections: 2 });
    const clients = [await connect(), await connect()] as const;
    for (const client of clients) await answerOf(client);
    for (let times = 0; times < 5; times += 1) expect(await outcomeOfDialling(port)).toBe(REFUSED[kind]);
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'too-many-connections', context: { limit: 2 } });
    expect((await plane.connections(forward)).map(({ phase, closeReason }) => closeReason ?? phase))
      .toEqual(['established', 'established', ...Array.from({ length: 5 }, () => 'too-many-connections')]);
    expect(plane.log().match(/2 connections are open/g)).toHaveLength(1);
    for (const client of clients) await answerOf(client);
    clients[0].end();
    await readAll(clients[0]);
    const last = await eventually(() => connect().then(async (client) => (await answers(client) ? client : undefined), () => undefined));
    last.end();
    clients[1].end();
    await route.close();
    await echo.close();
  });
});

describe('a relay that is told of no limit', () => {
  it('has one of 1,000', async () => {
    const route = await Route.open('relay');
    const silent = await serve((socket) => { socket.resume(); });
    const { port } = await route.forward(silent);
    const clients = await Promise.all(Array.from({ length: 1_000 }, () => dial(port)));
    await eventually(() => silent.sockets.size === 1_000);
    expect(await outcomeOfDialling(port)).toBe('reset');
    for (const client of clients) client.destroy();
    await route.close();
    await silent.close();
  });
});

async function answerOf(client: Socket): Promise<void> {
  client.write('x');
  await once(client, 'data');
}

async function answers(client: Socket): Promise<boolean> {
  if (client.destroyed) return false;
  client.write('x');
  return Promise.race([once(client, 'data').then(() => true), once(client, 'close').then(() => false)]);
}
