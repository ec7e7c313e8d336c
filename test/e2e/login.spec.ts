import { rm } from 'node:fs/promises';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { startSshAgent } from '../support/sshAgent.ts';
import { createSshKey } from '../support/sshKeys.ts';
import type { Sshd } from '../support/sshd.ts';
import type { TestUser } from '../support/testUser.ts';
import { expect, test, type Own } from './fixtures.ts';
import { countInLog, firstBytesFrom, GREETING, SSH_HOST, startGreeter, startPasswordHost, startSshHost, waitUntilDeserted, waitUntilFree } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';
import type { Workbench } from './workbench.ts';

/** Within this time of what caused it, the tree is right. */
const PROMPTLY_MS = 2_000;

const REMEMBER = /^Remember in the Secret Storage/;
const FORGET = 'Culvert: Forget Saved Secrets…';

const isListening = (row: TreeRow): boolean => row.level === 1 && row.description.endsWith('listening') && row.icon === 'pass-filled';
const isForward = (row: TreeRow): boolean => row.level === 1;

interface Route {
  readonly port: number;
  readonly text: string;
}

/** A free port here and a server behind the SSH server. */
async function routeVia(alias: string, own: Own): Promise<Route> {
  const greeter = await startGreeter(own);
  const port = await findFreePort();
  return { port, text: `${String(port)}:127.0.0.1:${String(greeter.port)} ${alias}` };
}

/** A forward through a server that is asking for a password. */
async function forwardThatAsks(workbench: Workbench, own: Own): Promise<{ sshd: Sshd; user: TestUser; port: number; question: string }> {
  const { sshd, user } = await startPasswordHost(workbench.vsCode, own, 'password', { alias: 'vault' });
  const { port, text } = await routeVia('vault', own);
  const question = `Password of ${user.name} on vault`;
  await workbench.openCulvert();
  await workbench.forward(text);
  await workbench.quickInput.waitForQuestion(question);
  return { sshd, user, port, question };
}

async function stopAndLook(workbench: Workbench, port: number): Promise<void> {
  await workbench.forwards.clickContextMenu(isForward, 'Stop');
  await workbench.forwards.waitForRow(/stopped/, PROMPTLY_MS);
  await waitUntilFree(port);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(workbench.problems()).toEqual([]);
}

test('a password is asked for by host and user, is hidden, and lets in', async ({ workbench, own }) => {
  const { sshd, user } = await startPasswordHost(workbench.vsCode, own, 'password', { alias: 'vault' });
  const { port, text } = await routeVia('vault', own);
  await workbench.openCulvert();
  await workbench.forward(text);

  await workbench.quickInput.waitForQuestion(`Password of ${user.name} on vault (${SSH_HOST})`);
  expect(await workbench.quickInput.isPassword()).toBe(true);
  await workbench.forwards.waitForRow((row) => row.description.endsWith('logging in') && row.icon === 'loading', PROMPTLY_MS);
  await workbench.quickInput.type(user.password);
  await workbench.screenshot('password-prompt');
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, `Accepted password for ${user.name}`)).toBe(1);
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
  await stopAndLook(workbench, port);
  await waitUntilDeserted(sshd);
});

test('a remembered password asks no more, over a stop and a reload, until it is forgotten', async ({ workbench, own }) => {
  const { sshd, user, port, question } = await forwardThatAsks(workbench, own);
  await workbench.quickInput.type(user.password);
  await workbench.quickInput.pressButton(REMEMBER);
  await workbench.quickInput.waitForQuestion('It will be remembered.');
  expect(await workbench.quickInput.value()).toBe(user.password);
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(isListening);

  await stopAndLook(workbench, port);
  await workbench.forwards.clickInlineAction(isForward, 'Start');
  await workbench.forwards.waitForRow(isListening);
  await workbench.reload();
  await workbench.openCulvert();
  await workbench.forwards.waitForRow(/stopped/);
  await workbench.forwards.clickInlineAction(isForward, 'Start');
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(await workbench.quickInput.isOpen()).toBe(false);
  expect(countInLog(sshd, `Accepted password for ${user.name}`)).toBe(3);
  expect(await workbench.vsCode.readSettingsText()).not.toContain(user.password);

  await workbench.runCommand(FORGET);
  await workbench.quickInput.waitForQuestion('Forget Saved Secrets');
  await workbench.quickInput.pick(`vault, ${user.name}@${SSH_HOST}:${String(sshd.port)}`);
  await workbench.quickInput.accept();
  await workbench.quickInput.waitUntilClosed();
  await stopAndLook(workbench, port);
  await workbench.forwards.clickInlineAction(isForward, 'Start');
  await workbench.quickInput.waitForQuestion(question);
  await workbench.quickInput.cancel();
  await workbench.forwards.waitForRow(/login cancelled/, PROMPTLY_MS);
  expect(workbench.problems()).toEqual([]);
});

