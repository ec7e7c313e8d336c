import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ForwardError } from '../../../src/core/failure.ts';
import type { ControlRequests } from '../../../src/protocol/messages.ts';
import type { Handlers } from '../../../src/protocol/rpc.ts';
import { SocketFiles } from '../../../src/system/socketFile.ts';
import { PlaneHost } from '../../../src/ui/planeHost.ts';
import { socketHandlers } from '../../../src/ui/socketHandlers.ts';
import { eventually } from '../../support/eventually.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../../support/temporaryFolder.ts';
import { FakeLog } from './samples.ts';

/** A worker that speaks the protocol: counts its requests, dies or hangs when told to by the forward's id. */
const SCRIPT = `
const { parentPort } = require('node:worker_threads');
let count = 0;
const send = (message) => parentPort.postMessage(message);
parentPort.on('message', ({ type, id, method, params }) => {
  if (type !== 'request') return;
  count += 1;
  if (params?.id === 'die') process.exit(3);
  if (params?.id === 'throw') throw new Error('a bug in the plane');
  if (params?.id === 'hang') return;
  if (params?.id === 'ask') send({ type: 'request', id: 1, method: 'needIdentity', params: { hop: 'h', path: '/id' } });
  if (params?.id === 'refuse') return send({ type: 'error', id, failure: { code: 'address-in-use', detail: 'taken', context: { port: 1 } } });
  send({ type: 'event', name: 'log', payload: { level: 'info', text: method + ' ' + count } });
  send({ type: 'reply', id, result: undefined });
});
parentPort.on('message', (message) => {
  if (message.type === 'reply' && message.id === 1) send({ type: 'event', name: 'log', payload: { level: 'info', text: 'key ' + message.result.privateKey } });
});
`;

let folder: TemporaryFolder;
let bundle: string;
const hosts: PlaneHost[] = [];

beforeAll(async () => {
  folder = await createTemporaryFolder('plane');
  bundle = folder.join('plane.cjs');
  await writeFile(bundle, SCRIPT);
});
afterAll(() => folder.remove());
afterEach(() => { for (const host of hosts.splice(0)) host.dispose(); });

const handlers: Handlers<ControlRequests> = {
  verifyHostKey: async () => ({ isAccepted: true }),
  needIdentity: async ({ path }) => ({ privateKey: `of ${path}` }),
  needSecret: async () => ({ isCancelled: true }),
  ...socketHandlers(new SocketFiles()),
};

function setup(path = bundle) {
  const log = new FakeLog();
  const host = new PlaneHost(path, handlers, log);
  hosts.push(host);
  const told: string[] = [];
  host.onDidStart(() => told.push('start'));
  host.onEvent((event) => { if (event.name === 'log') told.push(event.payload.text); });
  const crashes: ForwardError[] = [];
  host.onDidCrash((reason) => {
    told.push('crash');
    crashes.push(reason);
  });
  const stop = (id = 'a') => host.request('stop', { id });
  return { host, log, told, crashes, stop };
}

describe('the plane\'s worker', () => {
  it('starts with the first request and serves all of them', async () => {
    const { host, told, stop } = setup();
    expect(host.isRunning).toBe(false);
    await Promise.all([stop(), stop()]);
    expect(host.isRunning).toBe(true);
    expect(told).toEqual(['start', 'stop 1', 'stop 2']);
  });

  it('hands a refusal on with its code and its facts', async () => {
    await expect(setup().stop('refuse')).rejects.toMatchObject({ code: 'address-in-use', message: 'taken', context: { port: 1 } });
  });

  it('gets answers to its own questions', async () => {
    const { told, stop } = setup();
    await stop('ask');
    await eventually(() => told.includes('key of /id'));
  });

  it.each(['die', 'throw'])('that ends by itself (%s) is told of once, and every request under way is rejected', async (how) => {
    const { host, told, crashes, log, stop } = setup();
    const hanging = stop('hang');
    await expect(Promise.all([hanging, stop(how)])).rejects.toMatchObject({ code: 'plane-crashed' });
    await expect(hanging).rejects.toMatchObject({ code: 'plane-crashed' });
    expect(host.isRunning).toBe(false);
    expect(crashes).toMatchObject([{ code: 'plane-crashed' }]);
    expect(told).toEqual(['start', 'crash']);
    expect(log.lines.join('\n').includes('a bug in the plane')).toBe(how === 'throw');
  });

  it('is there again for the next request, and knows nothing of the last', async () => {
    const { told, stop } = setup();
    await stop();
    await stop('die').catch(() => undefined);
    await stop();
    expect(told).toEqual(['start', 'stop 1', 'crash', 'start', 'stop 1']);
  });

  it('that cannot be loaded rejects the request', async () => {
    const { stop, crashes } = setup(folder.join('missing.cjs'));
    await expect(stop()).rejects.toMatchObject({ code: 'plane-crashed' });
    expect(crashes).toHaveLength(1);
  });

  it('closes in order: it is asked to, ends, and no crash is told of', async () => {
    const { host, told, crashes, stop } = setup();
    await stop();
    const ended = new Promise((resolve) => host.worker?.once('exit', resolve));
    await host.close();
    await ended;
    expect(told.at(-1)).toBe('shutdown 2');
    expect(crashes).toEqual([]);
    expect(host.isRunning).toBe(false);
    await host.close();
    await expect(stop()).rejects.toMatchObject({ code: 'cancelled' });
    expect(host.isRunning).toBe(false);
  });

  it('closes what was never started, and stays closed', async () => {
    const { host, told, stop } = setup();
    await host.close();
    await expect(stop()).rejects.toMatchObject({ code: 'cancelled' });
    expect(told).toEqual([]);
  });

  it('is cut off at once by dispose: requests end, no crash is told of', async () => {
    const { host, crashes, stop } = setup();
    const hanging = stop('hang');
    const ended = new Promise((resolve) => host.worker?.once('exit', resolve));
    host.dispose();
    host.dispose();
    await expect(hanging).rejects.toMatchObject({ code: 'cancelled' });
    await ended;
    expect(crashes).toEqual([]);
  });
});
