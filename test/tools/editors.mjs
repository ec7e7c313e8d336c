import { spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, runProgram, timed } from './commands.mjs';
import { makePackage } from './package.mjs';
import { startPortRedirect } from './portRedirect.mjs';
import { stopTree, stopWhoNames } from './processTree.mjs';
import { NEWEST, startVsCode } from './vscode.mjs';

/**
 * @typedef {object} Editor
 * @property {string | undefined} url Where to open it, unless it is a window of its own.
 * @property {Promise<unknown>} closed Settles when its server has ended; a window of its own does not tell.
 * @property {() => Promise<void>} stop
 */

const SETTINGS = {
  'security.workspace.trust.enabled': false,
  'workbench.editorAssociations': { 'WELCOME.md': 'vscode.markdown.preview.editor' },
  'workbench.startupEditor': 'none',
};

/**
 * The VS Code from npm, as a server for a browser.
 * @param {string} folder
 * @param {string} workspace
 * @param {string} file
 * @returns {Promise<Editor>}
 */
export async function startInBrowser(folder, workspace, file) {
  const vsix = join(folder, 'culvert.vsix');
  await timed('Building and packing the extension', () => makePackage(vsix, true));
  const dataFolder = join(folder, 'vscode');
  await mkdir(dataFolder);
  // The browser is on this machine: a forwarded port is reached at its own address, without a proxy in between.
  const redirect = await startPortRedirect();
  const extraEnv = { VSCODE_PROXY_URI: redirect.template };
  const running = await startVsCode({ version: NEWEST, dataFolder, vsixes: [vsix], settings: SETTINGS, extraEnv });
  const host = new URL(running.url).host;
  const payload = JSON.stringify([['openFile', `vscode-remote://${host}${pathToFileURL(file).pathname}`]]);
  const url = `${running.urlOf(workspace)}&payload=${encodeURIComponent(payload)}`;
  const stop = async () => {
    await redirect.stop();
    await running.stop();
  };
  return { url, closed: running.closed, stop };
}

/**
 * The desktop VS Code on this machine, beside the person's own: other settings, other extensions.
 * @param {string} program
 * @param {string} folder
 * @param {string} workspace
 * @param {string} file
 * @returns {Promise<Editor>}
 */
export async function startDesktop(program, folder, workspace, file) {
  const code = await runProgram(process.execPath, ['esbuild.mjs']);
  if (code !== 0) throw new Error('The build failed.');
  const userData = join(folder, 'user');
  await mkdir(join(userData, 'User'), { recursive: true });
  await writeFile(join(userData, 'User', 'settings.json'), JSON.stringify(SETTINGS, undefined, 2));
  const profile = ['--user-data-dir', userData, '--extensions-dir', join(folder, 'extensions')];
  const child = spawn(program, [...profile, '--new-window', `--extensionDevelopmentPath=${ROOT}`, workspace, file], {
    stdio: 'ignore',
    detached: process.platform !== 'win32',
    shell: process.platform === 'win32',
  });
  const stop = async () => {
    await stopTree(child);
    // The window outlives the command that opened it; only its processes have this folder in their command lines.
    await stopWhoNames(userData);
  };
  return { url: undefined, closed: new Promise(() => undefined), stop };
}
