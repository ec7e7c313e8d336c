import { mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findProgram, runProgram } from './commands.mjs';
import { installDependencies } from './install.mjs';

const OPTIONS = {
  '--check': 'start everything, see that it answers, and stop',
  '--browser': 'use the VS Code from npm even if there is a desktop one',
  '--no-open': 'open no browser',
};

const PARENT_CHECK_MS = 500;

/** @param {keyof typeof OPTIONS} option */
const has = (option) => process.argv.includes(option);

/** What is to be undone at the end, last first. */
/** @type {(() => Promise<unknown> | unknown)[]} */
const undo = [];
/** @type {Promise<void> | undefined} */
let ending;

/** @param {number} exitCode */
function end(exitCode) {
  ending ??= (async () => {
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step();
    process.exit(exitCode);
  })();
  return ending;
}

async function main() {
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      console.log('\nStopping …');
      void end(0);
    });
  }
  // npm, when it is ended by name, goes without a word to the program that it runs.
  const parent = process.ppid;
  setInterval(() => process.ppid === parent || end(0), PARENT_CHECK_MS).unref();
  await installDependencies();
  // These need what has just been installed.
  const { startDemoServer } = await import('./demoServer.mjs');
  const { forgetHostKey, writeWelcome } = await import('./welcome.mjs');

  const folder = await realpath(await mkdtemp(join(tmpdir(), 'culvert-start-')));
  undo.push(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  const workspace = join(folder, 'welcome');
  await mkdir(workspace);
  const server = await startDemoServer();
  undo.push(() => server.stop(), () => forgetHostKey(server.publicKey));
  const { file, steps } = await writeWelcome(workspace, server);

  const desktop = has('--browser') || has('--check') ? undefined : findProgram('code');
  const { startDesktop, startInBrowser } = await import('./editors.mjs');
  const editor = desktop === undefined ? await startInBrowser(folder, workspace, file) : await startDesktop(desktop, folder, workspace, file);
  undo.push(() => editor.stop());
  console.log(`\n${steps}\n${editor.url === undefined ? 'VS Code is open.' : `VS Code: ${editor.url}`}\n`);
  if (has('--check')) return check(server, editor.url ?? '');
  if (editor.url !== undefined && !has('--no-open')) await openInBrowser(editor.url);
  console.log('Ctrl+C ends it all and leaves nothing behind.');
  await editor.closed;
  await end(0);
}

/**
 * @param {import('./demoServer.mjs').DemoServer} server
 * @param {string} url
 */
async function check(server, url) {
  const { fetchThroughTunnel } = await import('./welcome.mjs');
  const page = await fetchThroughTunnel(server);
  if (!page.includes('You are through')) throw new Error(`The page behind the SSH server is not as it should be:\n${page}`);
  // The address carries a token, which the server turns into a cookie.
  const greeting = await fetch(url, { redirect: 'manual' });
  const cookie = greeting.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
  const response = await fetch(new URL(greeting.headers.get('location') ?? url, url), { headers: { cookie } });
  const text = await response.text();
  if (!response.ok || !text.includes('vscode')) throw new Error(`VS Code answers ${response.status}.`);
  console.log('Everything answers.');
  await end(0);
}

/** @param {string} url */
async function openInBrowser(url) {
  const hasScreen = process.platform !== 'linux' || process.env['DISPLAY'] !== undefined || process.env['WAYLAND_DISPLAY'] !== undefined;
  const program = process.platform === 'darwin' ? 'open' : process.platform === 'win32' ? 'explorer' : 'xdg-open';
  if (hasScreen && findProgram(program) !== undefined) await runProgram(program, [url], { isQuiet: true });
  else console.log('Open that address in a browser.');
}

if (process.argv.includes('--help')) {
  console.log(Object.entries(OPTIONS).map(([name, meaning]) => `  ${name.padEnd(12)} ${meaning}`).join('\n'));
} else {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    await end(1);
  }
}
