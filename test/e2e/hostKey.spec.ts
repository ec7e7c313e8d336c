import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { findFreePort } from '../support/freePort.ts';
import { run } from '../support/processes.ts';
import { knownHostsLine, type SshKeyFile } from '../support/sshKeys.ts';
import type { Sshd } from '../support/sshd.ts';
import { expect, test, type Own } from './fixtures.ts';
import { countInLog, firstBytesFrom, GREETING, SSH_HOST, startGreeter, startKeyHost, waitUntilDeserted, waitUntilFree } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';
import type { VsCode } from './vsCode.ts';
import type { Workbench } from './workbench.ts';

/** Within this time of what caused it, the tree is right. */
const PROMPTLY_MS = 2_000;

const TITLE = 'Unknown Host Key of vault';
const REFUSE = 'Do Not Connect';
const TRUST = 'Trust and Connect';

/** Makes sshd tell of the very first byte of an authentication. */
const TALKATIVE = { extraConfig: ['LogLevel DEBUG1'] };
const AUTHENTICATION = 'userauth-request for user';

/** Another server's line, so that a file has more than the one that matters. */
const OTHER_LINE = 'other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl\n';

const isListening = (row: TreeRow): boolean => row.level === 1 && row.description.endsWith('listening') && row.icon === 'pass-filled';
const isForward = (row: TreeRow): boolean => row.level === 1;
const isFailedWith = (summary: string) => (row: TreeRow): boolean => row.description.includes(summary) && row.icon === 'error';

async function knownHosts(vsCode: VsCode): Promise<string> {
  const path = `${vsCode.sshFolder}/known_hosts`;
  return existsSync(path) ? readFile(path, 'utf8') : '';
}

/** What ssh-keygen knows about the server, from the same file. */
async function foundByKeygen(vsCode: VsCode, sshd: Sshd): Promise<string> {
  return run('ssh-keygen', ['-F', `[${sshd.host}]:${String(sshd.port)}`, '-f', `${vsCode.sshFolder}/known_hosts`]);
}

function base64Of(key: SshKeyFile): string {
  return key.publicKey.split(' ')[1] ?? '';
}

