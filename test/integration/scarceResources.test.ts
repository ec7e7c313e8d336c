import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { formatForward } from '../../src/core/forwardText.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { findFreePort } from '../support/freePort.ts';
import { HostProcess } from '../support/hostProcess.ts';
import { listenersOn } from '../support/listeners.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { hopTo, identityOf, targetOf } from '../support/planeTargets.ts';
import { descendantsOf } from '../support/processes.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { dial, outcome, pour, serve, settled, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const table = new MeasuredTable('what an extension host needs, and what is left of it');

const MB = 1_000_000;

let folder: TemporaryFolder;
let sshd: Sshd;
let target: SshTarget;
let echo: TestServer;
let host: HostProcess;

beforeEach(async () => {
  folder = await createTemporaryFolder('scarce');
  const key = await createSshKey(folder.join('id'));
  sshd = await Sshd.start({ authorizedKeys: [key.publicKey] });
  target = targetOf(hopTo(sshd, { identities: [identityOf(key)] }));
  echo = await serve((socket) => { socket.pipe(socket); });
});

afterEach(async () => {
  await host.kill();
  await sshd.stop();
  await echo.close();
  await folder.remove();
});

type Kind = 'relay' | 'local' | 'remote';

function specOf(kind: Kind, { host: to, port }: TestServer, listenPort = 0): ForwardSpec {
  const poles = { listen: { host: '127.0.0.1', port: listenPort }, connect: { host: to, port } };
  return kind === 'relay' ? { kind, ...poles } : { kind, ...poles, target: { host: 'server' } };
}

/** Whether the far side answers, or else how the connection ended. */
async function answerThrough(port: number): Promise<'answered' | 'ended' | 'reset'> {
  const client = await dial(port).catch(() => undefined);
  if (client === undefined || client.destroyed) return 'reset';
  const answered = once(client, 'data').then(() => 'answered' as const, () => 'reset' as const);
  client.write('x');
  const seen = await Promise.race([answered, once(client, 'close').then(() => 'reset' as const), once(client, 'end').then(() => 'ended' as const)]);
  if (seen !== 'answered') client.destroy();
  else held.push(client);
  return seen;
}

/** Clients that stay connected until the test lets them go. */
let held: Socket[] = [];
afterEach(() => { for (const client of held) client.destroy(); held = []; });

describe('64 descriptors', () => {
  it('are used up without a crash: what has no room is refused and said, and all works again afterwards', async () => {
    host = await HostProcess.start({ descriptors: 64 });
    const port = await host.portOf('relay', specOf('relay', echo));
    const check = await FaultCheck.begin(host, 'relay');
    const seen = await Promise.all(Array.from({ length: 60 }, () => answerThrough(port)));
    expect(seen).toContain('answered');
    expect(seen.filter((each) => each !== 'answered').length).toBeGreaterThan(0);
    expect((await host.look('relay')).state).toMatchObject({ phase: 'listening', complaint: { failure: { code: 'too-many-open-files' } } });
    expect((await host.look()).log).toEqual([expect.stringMatching(new RegExp(`^warn ${formatForward(specOf('relay', echo))}: too-many-open-files: `))]);
    const tunnel = await host.start('tunnel', specOf('local', echo), target);
    expect(tunnel).toMatchObject({ state: { phase: 'failed', failure: { code: 'too-many-open-files' } } });
    expect(tunnel.log.slice(1)).toEqual([expect.stringMatching(/^warn .*: too-many-open-files: .*EMFILE/)]);
    // A listener takes one alone, for which there may be room.
    const listeners: unknown[] = [];
    for (const id of ['b', 'c', 'd']) {
      const { state } = await host.start(id, specOf('relay', echo));
      listeners.push(state?.phase === 'failed' ? state.failure.code : state?.phase);
    }
    expect(listeners).toContain('too-many-open-files');
    for (const client of held) client.destroy();
    for (const id of ['b', 'c', 'd']) await host.stop(id);
    await check.isBack();
    expect(await answerThrough(port)).toBe('answered');
    expect(await answerThrough(await host.portOf('local again', specOf('local', echo), target))).toBe('answered');
  });
});

describe('an extension host that is killed', () => {
  it('with 100 open transfers leaves nothing that listens, and no session on the server', async () => {
    host = await HostProcess.start();
    const remotePort = await findFreePort();
    const ports = [
      await host.portOf('relay', specOf('relay', echo)), await host.portOf('local', specOf('local', echo), target),
      await host.portOf('remote', specOf('remote', echo, remotePort), target),
    ];
    const seen = await Promise.all(Array.from({ length: 100 }, (_, index) => answerThrough(ports[index % ports.length]!)));
    expect(new Set(seen)).toEqual(new Set(['answered']));
    let open = held.length;
    for (const client of held) {
      client.on('end', () => client.destroy()).once('close', () => { open -= 1; }).on('data', (chunk: Buffer) => { client.write(chunk); });
      client.write('on and on');
    }
    const begun = performance.now();
    await host.kill();
    await eventually(() => open === 0 && echo.sockets.size === 0, { explain: () => `${String(open)} clients, ${String(echo.sockets.size)} at the destination` });
    await eventually(async () => (await Promise.all(ports.map(listenersOn))).every((listeners) => listeners.length === 0));
    await eventually(() => descendantsOf(sshd.pid).length === 0);
    table.add('killed with 100 open transfers', `all gone after ${(performance.now() - begun).toFixed(0)} ms`);
  });
});

