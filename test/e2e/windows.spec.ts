import type { BrowserContext, TestInfo } from '@playwright/test';
import { once } from 'node:events';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import { descendantsOf, signalProcess } from '../support/processes.ts';
import { dial, readAll, serve } from '../support/tcpPeers.ts';
import { expect, test, type Own } from './fixtures.ts';
import { startKeyHost } from './sshHost.ts';
import { Workbench } from './workbench.ts';

const TRANSFERS = 100;
/** Of the sidebar, in pixels, so that a picture shows the whole row. */
const WIDE = 460;

interface Stage {
  readonly workbench: Workbench;
  readonly own: Own;
  readonly context: BrowserContext;
  readonly testInfo: TestInfo;
}

/** A forward that starts with the editor runs in the window of the test, to a server that echoes; `second` is another window on the same profile. */
async function openTwo({ workbench, own, context, testInfo }: Stage, via = '') {
  const { vsCode } = workbench;
  const server = own(await serve((socket) => { socket.pipe(socket); }), (it) => it.close());
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(server.port)}${via}`);
  await workbench.forwards.waitForRow(/listening/);
  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Start with the Editor: On or Off');
  await expect.poll(async () => (await vsCode.readSettings())['culvert.forwards']).toMatchObject([{ autoStart: true }]);
  const [ownerPid = 0] = vsCode.extensionHostPids();

  const page = await context.newPage();
  const second = await Workbench.open({ page, vsCode, folder: workbench.folder, projectName: testInfo.project.name });
  await second.openCulvert();
  await second.forwards.waitForRow(/in another window · listening/);
  return { port, server, second, ownerPid };
}

test('a second window shows how the forward stands in the first, without an alarm, and takes it over', async ({ workbench, own, context }, testInfo) => {
  const { port, second } = await openTwo({ workbench, own, context, testInfo });
  const client = own(await dial(port), (it) => it.destroy());
  await second.forwards.waitForRow(/in another window · 1 connection/);
  expect((await second.forwards.rows())[0]?.icon).toBe('multiple-windows');
  await second.setSidebarWidth(WIDE);
  await second.forwards.expand((row) => row.level === 1);
  await second.forwards.waitForRow((row) => row.label === 'LISTEN' && row.description.includes(String(port)));
  await second.screenshot('second-window');
  expect(await second.forwards.tooltip((row) => row.level === 1)).toMatch(/State: in another window · listening, for .*It starts here when that window closes\..*Listening on .*1 open connection, 1 in all/s);
  await expect.poll(() => second.notifications.read()).toEqual([]);
  expect(await second.statusBar.culvert()).toMatchObject({ text: '1', hasWarningBackground: false });
  client.destroy();

  await second.forwards.clickContextMenu((row) => row.level === 1, 'Take Over');
  await second.forwards.waitForRow((row) => row.icon === 'pass-filled');
  await workbench.forwards.waitForRow(/in another window · listening/);
  // A browser draws a page behind another so seldom that a click on it may come late.
  await workbench.page.bringToFront();
  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Stop');
  for (const each of [workbench, second]) await each.forwards.waitForRow(/stopped/);
  expect([...workbench.problems(), ...second.problems()]).toEqual([]);
  await second.page.goto('about:blank');
});

test('when the extension host that runs a forward is killed in 100 transfers, nothing is left of it, and a window that wanted it takes over', async ({ workbench, own, context }, testInfo) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'server' });
  const { port, server, second, ownerPid } = await openTwo({ workbench, own, context, testInfo }, ' server');
  const clients = await Promise.all(Array.from({ length: TRANSFERS }, () => dial(port)));
  let open = clients.length;
  for (const client of clients) client.on('end', () => { client.destroy(); }).once('close', () => { open -= 1; }).on('data', (chunk: Buffer) => { client.write(chunk); });
  await Promise.all(clients.map((client) => {
    client.write('on and on');
    return once(client, 'data');
  }));
  const sessions = descendantsOf(sshd.pid);
  const sockets = (await listenersOn(port)).map(({ inode }) => inode);

  signalProcess(ownerPid, 'SIGKILL');
  const goneAt = performance.now();
  await eventually(() => open === 0 && server.sockets.size === 0, { explain: () => `${String(open)} clients, ${String(server.sockets.size)} at the destination` });
  await eventually(async () => {
    const client = await dial(port);
    client.end('hello');
    return (await readAll(client)).toString() === 'hello';
  });
  testInfo.annotations.push({ type: 'served again', description: `${(performance.now() - goneAt).toFixed(0)} ms` });
  await eventually(() => !descendantsOf(sshd.pid).some((pid) => sessions.includes(pid)), { explain: () => sshd.logText() });
  expect((await listenersOn(port)).filter(({ inode }) => sockets.includes(inode))).toEqual([]);

  await second.forwards.waitForRow((row) => row.icon === 'pass-filled');
  await eventually(async () => (await second.forwards.rows()).filter((row) => row.level === 1).length === 1);
  await second.screenshot('taken-over');
  await expect.poll(() => second.notifications.read()).toEqual([]);
  expect(second.problems()).toEqual([]);
  await second.page.goto('about:blank');
});
