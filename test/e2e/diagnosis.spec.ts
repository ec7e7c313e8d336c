import { readFile } from 'node:fs/promises';
import { findFreePort } from '../support/freePort.ts';
import { expect, test } from './fixtures.ts';
import { GREETING, startGreeter, startKeyHost, waitUntilDeserted } from './sshHost.ts';
import { plain } from './text.ts';
import type { Workbench } from './workbench.ts';

/** What the open report says, as far as it is in view. */
async function readReport(workbench: Workbench): Promise<string> {
  const lines = await workbench.page.locator('.editor-instance .view-line').evaluateAll((elements) => elements
    .map((element) => ({ top: (element as HTMLElement).offsetTop, text: element.textContent })).sort((one, other) => one.top - other.top)
    .map(({ text }) => text));
  return lines.map(plain).join('\n');
}

async function waitForReport(workbench: Workbench, text: string): Promise<string> {
  await expect.poll(() => readReport(workbench), { timeout: 20_000 }).toContain(text);
  return readReport(workbench);
}

test('a login that fails: the ladder says where it stops, why, and what helps; and that nothing is in the way once that is done', async ({ workbench, own }) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'vault' });
  const greeter = await startGreeter(own);
  const key = `${workbench.vsCode.sshFolder}/id_test`;
  await sshd.setAuthorizedKeys([sshd.hostKey.publicKey]);
  await workbench.openCulvert();
  await workbench.forward(`${String(await findFreePort())}:127.0.0.1:${String(greeter.port)} vault`);
  await workbench.notifications.press('did not accept the login', 'Why Doesn\'t It Work?');

  const report = await waitForReport(workbench, '✗ It stops at: Login (vault)');
  expect(report).toMatch(/✓ Banner +\d+ ms +SSH-2\.0-OpenSSH/);
  expect(report).toMatch(new RegExp(`✗ Login +failed [\\d.]+ m?s +offered: publickey\\s+${key}`));
  expect(report).toMatch(/· Destination accepts +not reached/);
  expect(report.replaceAll('\n', ' ')).toContain(`did not accept the login of ${sshd.userName}. Tried: publickey ${key}.`);
  await workbench.page.getByRole('tab', { name: /Why doesn't it work\?/ }).waitFor();
  const lens = (title: string) => workbench.page.locator('.codelens-decoration a', { hasText: title });
  await lens('Start Again').waitFor();
  await workbench.screenshot('diagnosis-failed');
  await waitUntilDeserted(sshd);

  await lens('Copy Report').click();
  await expect.poll(() => workbench.readClipboard()).toContain('✗ It stops at: Login (vault)');
  expect(await workbench.readClipboard()).not.toContain('PRIVATE KEY');

  await sshd.setAuthorizedKeys([await readFile(`${key}.pub`, 'utf8')]);
  await lens('Look Again').click();
  expect(await waitForReport(workbench, '✓ The way is open, from here to the destination.')).toContain(`speaks first: ${GREETING}`);
  await expect(lens('Start Again')).toHaveCount(0);
  await lens('Start').waitFor();
  await workbench.screenshot('diagnosis-passed');
  await waitUntilDeserted(sshd);
  expect(workbench.problems()).toEqual([]);
});