test('a wrong password asks again and says so; only the right one is remembered', async ({ workbench, own }) => {
  const { sshd, user, port, question } = await forwardThatAsks(workbench, own);
  await workbench.quickInput.type('not-the-password');
  await workbench.quickInput.pressButton(REMEMBER);
  await workbench.quickInput.waitForQuestion('It will be remembered.');
  await workbench.quickInput.accept();
  await workbench.quickInput.waitForQuestion('That was not accepted.');
  expect(await workbench.quickInput.title()).toContain(question);
  expect(await workbench.quickInput.value()).toBe('');
  await workbench.quickInput.type(user.password);
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, `Failed password for ${user.name}`)).toBe(1);

  await workbench.runCommand(FORGET);
  await workbench.notifications.waitFor('Culvert remembers no password');
  await stopAndLook(workbench, port);
});

test('a password that stays wrong fails with a clear sentence, and is not tried again by itself', async ({ workbench, own }) => {
  const { sshd, user } = await startPasswordHost(workbench.vsCode, own, 'password', { alias: 'vault' });
  const { port, text } = await routeVia('vault', own);
  await workbench.openCulvert();
  await workbench.forward(text);
  await workbench.quickInput.answer(`Password of ${user.name} on vault`, 'wrong-1');
  for (const [refused, wrong] of [[1, 'wrong-2'], [2, 'wrong-3']] as const) {
    // The next box looks like the last one, and may be there before that is seen to go.
    await eventually(() => countInLog(sshd, 'Failed password for') === refused, { deadlineMs: 20_000, explain: () => sshd.logText() });
    await eventually(async () => (await workbench.quickInput.isOpen()) && (await workbench.quickInput.value()) === '');
    await workbench.quickInput.answer('That was not accepted.', wrong);
  }
  await workbench.quickInput.waitUntilClosed();
  const { message, buttons } = await workbench.notifications.waitFor('did not accept');
  expect(message).toContain(`vault (${SSH_HOST}:${String(sshd.port)}) did not accept the login of ${user.name}. Tried: password.`);
  expect(buttons).toEqual(['Start Again', 'Edit…', 'Show Log', 'Why Doesn\'t It Work?']);
  await workbench.forwards.waitForRow((row) => row.description.includes('login failed') && row.icon === 'error', PROMPTLY_MS);
  expect((await workbench.statusBar.waitForCulvert('1 failed')).hasWarningBackground).toBe(true);
  await workbench.screenshot('login-failed');
  await waitUntilFree(port);
  await waitUntilDeserted(sshd);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(countInLog(sshd, 'Failed password for')).toBe(3);
  expect(countInLog(sshd, /^Connection from /)).toBe(1);
  expect(await workbench.quickInput.isOpen()).toBe(false);

  await workbench.notifications.press('did not accept', 'Start Again');
  await workbench.quickInput.answer(`Password of ${user.name} on vault`, user.password);
  await workbench.forwards.waitForRow(isListening);
  await stopAndLook(workbench, port);
});

test('Escape at the password cancels the login and leaves nothing', async ({ workbench, own }) => {
  const { sshd, port } = await forwardThatAsks(workbench, own);
  await workbench.quickInput.cancel();
  await workbench.forwards.waitForRow((row) => row.description.includes('login cancelled') && row.icon === 'error', PROMPTLY_MS);
  await waitUntilFree(port);
  await waitUntilDeserted(sshd);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(countInLog(sshd, /Connection (closed|reset) by/)).toBe(1);
  expect(countInLog(sshd, 'Failed password')).toBe(0);
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
  expect(workbench.problems()).toEqual([]);
});

