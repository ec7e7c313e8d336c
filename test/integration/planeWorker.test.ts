import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { planeBundle } from '../support/planeBundle.ts';
import { openDescriptors } from '../support/planeRoutes.ts';
import { fixed, here } from '../support/poles.ts';
import { dial, outcome, serve, type TestServer } from '../support/tcpPeers.ts';

interface Told {
  readonly type: string;
  readonly name?: string;
  readonly payload?: { readonly text?: string; readonly bound?: { readonly addresses: readonly { readonly port: number }[] } };
}

describe('the worker of the plane', () => {
  let server: TestServer;
  let worker: Worker;
  let told: Told[];

  beforeEach(async () => {
    server = await serve((socket) => { socket.pipe(socket); });
    worker = new Worker(await planeBundle());
    await once(worker, 'online');
    told = [];
    worker.on('message', (message: Told) => told.push(message));
  });

  afterEach(() => server.close());

  async function clientOfForward(): Promise<ReturnType<typeof dial>> {
    const params = { id: 'one', generation: 1, connect: fixed(server), listen: here({ host: '127.0.0.1', port: 0 }) };
    worker.postMessage({ type: 'request', id: 1, method: 'start', params });
    const bound = await eventually(() => told.find(({ name }) => name === 'bound')?.payload?.bound);
    await eventually(() => told.some(({ name }) => name === 'up'));
    const client = await dial(bound.addresses[0]!.port);
    client.write('x');
    await once(client, 'data');
    return client;
  }

  it('tells of a fault that nobody caught, closes everything and ends', async () => {
    const client = await clientOfForward();
    const seen = outcome(client);
    const exit = once(worker, 'exit');
    worker.postMessage(null);
    expect(await exit).toEqual([1]);
    expect(told.map(({ payload }) => payload?.text ?? '').join()).toContain('uncaught exception: TypeError');
    expect(await seen).toBe('reset');
  });

  it('leaves no descriptor behind when it is killed', async () => {
    const before = openDescriptors();
    const client = await clientOfForward();
    const seen = outcome(client);
    await worker.terminate();
    await seen;
    client.destroy();
    await eventually(() => server.sockets.size === 0);
    await eventually(() => openDescriptors() < before);
  });
});
