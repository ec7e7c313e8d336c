import { execFile } from 'node:child_process';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { curl } from '../support/curl.ts';
import { startDnsServer } from '../support/dnsServer.ts';
import { findFreePort, findFreeRange } from '../support/freePort.ts';
import { httpBackend } from '../support/httpBackend.ts';
import { serve, serveAt } from '../support/tcpPeers.ts';
import { createTemporaryFolder } from '../support/temporaryFolder.ts';
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

test('Unix sockets at both ends, as that of a container engine; one that was left behind is removed by a button', async ({ workbench, own }) => {
  const { homeFolder } = workbench.vsCode;
  await startKeyHost(workbench.vsCode, own, { alias: 'remhost' });
  const folder = own(await createTemporaryFolder('sockets'), (it) => it.remove());
  const engine = own(await httpBackend(folder.join('engine.sock'), (_, response) => { response.end('the engine'); }), (it) => it.close());
  await workbench.openCulvert();
  await workbench.runCommand('Culvert: Forward Port…');
  await workbench.quickInput.waitUntilOpen('Forward Port');
  await workbench.quickInput.type(`~/docker.sock:${engine.socket.path} remhost`);
  await workbench.quickInput.waitForFirstRow(({ label, detail }) => label === `Listen on the socket ~/docker.sock, connect to the socket ${engine.socket.path}`
    && detail === 'as seen from remhost, encrypted (SSH).');
  await workbench.screenshot('forward-port-socket');
  await workbench.quickInput.accept();
  const here = join(homeFolder, 'docker.sock');
  await workbench.forwards.waitForRow((row) => row.label === '~/docker.sock → …/engine.sock' && row.description.includes('listening'));
  await workbench.forwards.waitForRow((row) => row.label === 'LISTEN' && row.description === here && row.icon === 'plug');
  expect((await curl('--unix-socket', here, 'http://localhost/')).text).toBe('the engine');
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.ariaLabel.includes('from a program of this computer') && /↓ [1-9]/.test(row.description));
  await workbench.screenshot('tree-socket');

  const old = folder.join('old.sock');
  await leaveSocketAt(old, folder.join('leaving'));
  await workbench.forward(`${old}:127.0.0.1:${String(engine.port.port)}`);
  await workbench.forwards.waitForRow((row) => row.icon === 'error' && row.description.includes('an old socket is in the way'));
  await workbench.notifications.waitFor('no program listens on it any more');
  await workbench.screenshot('socket-left-behind');
  await workbench.notifications.press('no program listens on it any more', 'Remove It and Start');
  await workbench.forwards.waitForRow((row) => row.label.startsWith('…/old.sock →') && row.description.includes('listening'));
  expect((await curl('--unix-socket', old, 'http://localhost/')).text).toBe('the engine');
  expect(workbench.problems()).toEqual([]);
});

/** A socket on which nobody listens: its file was under another name when its listener went. */
async function leaveSocketAt(path: string, before: string): Promise<void> {
  const server = await serveAt(before, () => undefined);
  await rename(before, path);
  await server.close();
}

