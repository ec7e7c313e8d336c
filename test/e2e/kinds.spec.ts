import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { findFreePort } from '../support/freePort.ts';
import { serve } from '../support/tcpPeers.ts';
import { expect, test } from './fixtures.ts';
import { firstBytesFrom, GREETING, SSH_HOST, startGreeter, startKeyHost, waitUntilFree } from './sshHost.ts';

const run = promisify(execFile);

test('-R and -D typed as in ssh: the server listens, and a proxy goes where curl asks it to', async ({ workbench, own }) => {
  await startKeyHost(workbench.vsCode, own, { alias: 'remhost' });
  const greeter = await startGreeter(own);
  const [there, proxy] = [await findFreePort(), await findFreePort()];
  await workbench.openCulvert();

  await workbench.runCommand('Culvert: Forward Port…');
  await workbench.quickInput.waitUntilOpen('Forward Port');
  await workbench.quickInput.type(`-R ${String(there)}:localhost:${String(greeter.port)} remhost`);
  await workbench.quickInput.waitForFirstRow(({ label, detail }) => label === `remhost listens on its own 127.0.0.1:${String(there)}, connects to localhost:${String(greeter.port)}`
    && detail === 'from this computer, encrypted (SSH).');
  await workbench.screenshot('forward-port-remote');
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow((row) => row.label === 'LISTEN on remhost' && row.description.includes(String(there)));
  expect(await firstBytesFrom(there)).toBe(GREETING);

  await workbench.forward(`-D ${String(proxy)} remhost`);
  await workbench.forwards.waitForRow((row) => row.label.startsWith(`${String(proxy)} → any host`) && row.description.includes('listening'));
  const page = own(await serve((socket) => { socket.end('a page behind the proxy'); }), (it) => it.close());
  const fetch = async (host: string, port: number): Promise<string> =>
    (await run('curl', ['--silent', '--max-time', '30', '--http0.9', '--socks5-hostname', `127.0.0.1:${String(proxy)}`, `http://${host}:${String(port)}/`])).stdout;
  await expect(fetch(SSH_HOST, page.port)).rejects.toThrow();
  expect(await fetch('localhost', page.port)).toBe('a page behind the proxy');
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes(`→ localhost:${String(page.port)}`));
  await workbench.screenshot('tree-kinds');
  await workbench.forwards.clickContextMenu((row) => row.level === 1 && row.label.startsWith('remhost'), 'Stop');
  await waitUntilFree(there);
  expect(workbench.problems()).toEqual([]);
});

test('one pasted command makes its forwards, and names what it does not take over', async ({ workbench, own }) => {
  await startKeyHost(workbench.vsCode, own, { alias: 'remhost' });
  const greeter = await startGreeter(own);
  const [local, there, proxy] = [await findFreePort(), await findFreePort(), await findFreePort()];
  await workbench.openCulvert();
  await workbench.runCommand('Culvert: Forward Port…');
  await workbench.quickInput.waitUntilOpen('Forward Port');
  await workbench.quickInput.type(`ssh -NL ${String(local)}:localhost:${String(greeter.port)} -R ${String(there)}:localhost:${String(greeter.port)} -D ${String(proxy)} -i ~/.ssh/other remhost`);
  await workbench.quickInput.waitForFirstRow(({ label, detail }) => label.startsWith('3 forwards') && detail.startsWith('Not taken over: -i ~/.ssh/other (IdentityFile).'));
  await workbench.screenshot('forward-port-pasted');
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRows((rows) => rows.filter(({ level, description }) => level === 1 && description.includes('listening')).length === 3);
  expect(await firstBytesFrom(local)).toBe(GREETING);
  expect(await firstBytesFrom(there)).toBe(GREETING);
  await workbench.screenshot('tree-pasted');
  expect(workbench.problems()).toEqual([]);
});

test('a server that refuses to listen: that forward alone fails, with the lines of sshd_config', async ({ workbench, own }) => {
  await startKeyHost(workbench.vsCode, own, { alias: 'remhost', extraConfig: ['AllowTcpForwarding local'] });
  const greeter = await startGreeter(own);
  const [local, there] = [await findFreePort(), await findFreePort()];
  await workbench.openCulvert();
  await workbench.forward(`${String(local)}:localhost:${String(greeter.port)} remhost`);
  await workbench.forwards.waitForRow(/listening/);
  await workbench.forward(`-R ${String(there)}:localhost:${String(greeter.port)} remhost`);
  await workbench.forwards.waitForRow((row) => row.label.startsWith('remhost:') && row.description.includes('server refuses to listen'));
  await workbench.screenshot('tree-refused');
  expect(await firstBytesFrom(local)).toBe(GREETING);
});
