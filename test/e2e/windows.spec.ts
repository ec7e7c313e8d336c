import { findFreePort } from '../support/freePort.ts';
import { dial, serve } from '../support/tcpPeers.ts';
import { expect, test } from './fixtures.ts';
import { Workbench } from './workbench.ts';

test('a second window says that the first one forwards the port, without an alarm', async ({ workbench, own, context }, testInfo) => {
  const { vsCode } = workbench;
  const server = own(await serve((socket) => { socket.resume(); }), (it) => it.close());
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(server.port)}`);
  await workbench.forwards.waitForRow(/listening/);
  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Start with the Editor: On or Off');
  await expect.poll(async () => (await vsCode.readSettings())['culvert.forwards']).toMatchObject([{ autoStart: true }]);

  const page = await context.newPage();
  const second = await Workbench.open({ page, vsCode, folder: workbench.folder, projectName: testInfo.project.name });
  await second.openCulvert();
  await second.forwards.waitForRow(/running in another window/);
  await second.screenshot('second-window');
  await expect.poll(() => second.notifications.read()).toEqual([]);
  expect((await second.statusBar.culvert())?.hasWarningBackground).toBe(false);
  (await dial(port)).destroy();
  expect([...workbench.problems(), ...second.problems()]).toEqual([]);
  await page.goto('about:blank');
});
