import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort, preferPort } from '../support/freePort.ts';
import { dial, serve } from '../support/tcpPeers.ts';
import { expect, test } from './fixtures.ts';
import { startKeyHost, startPasswordHost } from './sshHost.ts';
import type { ThemeName } from './workbench.ts';

const THEMES: readonly ThemeName[] = ['light', 'dark', 'high-contrast', 'high-contrast-light'];

/** The main states in every kind of theme, for eyes: nothing else tells whether it is beautiful and obvious. */
test('pictures of the main states in light, dark, high contrast and a narrow sidebar', async ({ workbench, own }) => {
  test.setTimeout(240_000);
  const { vsCode } = workbench;
  await startKeyHost(vsCode, own, { alias: 'bastion' });
  const config = await readFile(join(vsCode.sshFolder, 'config'), 'utf8');
  await vsCode.writeSshFile('config', `${config}\nHost staging\n  HostName staging.example.org\n  User deploy\n\nHost lab\n  HostName 192.0.2.17\n`);
  const database = own(await serve((socket) => { socket.on('data', (data: Buffer) => socket.write(Buffer.alloc(data.length * 40))).on('end', () => socket.end()); }), (it) => it.close());
  await workbench.openCulvert();
  for (const theme of THEMES) {
    await workbench.setTheme(theme);
    await workbench.screenshot(`empty-view-${theme}`);
  }
  await vsCode.writeSshFile('config', `${config}\nHost staging\n  HostName staging.example.org\n  User deploy\n  LocalForward 5433 db.staging:5432\n  LocalForward 9200 localhost:9200\n\nHost lab\n  HostName 192.0.2.17\n  LocalForward 8888 localhost:8888\n`);
  const [db, grafana, web] = [await preferPort(5432), await preferPort(3000), await preferPort(8080)];
  const entries = [
    { name: 'db', forward: `${String(db)}:127.0.0.1:${String(database.port)}`, target: 'bastion' },
    { name: 'grafana', forward: `${String(grafana)}:127.0.0.1:1`, target: 'bastion' },
    { name: 'mail', forward: '2525:localhost:25', target: 'nobody@no-such-host.invalid' },
    { name: 'web', forward: `${String(web)}:127.0.0.1:${String(database.port)}` },
    { name: 'old', forward: '8081:192.0.2.7:80' },
  ];
  await workbench.editSettings((settings) => ({ ...settings, 'culvert.forwards': entries }));
  await workbench.forwards.waitForRow('old');
  for (const name of ['db', 'grafana', 'mail', 'web']) await workbench.forwards.clickContextMenu(name, 'Start');
  for (const name of ['db', 'web']) await workbench.forwards.waitForRow((row) => row.label === name && row.description.includes('listening'));
  await workbench.forwards.waitForRow((row) => row.label === 'mail' && row.icon === 'error');
  await workbench.notifications.dismissAll();
  for (const size of [1_200, 340]) {
    const client = own(await dial(db), (it) => { it.destroy(); });
    client.resume().write(Buffer.alloc(size));
  }
  const left = await dial(db);
  left.resume().end('bye');
  own(await dial(grafana), (it) => { it.destroy(); });
  await workbench.forwards.waitForRow((row) => row.label === 'grafana' && row.icon === 'warning');
  await workbench.forwards.expand('From ssh_config');
  await workbench.forwards.expand('db');
  await workbench.forwards.waitForRows((rows) => rows.filter(({ label }) => label === 'ESTABLISHED').length === 2);
  for (const theme of THEMES) {
    await workbench.setTheme(theme);
    await workbench.screenshot(`tree-${theme}`);
    await workbench.forwards.clickContextMenu('mail', 'Show Last Failure');
    await workbench.notifications.waitFor('No address was found');
    await workbench.screenshot(`failed-forward-${theme}`);
    await workbench.notifications.dismissAll();
    await workbench.runCommand('Culvert: Forward Port…');
    await workbench.quickInput.waitForRow(({ label }) => label === 'lab');
    await workbench.screenshot(`forward-port-${theme}`);
    await workbench.quickInput.type('2323:localhost:23 bastion');
    await workbench.quickInput.waitForFirstRow(({ label }) => label.startsWith('Listen on'));
    await workbench.screenshot(`forward-port-typed-${theme}`);
    await workbench.quickInput.cancel();
  }
  await workbench.setTheme('dark');
  await workbench.forwards.tooltip('db');
  await workbench.screenshot('tooltip');
  await workbench.setSidebarWidth(220);
  await workbench.screenshot('tree-narrow');
  await workbench.setSidebarWidth(520);
  await workbench.screenshot('tree-wide');
  expect(workbench.problems()).toEqual([]);
});

test('pictures of the questions in light, dark and high contrast', async ({ workbench, own }) => {
  test.setTimeout(240_000);
  await startPasswordHost(workbench.vsCode, own, 'password', { alias: 'vault', isKnown: false });
  await workbench.openCulvert();
  const text = `${String(await findFreePort())}:localhost:5432 vault`;
  for (const theme of THEMES) {
    await workbench.setTheme(theme);
    await workbench.forward(text);
    await workbench.quickInput.waitForQuestion('Unknown Host Key');
    await workbench.screenshot(`host-key-question-${theme}`);
    await workbench.quickInput.cancel();
    await workbench.forwards.waitForRow(/host key not trusted/);
  }
  await workbench.forward(text);
  await workbench.quickInput.waitForQuestion('Unknown Host Key');
  await workbench.quickInput.pick('Trust and Connect');
  for (const theme of THEMES) {
    await workbench.quickInput.waitForQuestion('Password of');
    await workbench.quickInput.cancel();
    await workbench.forwards.waitForRow(/login cancelled/);
    await workbench.setTheme(theme);
    await workbench.forward(text);
    await workbench.quickInput.waitForQuestion('Password of');
    await workbench.screenshot(`password-prompt-${theme}`);
  }
  await workbench.quickInput.cancel();
  await workbench.forwards.waitForRow(/login cancelled/);
  expect(workbench.problems()).toEqual([]);
});
