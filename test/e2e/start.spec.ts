import type { Page } from '@playwright/test';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../support/eventually.ts';
import { listenersOn } from '../support/listeners.ts';
import { runAnyway } from '../support/processes.ts';
import { createTemporaryFolder } from '../support/temporaryFolder.ts';
import { expect, test, type Own } from './fixtures.ts';
import { asNormalUser, prepareRealSshFolder } from './normalUser.ts';
import { QuickInput } from './quickInput.ts';
import { TreeView, type TreeRow } from './treeView.ts';

const ROOT = join(import.meta.dirname, '../..');

/** `npm start` under way, as in a terminal of somebody whose home folder is new. */
interface Demo {
  /** What it said to open. */
  readonly url: string;
  /** Where it keeps everything. */
  readonly folder: string;
  readonly knownHosts: string;
  /** Ctrl+C; gives what it printed from then on. */
  interrupt(): Promise<string>;
}

async function startDemo(own: Own): Promise<Demo> {
  const home = own(await createTemporaryFolder('home'), (it) => it.remove());
  await mkdir(home.join('.ssh'), { mode: 0o700 });
  const [program, ...rest] = [...asNormalUser(home.join('.ssh'), await prepareRealSshFolder()), 'npm', 'start', '--', '--browser', '--no-open'];
  const child = spawn(program, rest, { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: home.path, SSH_AUTH_SOCK: '' } });
  const exit = once(child, 'exit');
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => { output += chunk.toString(); });
  own(child, async () => {
    if (child.exitCode === null && child.signalCode === null) signalGroup(child.pid, 'SIGTERM');
    await exit;
    await test.info().attach('npm start', { body: output, contentType: 'text/plain' });
  });
  const url = await eventually(() => /^VS Code: (\S+)$/m.exec(output)?.[1], { deadlineMs: 90_000, explain: () => output });
  const folder = (new URL(url).searchParams.get('folder') ?? '').replace(/\/welcome$/, '');
  const interrupt = async (): Promise<string> => {
    const before = output.length;
    signalGroup(child.pid, 'SIGINT');
    await exit;
    return output.slice(before);
  };
  return { url, folder, knownHosts: home.join('.ssh', 'known_hosts'), interrupt };
}

/** A terminal's Ctrl+C reaches every process of the group. */
function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid !== undefined) process.kill(-pid, signal);
}

/** What the welcome page tells to copy: the line for Forward Port, the fingerprint and the password. */
async function readWelcome(page: Page): Promise<{ notation: string; fingerprint: string; password: string }> {
  const preview = page.frameLocator('iframe.webview').frameLocator('iframe#active-frame');
  await preview.getByRole('heading', { name: 'Your first tunnel, in three steps' }).waitFor({ timeout: 60_000 });
  const [notation = '', fingerprint = '', password = ''] = (await preview.locator('pre').allInnerTexts()).map((text) => text.trim());
  return { notation, fingerprint, password };
}

test('npm start leads to the first tunnel by its welcome page, and Ctrl+C leaves nothing', async ({ page, own }) => {
  test.setTimeout(240_000);
  const [quickInput, forwards] = [new QuickInput(page), new TreeView(page, 'Forwards')];
  const demo = await startDemo(own);
  await page.goto(demo.url);
  const { notation, fingerprint, password } = await readWelcome(page);
  await page.screenshot({ path: join(ROOT, 'test-results/screenshots/newest/npm-start-welcome.png') });

  await eventually(async () => {
    await page.keyboard.press('F1');
    await quickInput.waitUntilOpen(undefined, 3_000);
    await quickInput.type('>Culvert: Forward Port…');
    await quickInput.pick('Culvert: Forward Port…');
    await quickInput.waitUntilOpen('Forward Port', 3_000);
    return true;
  }, { deadlineMs: 60_000 });
  await quickInput.type(notation);
  await quickInput.waitForFirstRow(({ label }) => label.startsWith('Listen on'));
  await quickInput.accept();
  await quickInput.waitForQuestion('Unknown Host Key');
  await quickInput.type(fingerprint);
  await quickInput.waitForFirstRow(({ label }) => label.startsWith('The Same Fingerprint'));
  await quickInput.accept();
  await quickInput.answer('Password of demo', password);
  const isListening = ({ level, description }: TreeRow): boolean => level === 1 && description.includes('listening');
  await forwards.waitForRow(isListening);

  const popup = page.context().waitForEvent('page');
  await forwards.clickContextMenu(isListening, 'Open in Browser');
  const behind = await popup;
  await behind.getByRole('heading', { name: 'You are through.' }).waitFor();
  const port = Number(notation.split(':')[0]);
  expect(behind.url()).toBe(`http://localhost:${String(port)}/`);
  await forwards.waitForRow((row) => /^(?:ESTABLISHED|CLOSED)$/.test(row.label) && /↓ [1-9]/.test(row.description));
  await page.screenshot({ path: join(ROOT, 'test-results/screenshots/newest/npm-start-tunnel.png') });
  expect(await readFile(demo.knownHosts, 'utf8')).toContain('ssh-ed25519');

  expect(await demo.interrupt()).toContain('Stopping …');
  expect((await runAnyway('pgrep', ['--full', '--list-full', demo.folder])).stdout).toBe('');
  expect(await listenersOn(port)).toEqual([]);
  expect(existsSync(demo.folder)).toBe(false);
  // The demo's key is gone, and so is its line.
  expect(existsSync(demo.knownHosts)).toBe(false);
});