/** A forward to a server behind sshd, typed into Forward Port. */
async function beginForward(workbench: Workbench, own: Own): Promise<number> {
  const greeter = await startGreeter(own);
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(greeter.port)} vault`);
  return port;
}

async function expectNothingLeft(workbench: Workbench, sshd: Sshd, port: number): Promise<void> {
  await waitUntilFree(port);
  await waitUntilDeserted(sshd);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(workbench.problems()).toEqual([]);
}

test('an unknown key asks with its type and fingerprint, and Enter, which is a no, sends nothing', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', isKnown: false, ...TALKATIVE });
  const sameKey = `db.example ssh-ed25519 ${base64Of(sshd.hostKey)}\n`;
  await vsCode.writeSshFile('known_hosts', OTHER_LINE + sameKey);
  const port = await beginForward(workbench, own);

  await workbench.quickInput.waitForQuestion(TITLE);
  expect(await workbench.quickInput.title()).toBe(`${TITLE} (${SSH_HOST}:${String(sshd.port)})`);
  await expect.poll(async () => (await workbench.quickInput.rows()).map(({ label }) => label)).toEqual([REFUSE, TRUST, 'The same key is known as db.example']);
  const rows = await workbench.quickInput.rows();
  expect(rows[0]?.isFocused).toBe(true);
  expect(rows[1]?.detail).toBe(`ED25519 ${sshd.hostKey.fingerprint}`);
  expect(rows[1]?.description).toMatch(/^will be added to \/\S*\/\.ssh\/known_hosts$/);
  expect(rows[2]?.detail).toMatch(/known_hosts, line 2$/);
  for (const part of [TRUST, 'ED25519', sshd.hostKey.fingerprint]) expect(rows[1]?.ariaLabel).toContain(part);
  await workbench.forwards.waitForRow((row) => row.description.endsWith('checking the host key') && row.icon === 'loading', PROMPTLY_MS);
  await workbench.screenshot('host-key-question');
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);

  await workbench.quickInput.accept();
  await workbench.quickInput.waitUntilClosed();
  await workbench.forwards.waitForRow(isFailedWith('host key not trusted'), PROMPTLY_MS);
  await expectNothingLeft(workbench, sshd, port);
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);
  expect(countInLog(sshd, /^Connection from /)).toBe(1);
  expect(await knownHosts(vsCode)).toBe(OTHER_LINE + sameKey);
  expect(await workbench.quickInput.isOpen()).toBe(false);
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
});

test('the question goes away with the forward that it was for, and nothing is sent', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', isKnown: false, ...TALKATIVE });
  const port = await beginForward(workbench, own);
  await workbench.quickInput.waitForQuestion(TITLE);
  await workbench.forwards.clickInlineAction(isForward, 'Stop');
  await workbench.forwards.waitForRow((row) => row.description.endsWith('stopped'), PROMPTLY_MS);
  await workbench.quickInput.waitUntilClosed();
  await expectNothingLeft(workbench, sshd, port);
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);
  expect(await knownHosts(vsCode)).toBe('');
});

test('a trusted key is added to known_hosts, and nobody asks again', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', isKnown: false, sshConfig: ['HashKnownHosts no'], ...TALKATIVE });
  await vsCode.writeSshFile('known_hosts', OTHER_LINE);
  const first = await beginForward(workbench, own);
  await workbench.quickInput.waitForRow(({ detail }) => detail.includes(sshd.hostKey.fingerprint));
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);
  await workbench.quickInput.pick(TRUST);
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(first)).toBe(GREETING);
  expect(countInLog(sshd, AUTHENTICATION)).toBeGreaterThan(0);
  expect(await knownHosts(vsCode)).toBe(OTHER_LINE + knownHostsLine(sshd.host, sshd.port, sshd.hostKey));
  expect(await foundByKeygen(vsCode, sshd)).toContain(base64Of(sshd.hostKey));

  const second = await beginForward(workbench, own);
  await workbench.forwards.waitForRows((rows) => rows.filter(isListening).length === 2);
  expect(await firstBytesFrom(second)).toBe(GREETING);
  expect(countInLog(sshd, /^Connection from /)).toBe(1);
  await workbench.runCommand('Culvert: Stop All');
  await workbench.forwards.waitForRows((rows) => rows.filter(({ description }) => description.endsWith('stopped')).length === 2, PROMPTLY_MS);
  await waitUntilDeserted(sshd);

  await workbench.forwards.clickInlineAction((row) => row.label.startsWith(String(second)), 'Start');
  await workbench.forwards.waitForRow((row) => isListening(row) && row.label.startsWith(String(second)));
  expect(await firstBytesFrom(second)).toBe(GREETING);
  expect(countInLog(sshd, /^Connection from /)).toBe(2);
  expect(await workbench.quickInput.isOpen()).toBe(false);
  expect(await knownHosts(vsCode)).toBe(OTHER_LINE + knownHostsLine(sshd.host, sshd.port, sshd.hostKey));
  await workbench.runCommand('Culvert: Stop All');
  await expectNothingLeft(workbench, sshd, second);
});

test('a fingerprint can be compared: a wrong one is refused, the right one connects', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', isKnown: false, sshConfig: ['HashKnownHosts yes'], ...TALKATIVE });
  const port = await beginForward(workbench, own);
  await workbench.quickInput.waitForQuestion(TITLE);
  await workbench.quickInput.type('SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
  await workbench.quickInput.waitForFirstRow(({ label, detail }) => label === 'This Is Not Its Fingerprint' && detail.includes(sshd.hostKey.fingerprint));
  await workbench.screenshot('compare-fingerprint');
  await workbench.quickInput.accept();
  expect(await workbench.quickInput.isOpen()).toBe(true);
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);
  expect(await knownHosts(vsCode)).toBe('');

  // As a person pastes it: the whole line that ssh-keygen prints on the server.
  await workbench.quickInput.type(await run('ssh-keygen', ['-l', '-f', sshd.hostKey.path]));
  await workbench.quickInput.waitForFirstRow(({ label }) => label === `The Same Fingerprint: ${TRUST}`);
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(await knownHosts(vsCode)).toMatch(/^\|1\|\S+ ssh-ed25519 \S+\n$/);
  expect(await foundByKeygen(vsCode, sshd)).toContain(base64Of(sshd.hostKey));
  await workbench.runCommand('Culvert: Stop All');
  await expectNothingLeft(workbench, sshd, port);
});

test('a changed key is refused with file and line, and no button accepts it', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', ...TALKATIVE });
  const before = OTHER_LINE + knownHostsLine(sshd.host, sshd.port, sshd.hostKey);
  await vsCode.writeSshFile('known_hosts', before);
  const port = await beginForward(workbench, own);
  await workbench.forwards.waitForRow(isListening);
  const expected = sshd.hostKey.fingerprint;
  const changed = await sshd.changeHostKey();
  const authentications = countInLog(sshd, AUTHENTICATION);
  // Under a forward that is up: the reconnect meets the new key, and must not go on trying.
  await sshd.restart();

  const { message, buttons } = await workbench.notifications.waitFor('The host key of');
  await workbench.forwards.waitForRow(isFailedWith('host key has changed'), PROMPTLY_MS);
  expect(message).toMatch(new RegExp(`The host key of vault \\(${SSH_HOST}:${String(sshd.port)}\\) is not the one in /\\S*/\\.ssh/known_hosts, line 2\\.`));
  for (const fingerprint of [expected, changed.fingerprint]) expect(message).toContain(fingerprint);
  expect(buttons).toEqual(['Open known_hosts at Line 2', 'Copy ssh-keygen -R']);
  await workbench.screenshot('host-key-changed');
  await expectNothingLeft(workbench, sshd, port);
  expect(countInLog(sshd, AUTHENTICATION)).toBe(authentications);
  expect(await knownHosts(vsCode)).toBe(before);

  await workbench.notifications.press('The host key of', 'Open known_hosts at Line 2');
  await workbench.page.getByRole('tab', { name: /^known_hosts/ }).waitFor();
  await expect.poll(async () => (await workbench.statusBar.items()).map(({ text }) => text)).toContain('Ln 2, Col 1');
  expect(await workbench.quickInput.isOpen()).toBe(false);
});

test('the command that it offers removes a changed key, and the new one asks', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', ...TALKATIVE });
  await vsCode.writeSshFile('known_hosts', OTHER_LINE + knownHostsLine(sshd.host, sshd.port, sshd.hostKey));
  const changed = await sshd.changeHostKey();
  await sshd.restart();
  const port = await beginForward(workbench, own);
  await workbench.notifications.press('host key', 'Copy ssh-keygen -R');
  await workbench.forwards.waitForRow(isFailedWith('host key has changed'));
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);
  await expect.poll(() => workbench.readClipboard()).toContain('ssh-keygen');
  // Where the extension is, ~/.ssh is the test's.
  await run('nsenter', ['-t', String(vsCode.extensionHostPids()[0]), '-m', 'sh', '-c', await workbench.readClipboard()]);
  expect(await knownHosts(vsCode)).toBe(OTHER_LINE);
  await workbench.forwards.clickInlineAction(isForward, 'Start');
  await workbench.quickInput.waitForRow(({ detail }) => detail.includes(changed.fingerprint));
  await workbench.quickInput.pick(TRUST);
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  await workbench.runCommand('Culvert: Stop All');
  await expectNothingLeft(workbench, sshd, port);
});

test('a revoked key is refused, even one that is known', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const sshd = await startKeyHost(vsCode, own, { alias: 'vault', ...TALKATIVE });
  const lines = `${knownHostsLine(sshd.host, sshd.port, sshd.hostKey)}${OTHER_LINE}@revoked * ssh-ed25519 ${base64Of(sshd.hostKey)}\n`;
  await vsCode.writeSshFile('known_hosts', lines);
  const port = await beginForward(workbench, own);
  const { message, buttons } = await workbench.notifications.waitFor('revoked');
  expect(message).toMatch(/is marked as revoked in \S*known_hosts, line 3\. Nothing was sent\./);
  expect(message).toContain(sshd.hostKey.fingerprint);
  expect(buttons).toEqual(['Open known_hosts at Line 3']);
  await workbench.forwards.waitForRow(isFailedWith('host key revoked'), PROMPTLY_MS);
  await expectNothingLeft(workbench, sshd, port);
  expect(countInLog(sshd, AUTHENTICATION)).toBe(0);
  expect(await workbench.quickInput.isOpen()).toBe(false);
});
