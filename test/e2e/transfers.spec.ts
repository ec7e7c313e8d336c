import type { Socket } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { descendantsOf } from '../support/processes.ts';
import { dial, outcome, serve } from '../support/tcpPeers.ts';
import { TRANSFERS, type Through } from '../support/transfers.ts';
import { descriptorsOf, isBackTo } from './descriptors.ts';
import { expect, test } from './fixtures.ts';
import { startKeyHost } from './sshHost.ts';
import type { Workbench } from './workbench.ts';

for (const kind of ['relay', 'local'] as const) {
  test(`no program can tell: every transfer through a ${kind === 'relay' ? 'local relay' : 'tunnel'}`, async ({ workbench, own }) => {
    test.setTimeout(240_000);
    const sshd = kind === 'local' ? await startKeyHost(workbench.vsCode, own, { alias: 'server' }) : undefined;
    let handle: (socket: Socket) => void = (socket) => { socket.resume().on('end', () => socket.end()); };
    const server = own(await serve((socket) => { handle(socket); }), (it) => it.close());
    await workbench.openCulvert();
    const port = await forwardTo(workbench, server.port, kind === 'local' ? ' server' : '');
    const through: Through = async (next, run) => {
      handle = next;
      await run(() => dial(port), server.sockets);
    };
    const [pid = 0] = workbench.vsCode.extensionHostPids();
    const before = descriptorsOf(pid);
    for (const transfer of TRANSFERS) await test.step(transfer.name, () => transfer.run(through));

    await eventually(() => isBackTo(before, descriptorsOf(pid)), { explain: () => JSON.stringify({ before, now: descriptorsOf(pid) }) });
    if (sshd !== undefined) await eventually(() => descendantsOf(sshd.pid).length <= 2);
    await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Stop');
    await workbench.forwards.waitForRow(/stopped/, 2000);
    expect(workbench.problems()).toEqual([]);
  });
}

test('a reset passes through the relay, in both directions', async ({ workbench, own }) => {
  const greeted: Socket[] = [];
  const server = own(await serve((socket) => {
    socket.on('data', (data: Buffer) => {
      if (data.includes('reset')) socket.resetAndDestroy();
      else greeted.push(socket);
    });
  }), (it) => it.close());
  await workbench.openCulvert();
  const port = await forwardTo(workbench, server.port, '');
  const first = await dial(port);
  first.write('reset');
  expect(await outcome(first)).toBe('reset');

  const second = await dial(port);
  second.write('hello');
  const there = await eventually(() => greeted[0]);
  const seen = outcome(there);
  second.resetAndDestroy();
  expect(await seen).toBe('reset');
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('reset by the destination'));
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('reset by the client'));
  expect(workbench.problems()).toEqual([]);
});

async function forwardTo(workbench: Workbench, destination: number, target: string): Promise<number> {
  const port = await findFreePort();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(destination)}${target}`);
  await workbench.forwards.waitForRow(/listening/);
  return port;
}
