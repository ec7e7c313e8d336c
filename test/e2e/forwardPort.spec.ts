import { createServer } from 'node:http';
import { once } from 'node:events';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import { dial, readAll, serve } from '../support/tcpPeers.ts';
import { expect, test, type Own } from './fixtures.ts';
import { firstBytesFrom, GREETING, SSH_HOST, startGreeter, startKeyHost } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';

const isListening = (row: TreeRow): boolean => row.level === 1 && row.description.includes('listening');

test('the box opens from the empty view, the title and the palette; a mistake is said with its place, and Enter does nothing', async ({ workbench }) => {
  const { quickInput } = workbench;
  await workbench.openCulvert();
  await workbench.page.locator('.welcome-view-content').getByRole('button', { name: 'Forward Port…' }).click();
  await quickInput.waitUntilOpen('Forward Port');
  await quickInput.cancel();
  await workbench.forwards.clickTitleAction('Forward Port…');
  await quickInput.waitUntilOpen('Forward Port');
  await quickInput.type('-L 2323:localhost:23 user@remhost:2222');
  await quickInput.waitForFirstRow(({ label, detail }) => label === 'Listen on 127.0.0.1:2323, connect to localhost:23' && detail === 'as seen from user@remhost:2222, encrypted (SSH).');

  await quickInput.type('2323:localhost:70000 remhost');
  await quickInput.waitForFirstRow(({ label, detail, icons }) => label === 'Port 70000 is above 65535.' && detail === '2323:localhost:▸70000◂ remhost' && icons.includes('error'));
  await workbench.screenshot('forward-port-mistake');
  await quickInput.accept();
  // What was typed after shows that the box is there and that Enter has been and gone.
  await quickInput.type('2323:localhost:7000 remhost');
  await quickInput.waitForFirstRow(({ label }) => label.endsWith('connect to localhost:7000'));
  await quickInput.cancel();
  expect(await workbench.forwards.rows()).toEqual([]);
  expect((await workbench.vsCode.readSettings())['culvert.forwards']).toBeUndefined();
  expect(workbench.problems()).toEqual([]);
});

test('step by step: a host of ssh_config with what it resolves to, the port there, the port here; and again from the recent ones', async ({ workbench, own }) => {
  const { quickInput } = workbench;
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'vault' });
  const greeter = await startGreeter(own);
  await workbench.openCulvert();
  await workbench.runCommand('Culvert: Forward Port…');
  await quickInput.pick('SSH Tunnel…');
  await quickInput.waitForQuestion('Forward Port (1/3): SSH Server');
  await quickInput.waitForRow(({ label, description }) => label === 'vault' && description.includes(sshd.userName) && description.includes(SSH_HOST));
  await workbench.screenshot('guided-server');
  await quickInput.pick('vault');
  await quickInput.waitForQuestion('Forward Port (2/3): Port There');
  await quickInput.type('99999');
  await quickInput.accept();
  await eventually(async () => (await quickInput.message()).includes('Port 99999 is above 65535.'));
  await quickInput.type(String(greeter.port));
  await quickInput.accept();
  await quickInput.waitForQuestion('Forward Port (3/3): Port Here');
  // The same one is taken here, since "there" is this machine too.
  const port = Number(await quickInput.value());
  expect(port).toBeGreaterThan(greeter.port);
  await quickInput.accept();
  await workbench.forwards.waitForRow((row) => isListening(row) && row.label === `${String(port)} → localhost:${String(greeter.port)}`);
  expect(await firstBytesFrom(port)).toBe(GREETING);

  // Removing one with an open connection would ask first.
  await workbench.forwards.waitForRow('CLOSED');
  await workbench.forwards.press(isListening, 'Delete');
  await workbench.forwards.waitUntilEmpty();
  await workbench.runCommand('Culvert: Forward Port…');
  await quickInput.pick(`${String(port)}:localhost:${String(greeter.port)} vault`);
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);

  await workbench.runCommand('Culvert: Forward Port…');
  await quickInput.pick('Local Relay…');
  await quickInput.answer('Destination', '192.0.2.7:80');
  await quickInput.waitForQuestion('Port Here');
  expect(Number(await quickInput.value())).toBeGreaterThan(1024);
  await quickInput.cancel();
  expect(workbench.problems()).toEqual([]);
});

test('a wider address asks first, once for that forward, and is marked', async ({ workbench, own }) => {
  const page = own(await serve((socket) => { socket.resume().end('seen from afar'); }), (it) => it.close());
  const port = await findFreePort();
  const question = 'will be reachable from other machines';
  await workbench.openCulvert();
  await workbench.forward(`*:${String(port)}:127.0.0.1:${String(page.port)}`);
  await workbench.dialog.waitFor(question);
  await workbench.screenshot('wider-bind-question');
  await workbench.dialog.press('Cancel');
  await workbench.forwards.waitForRow((row) => row.level === 1 && row.icon === 'error');
  await expect(dial(port)).rejects.toThrow('ECONNREFUSED');
  await workbench.notifications.dismissAll();

  await workbench.forwards.clickInlineAction((row) => row.level === 1, 'Start');
  await workbench.dialog.waitFor(question);
  await workbench.dialog.press('Allow for This Forward');
  const row = await workbench.forwards.waitForRow(isListening);
  expect(row.ariaLabel).toContain('other machines');
  expect((await readAll(await dial(port, SSH_HOST))).toString()).toBe('seen from afar');
  const before = await listenersOn(port);
  await workbench.forwards.clickContextMenu(isListening, 'Restart');
  // The row says that it listens before, too, and in between nobody does.
  await eventually(async () => {
    const now = await listenersOn(port);
    return now.length === before.length && now.every(({ inode }) => before.every((other) => other.inode !== inode));
  });
  expect((await readAll(await dial(port, SSH_HOST))).toString()).toBe('seen from afar');
  expect(await workbench.dialog.isOpen()).toBe(false);
  expect(workbench.problems()).toEqual([]);
});

test('a web page is opened through the editor, the log is shown, and the status bar lists all', async ({ workbench, own }) => {
  const web = await startWebServer(own);
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(web)}`);
  await workbench.forwards.waitForRow(isListening);
  const popup = workbench.page.context().waitForEvent('page');
  await workbench.forwards.clickInlineAction(isListening, 'Open in Browser');
  // Not at the address itself, but where this editor's server says that the port is to be found.
  const opened = await popup;
  await opened.waitForURL((url) => url.pathname === `/proxy/${String(port)}/`, { waitUntil: 'commit' });
  await opened.close();

  await workbench.statusBar.hoverCulvert();
  const hover = workbench.page.locator('.workbench-hover');
  await hover.filter({ hasText: `${String(port)} → 127.0.0.1:${String(web)}` }).filter({ hasText: 'listening' }).waitFor();
  await workbench.screenshot('status-bar-tooltip');
  await workbench.forwards.clickContextMenu(isListening, 'Show Log');
  await workbench.page.locator('.part.panel').getByRole('tab', { name: /^Output/, selected: true }).waitFor();
  await workbench.screenshot('log');
  expect(workbench.problems()).toEqual([]);
});

/** On a port of those that web servers have, so that the row takes it for one. */
async function startWebServer(own: Own): Promise<number> {
  const server = own(createServer((_, response) => { response.end('a page'); }), (it) => { it.closeAllConnections(); it.close(); });
  for (let port = 8100; ; port += 1) {
    const attempt = once(server, 'listening').then(() => true, () => false);
    server.listen(port, '127.0.0.1');
    if (await attempt) return port;
  }
}