describe('40 clients that are killed while they write to a destination which never reads', () => {
  it('are freed within a minute, through a relay and through SSH; one that lives stays', { timeout: 150_000 }, async () => {
    const deaf = await serve((socket) => { socket.pause(); });
    host = await HostProcess.start();
    const ports = [await host.portOf('relay', specOf('relay', deaf)), await host.portOf('local', specOf('local', deaf), target)];
    const check = await FaultCheck.begin(host, 'relay');
    const [alive, ...killed] = await Promise.all(Array.from({ length: 41 }, (_, index) => dial(ports[index % ports.length]!)));
    held = [alive!];
    for (const writer of [alive!, ...killed]) pour(writer);
    await eventually(() => deaf.sockets.size === 41);
    await settled(() => killed.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0));
    const { descriptors } = host;
    const begun = performance.now();
    for (const writer of killed) writer.destroy();
    // Of those through SSH the server holds a socket, too; each has one here and, in a relay, one at the destination.
    await eventually(() => host.descriptors <= descriptors - 60, { deadlineMs: 100_000, explain: () => `${String(descriptors - host.descriptors)} of 60 freed` });
    table.add('40 killed writers to one that never reads', `freed ${((performance.now() - begun) / 1_000).toFixed(0)} s after they were killed`);
    expect(alive!.destroyed).toBe(false);
    const { log } = await host.look();
    for (const kind of ['relay', 'local'] as const) expect(log.filter((line) => line.startsWith(`warn ${formatForward(specOf(kind, deaf))}: `))).toEqual([expect.stringMatching(/gone and (?:its|their) destination has taken nothing for 40 s/)]);
    expect(log).toHaveLength(2);
    for (const kind of ['relay', 'local']) await host.stop(kind);
    await check.isBack();
    await deaf.close();
  });
});

describe.each(['relay', 'local'] as const)('40 connections of a %s', (kind) => {
  it('that pour at clients which never read take bounded memory, and one beside them is served', async () => {
    const pouring = await serve((socket) => { socket.once('data', (chunk: Buffer) => { if (chunk[0] === 0x73) {
        pour(socket);
      } else {
        socket.write(chunk);
        socket.pipe(socket);
      }
    }); });
    host = await HostProcess.start();
    const port = await host.portOf('a', specOf(kind, pouring), target);
    for (let round = 0; round < 40; round += 1) await answerThrough(port);
    for (const client of held) client.destroy();
    await eventually(() => pouring.sockets.size === 0);
    const check = await FaultCheck.begin(host);
    const before = host.residentBytes;
    const deaf = await Promise.all(Array.from({ length: 40 }, () => dial(port)));
    held = deaf;
    for (const client of deaf) client.pause().write('s');
    await eventually(() => pouring.sockets.size === 40);
    await settled(() => [...pouring.sockets].reduce((sum, { bytesWritten }) => sum + bytesWritten, 0));
    const each = (host.residentBytes - before) / deaf.length;
    const beside = await dial(port);
    beside.setNoDelay(true);
    const tookMs: number[] = [];
    for (let round = 0; round < 200; round += 1) {
      const begun = performance.now();
      beside.write('hello');
      expect(String((await once(beside, 'data'))[0])).toBe('hello');
      tookMs.push(performance.now() - begun);
    }
    beside.destroy();
    tookMs.sort((one, other) => one - other);
    table.add(`${kind}, 40 clients that never read`, `${(each / MB).toFixed(2)} MB each; the echo beside them ${tookMs[100]!.toFixed(1)} ms (p50), ${tookMs[198]!.toFixed(1)} ms (p99)`);
    expect(each).toBeLessThan((kind === 'relay' ? 1.5 : 5) * MB);
    for (const client of deaf) client.destroy();
    await check.ends();
    await pouring.close();
  });
});

describe.each(['relay', 'local', 'remote'] as const)('40 connections of a %s', (kind) => {
  it('that write to a destination which never reads, and are killed, are freed at a stop', async () => {
    const deaf = await serve((socket) => { socket.pause(); });
    host = await HostProcess.start();
    const port = await host.portOf('a', specOf(kind, deaf), target);
    const { descriptors } = host;
    const check = await FaultCheck.begin(host);
    const writers = await Promise.all(Array.from({ length: 40 }, () => dial(port)));
    for (const writer of writers) pour(writer);
    await eventually(() => deaf.sockets.size === 40);
    await settled(() => writers.reduce((sum, { bytesWritten }) => sum + bytesWritten, 0));
    for (const writer of writers) writer.destroy();
    const begun = performance.now();
    const destinations = [...deaf.sockets].map(outcome);
    await host.stop('a');
    // Of what it had without them the listener or the SSH connection is gone, too.
    expect(host.descriptors).toBeLessThan(descriptors);
    table.add(`${kind}, 40 killed writers to one that never reads`, `freed ${(performance.now() - begun).toFixed(0)} ms after the stop`);
    await Promise.all(destinations);
    await check.ends();
    await eventually(() => descendantsOf(sshd.pid).length === 0);
    await deaf.close();
  });
});
