import { findFreePort } from '../support/freePort.ts';
import { eventually } from '../support/eventually.ts';
import { dial, serve } from '../support/tcpPeers.ts';
import { expect, test } from './fixtures.ts';
import { waitUntilFree } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';
import type { Workbench } from './workbench.ts';

const isForward = ({ level, icon }: TreeRow): boolean => level === 1 && icon !== '';

async function relayTo(workbench: Workbench, destination: number, name: string): Promise<number> {
  const port = await findFreePort();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(destination)}`);
  await workbench.forwards.waitForRow((row) => row.label.startsWith(String(port)) && row.description.includes('listening'));
  await workbench.forwards.press((row) => row.label.startsWith(String(port)), 'F2');
  await workbench.quickInput.answer('Rename Forward', name);
  await workbench.forwards.waitForRow(name);
  return port;
}

const isNamed = (name: string, status: string) => (row: TreeRow): boolean => row.label === name && row.description.includes(status);

test('start, stop and restart from the row, its menu and the palette; several rows at once', async ({ workbench, own }) => {
  const server = own(await serve((socket) => { socket.resume(); }), (it) => it.close());
  await workbench.openCulvert();
  const one = await relayTo(workbench, server.port, 'one');
  const two = await relayTo(workbench, server.port, 'two');
  await workbench.forwards.clickInlineAction('one', 'Stop');
  await workbench.forwards.waitForRow(isNamed('one', 'stopped'), 2000);
  await expect(dial(one)).rejects.toThrow('ECONNREFUSED');
  await workbench.forwards.clickInlineAction('one', 'Start');
  await workbench.forwards.waitForRow(isNamed('one', 'listening'));

  const client = own(await dial(two), (it) => { it.destroy(); });
  await workbench.forwards.waitForRow(isNamed('two', '1 connection'));
  const closed = new Promise((resolve) => client.once('close', resolve));
  await workbench.forwards.clickContextMenu('two', 'Restart');
  await closed;
  await workbench.forwards.waitForRow(isNamed('two', 'listening'));

  await workbench.forwards.select('one');
  await workbench.forwards.selectToo('two');
  await workbench.forwards.clickContextMenu('two', 'Stop');
  await workbench.forwards.waitForRows((rows) => rows.filter(isForward).every(({ description }) => description.includes('stopped')), 2000);
  await workbench.runCommand('Culvert: Start All');
  await workbench.forwards.waitForRows((rows) => rows.filter(isForward).every(({ description }) => description.includes('listening')));
  await workbench.forwards.clickTitleAction('Stop All');
  await workbench.forwards.waitForRows((rows) => rows.filter(isForward).every(({ description }) => description.includes('stopped')), 2000);
  expect(workbench.problems()).toEqual([]);
});

test('keys and menus: copy the address, copy as ssh, edit, remove', async ({ workbench, own }) => {
  const server = own(await serve((socket) => { socket.resume(); }), (it) => it.close());
  await workbench.openCulvert();
  const port = await relayTo(workbench, server.port, 'web');
  await workbench.forwards.press('web', 'ControlOrMeta+C');
  await eventually(async () => (await workbench.readClipboard()) === `localhost:${String(port)}`);

  const edited = await findFreePort();
  await workbench.forwards.clickContextMenu('web', 'Edit…');
  await workbench.quickInput.waitUntilOpen('Edit web');
  expect(await workbench.quickInput.value()).toBe(`${String(port)}:127.0.0.1:${String(server.port)}`);
  await workbench.quickInput.type(`${String(edited)}:127.0.0.1:${String(server.port)}`);
  await workbench.quickInput.waitForFirstRow(({ label }) => label.includes(String(edited)));
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow((row) => row.label === 'web' && row.description.includes(`${String(edited)} →`) && row.description.includes('listening'));
  await expect(dial(port)).rejects.toThrow('ECONNREFUSED');

  await workbench.forward(`${String(await findFreePort())}:db.internal:5432 me@unreachable.invalid:2222`);
  await workbench.forwards.waitForRow((row) => row.icon === 'error');
  await workbench.notifications.dismissAll();
  await workbench.forwards.clickContextMenu((row) => row.icon === 'error', 'Copy as ssh Command');
  await eventually(async () => /^ssh -N -L \d+:db\.internal:5432 -p 2222 me@unreachable\.invalid$/.test(await workbench.readClipboard()));

  await workbench.forwards.press((row) => row.icon === 'error', 'Delete');
  await workbench.forwards.press('web', 'Delete');
  await workbench.forwards.waitUntilEmpty();
  await waitUntilFree(edited);
  await expect.poll(async () => (await workbench.vsCode.readSettings())['culvert.forwards']).toEqual([]);
  expect(workbench.problems()).toEqual([]);
});

test('the status bar says how many listen, whether one failed, and opens the view', async ({ workbench, own }) => {
  const server = own(await serve((socket) => { socket.resume(); }), (it) => it.close());
  expect(await workbench.statusBar.culvert()).toBeUndefined();
  await workbench.openCulvert();
  await relayTo(workbench, server.port, 'one');
  await workbench.statusBar.waitForCulvert('1 forward listening');
  await workbench.forward('0:localhost:80 nobody@127.0.0.1:1');
  const item = await workbench.statusBar.waitForCulvert('1 failed');
  expect(item).toMatchObject({ hasWarningBackground: true, icons: ['warning'] });
  expect(item.text).toContain('1/2');
  await workbench.notifications.waitFor('refused the connection');
  await workbench.screenshot('status-bar-warning');
  await workbench.notifications.dismissAll();
  await workbench.runCommand('View: Show Explorer');
  await workbench.statusBar.clickCulvert();
  await workbench.forwards.waitForRow('one');
  expect(workbench.problems()).toEqual([]);
});
