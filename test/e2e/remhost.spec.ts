import { createSshKey } from '../support/sshKeys.ts';
import { findFreePort } from '../support/freePort.ts';
import { NetworkNamespace } from '../support/netns.ts';
import { knownHostsLine } from '../support/sshKeys.ts';
import { Sshd } from '../support/sshd.ts';
import { TelnetClient } from '../support/telnetClient.ts';
import { Telnetd } from '../support/telnetd.ts';
import { createTestUser } from '../support/testUser.ts';
import { expect, test } from './fixtures.ts';
import type { TreeRow } from './treeView.ts';

/** The sentence that crosses the tunnel and must be seen nowhere on the link. */
const SECRET = 'the-river-runs-under-the-road';

test('telnet to port 23 of remhost through an encrypted tunnel, two clients at once, seen live', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const remhost = own(await NetworkNamespace.create(), (it) => it.remove());
  const user = own(await createTestUser(), (it) => it.remove());
  const key = await createSshKey(`${vsCode.sshFolder}/id_test`);
  const sshd = own(await Sshd.start({ namespace: remhost.name, host: remhost.thereAddress, port: 22, authorizedKeys: [key.publicKey] }), (it) => it.stop());
  own(await Telnetd.start({ namespace: remhost, host: '127.0.0.1', port: 23, greets: 'login' }), (it) => it.stop());
  const capture = await remhost.capture();
  const port = await findFreePort();
  await vsCode.writeSshFile('config', `Host remhost\n  HostName ${remhost.thereAddress}\n  User ${sshd.userName}\n  IdentityFile ${key.path}\n`);
  await vsCode.writeSshFile('known_hosts', knownHostsLine(remhost.thereAddress, 22, sshd.hostKey));

  await workbench.openCulvert();
  await workbench.runCommand('Culvert: Forward Port…');
  await workbench.quickInput.waitUntilOpen('Forward Port');
  await workbench.quickInput.type(`${String(port)}:localhost:23 remhost`);
  await workbench.quickInput.waitForFirstRow(({ label, detail }) => label === `Listen on 127.0.0.1:${String(port)}, connect to localhost:23` && detail === 'as seen from remhost, encrypted (SSH).');
  await workbench.screenshot('forward-port-preview');
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(/listening/);
  await workbench.forwards.waitForRow((row) => row.label === 'LISTEN' && row.description.includes(`127.0.0.1:${String(port)}`));

  const first = own(new TelnetClient('localhost', port), (it) => { it.kill(); });
  await first.logIn(user.name, user.password);
  first.type(`echo ${SECRET} | tr a-z A-Z`);
  await first.waitFor(SECRET.toUpperCase());
  const second = own(new TelnetClient('localhost', port), (it) => { it.kill(); });
  await second.logIn(user.name, user.password);
  second.type('echo $((40 + 2))');
  await second.waitFor(/\b42\b/);

  const isEstablished = (row: TreeRow): boolean => row.label === 'ESTABLISHED';
  await workbench.forwards.waitForRows((rows) => rows.filter(isEstablished).length === 2);
  await workbench.forwards.waitForRow((row) => isEstablished(row) && row.description.includes('telnet') && row.ariaLabel.includes(`pid ${String(first.pid)}`) && /↓ [1-9]/.test(row.description));
  await workbench.forwards.waitForRow(/2 connections/);
  await workbench.screenshot('tree-two-telnets');
  await second.logOut();
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('closed by'));
  await workbench.forwards.waitForRows((rows) => rows.filter(isEstablished).length === 1);
  await workbench.screenshot('tree-one-closed');
  await first.logOut();

  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Stop');
  await workbench.forwards.waitForRow(/stopped/);
  const streams = [...(await capture.stop()).values()].map((bytes) => bytes.toString('latin1'));
  expect(streams.some((text) => text.includes('SSH-2.0-'))).toBe(true);
  for (const secret of [SECRET, SECRET.toUpperCase(), user.password, 'login:']) expect(streams.filter((text) => text.includes(secret))).toEqual([]);
  expect(workbench.problems()).toEqual([]);
});