test('relays: datagrams of a real dig as flows, a range port by port, and the destination that was reached', async ({ workbench, own }) => {
  const dns = own(await startDnsServer(['--address=/db.culvert.test/192.0.2.7']), (it) => it.stop());
  const [first, there, refused, failover] = [await findFreeRange(3), await findFreeRange(3), await findFreePort(), await findFreePort()];
  for (const index of [0, 1, 2]) own(await serve((socket) => { socket.end(`page ${String(index)}`); }, there + index), (it) => it.close());
  const page = async (port: number): Promise<string> => (await curl('--http0.9', `http://127.0.0.1:${String(port)}/`)).text;
  await workbench.openCulvert();

  const udp = await findFreePort();
  await workbench.forward(`udp:${String(udp)}:127.0.0.1:${String(dns.port)}`);
  await workbench.forwards.waitForRow((row) => row.label === `UDP ${String(udp)} → 127.0.0.1:${String(dns.port)}` && row.description === 'listening');
  expect((await run('dig', ['@127.0.0.1', '-p', String(udp), '+short', '+tries=1', 'db.culvert.test'])).stdout).toBe('192.0.2.7\n');
  await workbench.forwards.waitForRow((row) => row.label === 'FLOW' && /↑ \d+ B {2}↓ \d+ B/.test(row.description));
  await workbench.forwards.waitForRow((row) => row.level === 1 && row.description === '1 flow');

  await workbench.forward(`${String(first)}-${String(first + 2)}:127.0.0.1:${String(there)}-${String(there + 2)}`);
  for (const index of [0, 1, 2]) await workbench.forwards.waitForRow((row) => row.label === 'LISTEN' && row.description === `${String(first + index)} → 127.0.0.1:${String(there + index)}`);
  expect([await page(first), await page(first + 2)]).toEqual(['page 0', 'page 2']);
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes(`at ${String(first + 2)}`));

  await workbench.forward(`${String(failover)}:127.0.0.1:${String(refused)},127.0.0.1:${String(there)}`);
  await workbench.forwards.waitForRow((row) => row.label === `${String(failover)} → 127.0.0.1:${String(refused)}, else 127.0.0.1:${String(there)}` && row.description === 'listening');
  expect(await page(failover)).toBe('page 0');
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes(`→ 127.0.0.1:${String(there)}`));
  await workbench.screenshot('tree-relays');
  expect(workbench.problems()).toEqual([]);
});

test('a proxy lets in who has its login, and is copied in the forms of those that can do the same', async ({ workbench, own }) => {
  await startKeyHost(workbench.vsCode, own, { alias: 'remhost' });
  const page = own(await serve((socket) => { socket.end('a page behind the proxy'); }), (it) => it.close());
  const port = await findFreePort();
  const through = (proxy: string): ReturnType<typeof curl> => curl('--http0.9', '--proxy', proxy, `http://localhost:${String(page.port)}/`);
  await workbench.openCulvert();
  await workbench.forward(`-D ${String(port)} remhost`);
  const isProxy = ({ label }: { label: string }): boolean => label.startsWith(`${String(port)} →`);
  await workbench.forwards.waitForRow((row) => isProxy(row) && row.description.includes('listening'));
  // One with a login is copied as nothing: no other program here asks for it.
  await workbench.forwards.clickContextMenu(isProxy, 'Copy As…');
  await workbench.quickInput.waitForQuestion('Copy');
  expect((await workbench.quickInput.rows()).map(({ label, detail }) => `${label}: ${detail}`)).toEqual([
    'ssh Command: OpenSSH; runs in a terminal that stays open', 'ssh_config Lines: OpenSSH; forwards whenever ssh connects to that server',
  ]);
  await workbench.screenshot('copy-as');
  await workbench.quickInput.pick('ssh_config Lines');
  await expect.poll(() => workbench.readClipboard()).toContain(`\nHost remhost\n  DynamicForward ${String(port)}\n`);
  await workbench.forwards.clickContextMenu(isProxy, 'Set Proxy Login…');
  await workbench.quickInput.waitForQuestion('The user name that programs must give');
  await workbench.screenshot('proxy-login-user');
  await workbench.quickInput.answer('The user name that programs must give', 'ada');
  await workbench.quickInput.waitForQuestion('The password of ada');
  expect(await workbench.quickInput.isPassword()).toBe(true);
  await workbench.screenshot('proxy-login-password');
  await workbench.quickInput.answer('The password of ada', 'countess');
  await workbench.forwards.waitForRow((row) => isProxy(row) && row.description.includes('login needed') && row.description.includes('listening'));
  const address = `127.0.0.1:${String(port)}`;
  for (const scheme of ['socks5h', 'http']) {
    expect((await through(`${scheme}://ada:countess@${address}`)).text).toBe('a page behind the proxy');
    expect((await through(`${scheme}://ada:wrong@${address}`)).text).not.toContain('a page');
    expect((await through(`${scheme}://${address}`)).text).not.toContain('a page');
  }
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('login refused'));
  await workbench.screenshot('tree-proxy-login');
  expect(await workbench.vsCode.filesWith('countess')).toEqual([]);
  expect(workbench.problems()).toEqual([]);
});
