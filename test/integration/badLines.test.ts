import { writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { through } from '../support/badServers.ts';
import { ControlSide } from '../support/controlSide.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import { Route } from '../support/planeRoutes.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { run } from '../support/processes.ts';
import { slowLine } from '../support/slowLine.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, readAll, serve, sha256, testBytes, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const table = new MeasuredTable('bad lines and slow readers, and how long they took');

const KiB = 1024;

const secondsSince = (begun: number): string => `${((performance.now() - begun) / 1000).toFixed(1)} s`;

describe('a server', () => {
  let folder: TemporaryFolder;
  let key: SshKeyFile;
  let sshd: Sshd;
  let echo: TestServer;

  beforeEach(async () => {
    folder = await createTemporaryFolder('lines');
    key = await createSshKey(folder.join('id'));
    sshd = await Sshd.start({ authorizedKeys: [key.publicKey] });
    echo = await serve((socket) => { socket.pipe(socket); });
  });

  afterEach(async () => {
    await sshd.stop();
    await echo.close();
    await folder.remove();
  });

  const over = (way: Partial<SshHop>): Promise<ControlSide> => ControlSide.start({
    answers: trusting(sshd), target: () => targetOf(hopTo(sshd, { identities: [identityOf(key)], ...way })),
  });

  it('behind 100 kB/s and 200 ± 50 ms is reached, and delivers every byte both ways', async () => {
    const line = await slowLine(sshd, { bytesPerSecond: 100_000, latencyMs: () => 150 + Math.random() * 100 });
    const control = await over({ port: line.port });
    const check = await FaultCheck.begin(control);
    const begun = performance.now();
    const port = await control.forward('a', echo);
    const up = secondsSince(begun);
    const bytes = testBytes(150 * KiB);
    const sent = performance.now();
    const client = await dial(port);
    client.end(bytes);
    expect(sha256(await readAll(client))).toBe(sha256(bytes));
    table.add('100 kB/s, 200 ± 50 ms', `up after ${up}, 150 KiB there and back after ${secondsSince(sent)}`);
    expect(control.phases.get('a')).not.toContain('retrying');
    await control.stop('a');
    await check.ends();
    await control.close();
    await line.close();
  });

  it('whose name does not exist is said to have none, and is not tried again in silence', async () => {
    const control = await over({ host: 'no-such-host.invalid' });
    const check = await FaultCheck.begin(control);
    await control.tryOut({ kind: 'local', listen: { host: '127.0.0.1', port: 0 }, connect: { host: echo.host, port: echo.port }, target: { host: 'server' } }, 'a');
    await check.shows({ phase: 'failed', cause: 'host-not-found', names: 'no-such-host.invalid' });
    await check.ends(table, 'a name that does not exist');
    await control.close();
  });

  it('whose name has moved to another address is found there by the next try', async () => {
    const inFront = (host: string, port = 0): Promise<TestServer> => serve(through(sshd, (chunk) => chunk), port, host);
    const before = await inFront('127.0.0.2');
    const addresses = folder.join('addresses');
    await writeFile(addresses, before.host);
    process.env['CULVERT_TEST_ADDRESSES'] = addresses;
    const control = await over({ host: 'addresses.test', port: before.port });
    const port = await control.forward('a', echo);
    delete process.env['CULVERT_TEST_ADDRESSES'];
    const check = await FaultCheck.begin(control);
    const after = await inFront('127.0.0.3', before.port);
    await writeFile(addresses, after.host);
    await before.close();
    await check.shows({ phase: 'retrying', cause: 'connection-lost' });
    await check.heals();
    const client = await dial(port);
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    await check.ends(table, 'a name that has moved');
    await control.close();
    await after.close();
  });

  it.runIf(canCreateNetworkNamespace())('with a dead IPv6 address and a live IPv4 one is reached by that', async () => {
    const namespace = await NetworkNamespace.create();
    await run('ip', ['-6', 'address', 'add', 'fdc0:ffee::1/64', 'dev', namespace.linkName, 'nodad']);
    await namespace.exec('nft', 'add', 'table', 'inet', 'cut');
    await namespace.exec('nft', 'add', 'chain', 'inet', 'cut', 'in', '{ type filter hook input priority 0; policy drop; }');
    process.env['CULVERT_TEST_ADDRESSES'] = `fdc0:ffee::2 ${sshd.host}`;
    const control = await over({ host: 'addresses.test' });
    const check = await FaultCheck.begin(control);
    delete process.env['CULVERT_TEST_ADDRESSES'];
    const begun = performance.now();
    const port = await control.forward('a', echo);
    table.add('a dead AAAA and a live A', `up after ${secondsSince(begun)}`);
    const client = await dial(port);
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    await control.stop('a');
    await check.ends();
    await control.close();
    await namespace.remove();
  });
});

describe('50 MB of a peer that has written and closed', () => {
  const BYTES_PER_SECOND = 5_000_000;
  const SENT = testBytes(50_000_000);
  const EACH_WAY = 13;
  const ROUNDS = 2;

  it('reach a reader of 5 MB/s to the last byte, in either direction, through a relay and through SSH, 104 of 104', { timeout: 240_000 }, async () => {
    const begun = performance.now();
    const routes = await Promise.all((['relay', 'local'] as const).map((kind) => Route.open(kind)));
    const right: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const readers = routes.flatMap((route) => Array.from({ length: EACH_WAY }, () => [downSlowly(route), upSlowly(route)]).flat());
      right.push(...await Promise.all(readers));
    }
    expect(right).toEqual(right.map(() => SENT.length));
    table.add('50 MB at 5 MB/s of a peer that closed', `${String(right.length)} of ${String(right.length)} whole after ${secondsSince(begun)}`);
    for (const route of routes) {
      expect(route.plane.log()).not.toMatch(/^(?:warn|error) /m);
      await route.close();
    }
  });

  function writeAndClose(socket: Socket): void {
    socket.write(SENT);
    socket.destroySoon();
  }

  async function downSlowly(route: Route): Promise<number> {
    const server = await serve(writeAndClose);
    const { forward, dial: connect } = await route.forward(server);
    const right = await rightBytesAt(BYTES_PER_SECOND, await connect());
    await route.plane.stop(forward);
    await server.close();
    return right;
  }

  async function upSlowly(route: Route): Promise<number> {
    let arrived: (right: Promise<number>) => void;
    const arriving = new Promise<number>((resolve) => { arrived = resolve; });
    const server = await serve((socket) => { arrived(rightBytesAt(BYTES_PER_SECOND, socket)); });
    const { forward, dial: connect } = await route.forward(server);
    writeAndClose(await connect());
    const right = await arriving;
    await route.plane.stop(forward);
    await server.close();
    return right;
  }

  /** Reads no faster than that, and gives how many bytes came as they were sent before the end; NaN where one did not, or there was no end. */
  function rightBytesAt(bytesPerSecond: number, socket: Socket): Promise<number> {
    const begun = performance.now();
    let received = 0;
    socket.on('data', (chunk: Buffer) => {
      received = SENT.subarray(received, received + chunk.length).equals(chunk) ? received + chunk.length : NaN;
      const aheadMs = (received / bytesPerSecond) * 1_000 - (performance.now() - begun);
      if (!(aheadMs >= 1)) return;
      socket.pause();
      setTimeout(() => socket.resume(), aheadMs);
    });
    return new Promise((resolve) => {
      socket.once('end', () => {
        socket.end();
        resolve(received);
      });
      socket.once('close', () => { resolve(NaN); });
    });
  }
});