test('a tunnel on demand asks when a program connects, says why, and lets it through', async ({ workbench, own }) => {
  const { sshd, user, port, question } = await forwardThatAsks(workbench, own);
  await workbench.quickInput.cancel();
  await workbench.forwards.waitForRow(/login cancelled/);
  await workbench.forwards.clickContextMenu(isForward, 'Connect on Demand: On or Off');
  await workbench.forwards.clickInlineAction(isForward, 'Start');
  await workbench.forwards.waitForRow((row) => isForward(row) && row.description.endsWith('listening, connects on demand') && row.icon === 'debug-pause');
  await workbench.screenshot('on-demand');
  expect(countInLog(sshd, /^Connection from /)).toBe(1);

  const greeted = firstBytesFrom(port);
  await workbench.quickInput.waitForQuestion(/A program has connected to 127\.0\.0\.1:\d+, which opens this tunnel on demand\./);
  await workbench.screenshot('on-demand-password');
  await workbench.quickInput.answer(question, user.password);
  expect(await greeted).toBe(GREETING);
  await workbench.forwards.waitForRow(isListening);
  await stopAndLook(workbench, port);
});

test('the progress message cancels a start while the password is asked for', async ({ workbench, own }) => {
  const { sshd, port } = await forwardThatAsks(workbench, own);
  await workbench.notifications.waitFor(/^Forward .*logging in/);
  await workbench.screenshot('start-progress');
  await workbench.notifications.press('logging in', 'Cancel');
  await workbench.quickInput.waitUntilClosed();
  await workbench.forwards.waitForRow(/stopped/, PROMPTLY_MS);
  await waitUntilFree(port);
  await waitUntilDeserted(sshd);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(countInLog(sshd, 'Failed password')).toBe(0);
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
  expect(workbench.problems()).toEqual([]);
});

test('an encrypted key file asks for its passphrase', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const key = await createSshKey(`${vsCode.sshFolder}/id_locked`, 'ed25519', 'open sesame');
  const sshd = await startSshHost(vsCode, own, { alias: 'vault', authorizedKeys: [key.publicKey], sshConfig: [`IdentityFile ${key.path}`] });
  const { port, text } = await routeVia('vault', own);
  await workbench.openCulvert();
  await workbench.forward(text);
  await workbench.quickInput.waitForQuestion(`Passphrase for a Key, to Log In to vault (${SSH_HOST})`);
  expect(await workbench.quickInput.isPassword()).toBe(true);
  expect(await workbench.quickInput.message()).toContain(`The passphrase unlocks ${key.path} on this computer and is sent nowhere.`);
  await workbench.screenshot('passphrase-prompt');
  await workbench.quickInput.type('open barley');
  await workbench.quickInput.accept();
  await workbench.quickInput.answer('That was not accepted.', 'open sesame');
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, /^Accepted publickey .*ED25519/)).toBe(1);
  await stopAndLook(workbench, port);
});

test('keyboard-interactive shows the server\'s own prompt', async ({ workbench, own }) => {
  const { sshd, user } = await startPasswordHost(workbench.vsCode, own, 'keyboard-interactive', { alias: 'vault' });
  const { port, text } = await routeVia('vault', own);
  await workbench.openCulvert();
  await workbench.forward(text);
  await workbench.quickInput.waitForQuestion(`vault (${SSH_HOST}) Asks ${user.name}`);
  expect(await workbench.quickInput.message()).toMatch(/Password:/);
  expect(await workbench.quickInput.isPassword()).toBe(true);
  await workbench.screenshot('keyboard-interactive-prompt');
  await workbench.quickInput.type(user.password);
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, `Accepted keyboard-interactive/pam for ${user.name}`)).toBe(1);
  await stopAndLook(workbench, port);
});

test('a key of the ssh-agent lets in without a question', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const agent = own(await startSshAgent(), (it) => it.stop());
  const key = await createSshKey(`${vsCode.sshFolder}/id_gone`);
  await agent.add(key.path);
  await Promise.all([rm(key.path), rm(`${key.path}.pub`)]);
  const sshd = await startSshHost(vsCode, own, { alias: 'vault', authorizedKeys: [key.publicKey], sshConfig: [`IdentityAgent ${agent.socketPath}`] });
  const { port, text } = await routeVia('vault', own);
  await workbench.openCulvert();
  await workbench.forward(text);
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, `Accepted publickey for ${sshd.userName}`)).toBe(1);
  expect(sshd.logText()).toContain(key.fingerprint);
  expect(await workbench.quickInput.isOpen()).toBe(false);
  await stopAndLook(workbench, port);
});
