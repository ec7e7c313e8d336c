import { findFreePort } from '../support/freePort.ts';
import { dial, readAll, serve } from '../support/tcpPeers.ts';
import { descendantsOf } from '../support/processes.ts';
import { expect, test } from './fixtures.ts';
import { countInLog, startKeyHost, waitUntilFree } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';

test('on demand: the first connection opens the tunnel; the forward ends after its time, or after what is connected', async ({ workbench, own }) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'remhost' });
  const echo = own(await serve((socket) => { socket.pipe(socket); }), (it) => it.close());
  const port = await findFreePort();
  const isForward = ({ level, label }: TreeRow): boolean => level === 1 && label.startsWith(String(port));
  const waitFor = (status: string): Promise<TreeRow> => workbench.forwards.waitForRow((row) => isForward(row) && row.description.includes(status));
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(echo.port)} remhost`);
  await waitFor('listening');
  await workbench.forwards.clickContextMenu(isForward, 'Connect on Demand: On or Off');
  await waitFor('listening, connects on demand');
  await expect.poll(() => descendantsOf(sshd.pid)).toEqual([]);
  expect(countInLog(sshd, 'Accepted publickey')).toBe(1);
  await workbench.screenshot('tree-on-demand');

  const client = own(await dial(port), (it) => { it.destroy(); });
  client.write('half of it');
  await workbench.forwards.waitForRow((row) => row.label === 'ESTABLISHED' && row.description.includes('↓ 10 B'));
  expect(countInLog(sshd, 'Accepted publickey')).toBe(2);

  await workbench.forwards.clickContextMenu(isForward, 'Set Time Limit…');
  await workbench.quickInput.waitForQuestion('Minutes of running');
  await workbench.screenshot('stop-after');
  await workbench.quickInput.answer('Minutes of running', '90');
  await workbench.quickInput.waitUntilClosed();
  const tooltip = await workbench.forwards.tooltip(isForward);
  await workbench.screenshot('tooltip-on-demand');
  expect(tooltip).toContain('On demand: the tunnel opens for the first connection');
  expect(tooltip).toMatch(/Stops by itself in 1 h (?:30|[12]\d) min\./);

  await workbench.forwards.clickContextMenu(isForward, 'Stop When Connections End');
  await waitFor('stopping, 1 connection left');
  await workbench.forwards.waitForRow((row) => row.label === 'ESTABLISHED');
  expect(await workbench.forwards.contextMenu(isForward)).toContain('Stop');
  await workbench.screenshot('tree-draining');
  client.end(', and the rest');
  expect((await readAll(client)).toString()).toBe('half of it, and the rest');
  await waitFor('stopped');
  await waitUntilFree(port);
  expect(workbench.problems()).toEqual([]);
});
