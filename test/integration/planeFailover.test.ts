import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { Connection } from '../../src/core/forward.ts';
import { NetworkNamespace, canCreateNetworkNamespace } from '../support/netns.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { here, portOf } from '../support/poles.ts';
import { dial, outcomeOfDialling, readAll, serve, type TestServer } from '../support/tcpPeers.ts';

describe('a forward with several destinations', () => {
  let plane: PlaneClient;
  let good: TestServer;
  let refusing: HostPort;
  beforeEach(async () => {
    plane = await PlaneClient.start();
    good = await serve((socket) => { socket.pipe(socket); });
    const gone = await serve(() => undefined);
    await gone.close();
    refusing = { host: '127.0.0.1', port: gone.port };
  });
  afterEach(async () => {
    await plane.close();
    await good.close();
  });

  async function start(first: HostPort, ...fallbacks: readonly HostPort[]): Promise<{ forward: StartedForward; port: number }> {
    const forward = await plane.begin({ listen: here({ host: '127.0.0.1', port: 0 }), connect: { kind: 'fixed', address: first, fallbacks } });
    await plane.untilUp(forward);
    return { forward, port: portOf(plane.boundOf(forward).addresses[0]) };
  }

  /** Sends a text to and fro and gives the connection's row while it lives, and how long that took. */
  async function echo(forward: StartedForward, port: number): Promise<{ row: Connection | undefined; tookMs: number }> {
    const start = performance.now();
    const client = await dial(port);
    client.write('hello');
    await new Promise((resolve) => { client.once('data', resolve); });
    const tookMs = performance.now() - start;
    const row = (await plane.connections(forward)).find(({ phase }) => phase === 'established');
    client.end();
    await readAll(client);
    return { row, tookMs };
  }

  const goodAddress = (): HostPort => ({ host: good.host, port: good.port });

  it('goes to the next when one refuses, says where, and has nothing to complain of', async () => {
    const { forward, port } = await start(refusing, goodAddress());
    expect((await echo(forward, port)).row).toMatchObject({ destination: `127.0.0.1:${good.port}`, bytesUp: 5, bytesDown: 5 });
    expect(plane.of('destination', forward).filter(({ failure }) => failure !== undefined)).toEqual([]);
    await plane.stop(forward);
  });

  it('says nothing of the destination when it is the first', async () => {
    const { forward, port } = await start(goodAddress(), refusing);
    const { row } = await echo(forward, port);
    expect(row).toMatchObject({ phase: 'established' });
    expect(row).not.toHaveProperty('destination');
    await plane.stop(forward);
  });

  it('complains when none can be reached, naming them all, and takes that back', async () => {
    const other = await serve(() => undefined);
    await other.close();
    const second = { host: '127.0.0.1', port: other.port };
    const { forward, port } = await start(refusing, second);
    expect(await outcomeOfDialling(port)).toBe('reset');
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'destination-refused', context: { destination: `127.0.0.1:${refusing.port}, 127.0.0.1:${second.port}` } });
    expect(await plane.connections(forward)).toMatchObject([{ phase: 'closed', closeReason: 'destination-refused' }]);
    const back = await serve((socket) => { socket.pipe(socket); }, second.port);
    expect((await echo(forward, port)).row?.destination).toBe(`127.0.0.1:${second.port}`);
    expect(await plane.until(() => plane.of('destination', forward).at(-1)?.failure === undefined)).toBe(true);
    await plane.stop(forward);
    await back.close();
  });

  it.runIf(canCreateNetworkNamespace())('passes over one that refuses and one that is a black hole, and the next connection waits for neither', async () => {
    const namespace = await NetworkNamespace.create();
    try {
      await namespace.exec('nft', 'add table ip hole; add chain ip hole input { type filter hook input priority 0; policy drop; }');
      const { forward, port } = await start(refusing, { host: namespace.thereAddress, port: 5432 }, goodAddress());
      const first = await echo(forward, port);
      expect(first.row?.destination).toBe(`127.0.0.1:${good.port}`);
      expect(first.tookMs).toBeGreaterThan(4_500);
      const second = await echo(forward, port);
      expect(second.row?.destination).toBe(`127.0.0.1:${good.port}`);
      expect(second.tookMs).toBeLessThan(4_500);
      expect(plane.of('destination', forward).filter(({ failure }) => failure !== undefined)).toEqual([]);
      await plane.stop(forward);
    } finally {
      await namespace.remove();
    }
  });

  it('stops at once while it waits for a black hole', async () => {
    // RFC 5737: no such machine, and packets to it go nowhere or are refused at once; either way the stop is what counts.
    const { forward, port } = await start({ host: '192.0.2.1', port: 5432 }, { host: '192.0.2.2', port: 5432 });
    const client = outcomeOfDialling(port);
    await plane.until(async () => (await plane.connections(forward)).length === 1);
    await plane.stop(forward);
    expect(await client).toBe('reset');
  });
});
