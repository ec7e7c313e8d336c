import { connect } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { serve } from '../support/tcpPeers.ts';
import { expect, test } from './fixtures.ts';

const HELLO = 'hello from the far end';

test('forwards are kept in the settings, survive a reload and start by themselves when they say so', async ({ workbench, own }) => {
  const server = own(await serve((socket) => { socket.end(HELLO); }), (it) => it.close());
  const [kept, automatic] = [await findFreePort(), await findFreePort()];
  await workbench.openCulvert();
  await workbench.forward(`${String(kept)}:127.0.0.1:${String(server.port)}`);
  await workbench.forwards.waitForRow(/listening/);
  await workbench.forward(`${String(automatic)}:127.0.0.1:${String(server.port)}`);
  const isAutomatic = ({ label }: { label: string }): boolean => label.startsWith(String(automatic));
  await workbench.forwards.waitForRow((row) => isAutomatic(row) && row.description.includes('listening'));
  await workbench.forwards.clickContextMenu(isAutomatic, 'Start with the Editor: On or Off');
  await expect.poll(async () => (await workbench.vsCode.readSettings())['culvert.forwards']).toEqual([
    { id: expect.any(String) as unknown, forward: `${String(kept)}:127.0.0.1:${String(server.port)}` },
    { id: expect.any(String) as unknown, forward: `${String(automatic)}:127.0.0.1:${String(server.port)}`, autoStart: true },
  ]);

  await workbench.reload();
  await workbench.openCulvert();
  await workbench.forwards.waitForRow((row) => isAutomatic(row) && row.description.includes('listening'));
  await workbench.forwards.waitForRow((row) => row.label.startsWith(String(kept)) && row.description === 'stopped');
  expect((await workbench.forwards.rows()).filter(({ level }) => level === 1)).toHaveLength(2);
  expect(await read(automatic)).toBe(HELLO);
  await expect(read(kept)).rejects.toThrow('ECONNREFUSED');
  expect(workbench.problems()).toEqual([]);
});

test('hand-written entries work, and nonsense among them is shown with its reason and left alone', async ({ workbench, own }) => {
  const server = own(await serve((socket) => { socket.end(HELLO); }), (it) => it.close());
  const port = await findFreePort();
  const good = { name: 'web', forward: `${String(port)}:127.0.0.1:${String(server.port)}`, autoStart: true };
  const entries = [{ forward: '8080:localhost:70000' }, good, 'nonsense', { name: 'db', forward: '5432:db:5432', target: '-oProxyCommand=x' }, { forward: 5432 }];
  await workbench.openCulvert();
  const text = JSON.stringify({ ...(await workbench.vsCode.readSettings()), 'culvert.forwards': entries }, undefined, 2);
  await workbench.editSettingsText(text);

  await workbench.forwards.waitForRow((row) => row.icon === 'error' && row.description.includes('Port 70000 is above 65535.'));
  await workbench.forwards.waitForRow((row) => row.label === 'entry 3' && row.description.includes('must be an object'));
  await workbench.forwards.waitForRow((row) => row.label === 'db' && row.description.includes('cannot begin with "-"'));
  await workbench.forwards.waitForRow((row) => row.label === 'web');
  await workbench.screenshot('settings-nonsense');
  await workbench.forwards.clickContextMenu('web', 'Start');
  await workbench.forwards.waitForRow((row) => row.label === 'web' && row.description.includes('listening'));
  expect(await read(port)).toBe(HELLO);
  expect(await workbench.vsCode.readSettingsText()).toBe(text);
  await workbench.forwards.select('db');
  await workbench.page.getByRole('tab', { name: /^settings\.json/ }).waitFor();
  expect(workbench.problems()).toEqual([]);
});

test('settings.json completes and complains about forwards', async ({ workbench }) => {
  await workbench.openCulvert();
  await workbench.editSettings((settings) => ({ ...settings, 'culvert.forwards': [{ target: 'bastion', forwards: 1 }, { forward: 'db:' }] }));
  await workbench.runCommand('Preferences: Open User Settings (JSON)');
  // An editor that opens takes the focus, and with it closes a palette that is open already.
  await workbench.page.locator('.monaco-editor.focused').waitFor();
  await workbench.runCommand('Problems: Focus on Problems View');
  const problems = workbench.page.locator('.markers-panel');
  await problems.getByText('Missing property "forward"').waitFor();
  await problems.getByText('Property forwards is not allowed').waitFor();
  await problems.getByText('Write [bind:]port:host:hostport').waitFor();

  await workbench.runCommand('View: Close Editor');
  await workbench.editSettings((settings) => ({ ...settings, 'culvert.forwards': [] }));
  await workbench.runCommand('Preferences: Open User Settings (JSON)');
  await workbench.page.locator('.monaco-editor.focused').waitFor();
  // Into the brackets of the last setting, in the last line but one.
  for (const key of ['ControlOrMeta+End', 'ArrowUp', 'End', 'ArrowLeft']) await workbench.page.keyboard.press(key);
  const suggestions = workbench.page.locator('.suggest-widget.visible');
  await eventually(async () => {
    await workbench.page.keyboard.press('Control+Space');
    await suggestions.getByText('SSH tunnel').waitFor({ timeout: 3_000 });
    return true;
  });
  for (const label of ['Local relay', 'SOCKS proxy (-D)']) await suggestions.getByText(label).waitFor();
  await workbench.screenshot('settings-completion');
});

function read(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => { text += chunk.toString(); });
    socket.once('end', () => { resolve(text); });
    socket.once('error', reject);
  });
}
