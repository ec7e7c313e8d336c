import { readFile } from 'node:fs/promises';
import { findFreePort } from '../support/freePort.ts';
import { expect, test } from './fixtures.ts';
import { firstBytesFrom, GREETING, startGreeter, startKeyHost, waitUntilDeserted, waitUntilFree } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';

const GROUP = 'From ssh_config';

test('the forwards of ssh_config are offered live, run with one click, and are changed only in the file', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const greeter = await startGreeter(own);
  const [port, other, relay] = [await findFreePort(), await findFreePort(), await findFreePort()];
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', sshConfig: [`LocalForward ${String(port)} 127.0.0.1:${String(greeter.port)}`] });
  await workbench.openCulvert();
  await workbench.editSettings((before) => ({ ...before, 'culvert.forwards': [{ name: 'mine', forward: `${String(relay)}:127.0.0.1:${String(greeter.port)}` }] }));
  const settings = await vsCode.readSettings();
  const isOffered = (row: TreeRow): boolean => row.label.startsWith(`${String(port)} →`);
  const group = await workbench.forwards.waitForRow(GROUP);
  expect(group).toMatchObject({ description: '1 forward', isExpanded: false, level: 1 });
  await workbench.forwards.expand(GROUP);
  await workbench.runCommand('Culvert: Start All');
  await workbench.forwards.waitForRow((row) => row.label === 'mine' && row.description.endsWith('listening'));
  expect(sshd.logText()).not.toContain('Connection from');

  expect(await workbench.forwards.waitForRow(isOffered)).toMatchObject({ level: 2, description: 'via vault  ·  stopped', icon: 'circle-outline' });
  expect(await workbench.forwards.tooltip(isOffered)).toMatch(/From ssh_config: \S+\/\.ssh\/config, line \d+\. It can be changed only there\./);
  await workbench.screenshot('ssh-config-forwards');
  await workbench.forwards.clickInlineAction(isOffered, 'Start');
  await workbench.forwards.waitForRow((row) => isOffered(row) && row.description.endsWith('listening'));
  expect(await firstBytesFrom(port)).toBe(GREETING);
  await workbench.forwards.waitForRow((row) => row.label === GROUP && row.description === '1 forward  ·  1 listening');

  const menu = await workbench.forwards.contextMenu(isOffered);
  for (const entry of ['Rename…', 'Edit…', 'Remove']) expect(menu).not.toContain(entry);
  await workbench.forwards.press(isOffered, 'Delete');
  await workbench.notifications.waitFor('change it there');
  await workbench.notifications.dismissAll();
  await workbench.forwards.clickContextMenu(isOffered, 'Open in ssh_config');
  await workbench.page.getByRole('tab', { name: /^config/ }).waitFor();

  const before = await readFile(`${vsCode.sshFolder}/config`, 'utf8');
  await vsCode.writeSshFile('config', `${before}Host second\n  LocalForward ${String(other)} localhost:80\n`);
  await workbench.forwards.waitForRow((row) => row.level === 2 && row.label.startsWith(`${String(other)} →`) && row.description.startsWith('via second'));
  await vsCode.writeSshFile('config', before.replace(/ {2}LocalForward.*\n/, ''));
  await workbench.forwards.waitForRows((rows) => !rows.some(({ label }) => label.startsWith(`${String(other)} →`)));
  // What runs is not taken away from whoever uses it.
  expect(await firstBytesFrom(port)).toBe(GREETING);
  await workbench.forwards.clickInlineAction(isOffered, 'Stop');
  await workbench.forwards.waitForRows((rows) => rows.filter(({ level }) => level === 1).map(({ label }) => label).join() === 'mine');
  await workbench.runCommand('Culvert: Stop All');
  await waitUntilFree(relay);
  await waitUntilFree(port);
  await waitUntilDeserted(sshd);
  expect(await vsCode.readSettings()).toEqual(settings);
  expect(workbench.problems()).toEqual([]);
});
