import type { BrowserContext, TestInfo } from '@playwright/test';
import { findFreePort } from '../support/freePort.ts';
import { eventually } from '../support/eventually.ts';
import { signalProcess } from '../support/processes.ts';
import { dial, readAll, serve } from '../support/tcpPeers.ts';
import { expect, test, type Own } from './fixtures.ts';
import { Workbench } from './workbench.ts';

/** A forward that starts with the editor runs in the window of the test; `second` is another, on the same profile. */
async function openTwo(workbench: Workbench, own: Own, context: BrowserContext, testInfo: TestInfo) {
  const { vsCode } = workbench;
  const server = own(await serve((socket) => { socket.pipe(socket); }), (it) => it.close());
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(server.port)}`);
  await workbench.forwards.waitForRow(/listening/);
  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Start with the Editor: On or Off');
  await expect.poll(async () => (await vsCode.readSettings())['culvert.forwards']).toMatchObject([{ autoStart: true }]);
  const [ownerPid = 0] = vsCode.extensionHostPids();

  const page = await context.newPage();
  const second = await Workbench.open({ page, vsCode, folder: workbench.folder, projectName: testInfo.project.name });
  await second.openCulvert();
  await second.forwards.waitForRow(/in another window · listening/);
  return { port, second, ownerPid };
}

test('a second window shows how the forward stands in the first, without an alarm, and takes it over', async ({ workbench, own, context }, testInfo) => {
  const { port, second } = await openTwo(workbench, own, context, testInfo);
  const client = own(await dial(port), (it) => it.destroy());
  await second.forwards.waitForRow(/in another window · listening, 1 connection/);
  expect((await second.forwards.rows())[0]?.icon).toBe('multiple-windows');
  await second.screenshot('second-window');
  await expect.poll(() => second.notifications.read()).toEqual([]);
  expect(await second.statusBar.culvert()).toMatchObject({ text: '0', hasWarningBackground: false });
  client.destroy();

  await second.forwards.clickContextMenu((row) => row.level === 1, 'Take Over');
  await second.forwards.waitForRow((row) => row.icon === 'pass-filled');
  await workbench.forwards.waitForRow(/in another window · listening/);
  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Stop');
  for (const each of [workbench, second]) await each.forwards.waitForRow(/stopped/);
  expect([...workbench.problems(), ...second.problems()]).toEqual([]);
  await second.page.goto('about:blank');
});

test('when the window that runs a forward goes, one that wanted it takes over', async ({ workbench, own, context }, testInfo) => {
  const { port, second, ownerPid } = await openTwo(workbench, own, context, testInfo);
  signalProcess(ownerPid, 'SIGKILL');
  const goneAt = performance.now();
  await second.forwards.waitForRow((row) => row.icon === 'pass-filled');
  testInfo.annotations.push({ type: 'taken over', description: `${(performance.now() - goneAt).toFixed(0)} ms` });
  const client = await dial(port);
  client.end('hello');
  expect((await readAll(client)).toString()).toBe('hello');
  await eventually(async () => (await second.forwards.rows()).filter((row) => row.level === 1).length === 1);
  await second.screenshot('taken-over');
  await expect.poll(() => second.notifications.read()).toEqual([]);
  expect(second.problems()).toEqual([]);
  await second.page.goto('about:blank');
});
