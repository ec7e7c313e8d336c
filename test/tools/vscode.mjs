import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, runProgram, timed } from './commands.mjs';
import { isAlive, stopTree } from './processTree.mjs';

/**
 * The npm package code-server carries VS Code's workbench, server and extension host; its version is VS Code's, with a 4
 * in front.
 */
const VERSIONS = /** @type {const} */ ({
  '1.100': { package: 'code-server@4.100.3', node: undefined },
  '1.139': { package: 'code-server@4.139.1', node: '24.21.0' },
});

/** @typedef {keyof typeof VERSIONS} VsCodeVersion */

/** @type {VsCodeVersion} */
export const OLDEST = '1.100';
/** @type {VsCodeVersion} */
export const NEWEST = '1.139';

const CACHE = join(ROOT, '.vscode-test');
const START_DEADLINE_MS = 60_000;
const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/** A calm workbench: nothing opens, updates or asks by itself. */
const CALM_SETTINGS = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  // The newest calls it 'off' and rewrites anything else; the oldest takes that for false.
  'extensions.autoUpdate': 'off',
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'npm.autoDetect': 'off',
  // The editor's own forwarding of ports would announce every server that a test starts.
  'remote.autoForwardPorts': false,
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'window.commandCenter': false,
  // Settings open as any other editor does, not in a box over the window.
  'workbench.editor.useModal': 'off',
  'workbench.enableExperiments': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
  'workbench.tips.enabled': false,
  'workbench.welcomePage.walkthroughs.openOnInstall': false,
};

/**
 * Puts this VS Code into .vscode-test, if it is not there, and gives the folder of its server.
 * @param {VsCodeVersion} version
 * @returns {Promise<string>}
 */
export async function installVsCode(version) {
  const { package: name } = VERSIONS[version];
  const folder = await installOnce(name, `Installing VS Code ${version} (npm package ${name}, about 20 s)`, async (partial) => {
    await npmInstall(partial, ['--no-save', '--prefix', partial, name]);
    const server = serverFolder(partial);
    // npm does not install what a package carries in its folders; the package's own install script would do this.
    for (const inner of [server, join(server, 'extensions')]) await npmInstall(inner, ['--omit=dev']);
    if (!existsSync(join(server, 'node_modules.asar'))) {
      symlinkSync('node_modules', join(server, 'node_modules.asar'), process.platform === 'win32' ? 'junction' : 'dir');
    }
  });
  await installNode(version);
  return serverFolder(folder);
}

/** @param {string} prefix */
function serverFolder(prefix) {
  return join(prefix, 'node_modules', 'code-server', 'lib', 'vscode');
}

/**
 * The Node that this VS Code runs on: its own, or this one where it is new enough.
 * @param {VsCodeVersion} version
 * @returns {Promise<string>}
 */
async function installNode(version) {
  const wanted = VERSIONS[version].node;
  const isNewEnough = wanted === undefined || Number(process.versions.node.split('.')[0]) >= Number(wanted.split('.')[0]);
  if (isNewEnough) return process.execPath;
  if (process.platform === 'darwin') throw new Error(`VS Code ${version} needs Node ${wanted}, and this is ${process.version}.`);
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  const folder = await installOnce(`${name}@${wanted}`, `Installing Node ${wanted} for it (about 5 s)`, (partial) =>
    npmInstall(partial, ['--no-save', '--prefix', partial, `${name}@${wanted}`]),
  );
  return join(folder, 'node_modules', name, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * Fills a folder under a temporary name and renames it when it is whole, so that an interrupted install is never taken
 * for a finished one.
 * @param {string} name
 * @param {string} label
 * @param {(partial: string) => Promise<void>} fill
 */
async function installOnce(name, label, fill) {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  for (const entry of readdirSync(CACHE)) {
    const owner = entry.startsWith(`${name}.partial-`) ? Number(entry.split('-').at(-1)) : undefined;
    if (owner !== undefined && !isAlive(owner)) rmSync(join(CACHE, entry), { recursive: true, force: true });
  }
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial);
  await timed(label, () => fill(partial));
  // Somebody else may have been quicker.
  if (existsSync(folder)) rmSync(partial, { recursive: true, force: true });
  else renameSync(partial, folder);
  return folder;
}

/**
 * @param {string} cwd
 * @param {readonly string[]} programArguments
 */
async function npmInstall(cwd, programArguments) {
  const code = await runProgram('npm', ['install', ...QUIET, ...programArguments], { cwd, env: environmentForNpm(), isQuiet: true });
  if (code !== 0) throw new Error(`npm install ${programArguments.join(' ')} failed (exit code ${code}).`);
}

/** An npm inside npm would take over what the outer one was told about this repository. */
function environmentForNpm() {
  const inherited = Object.entries(process.env).filter(([name]) => !/^npm_(config_local_prefix|package_|lifecycle_|command)/.test(name));
  return Object.fromEntries(inherited);
}

/**
 * @typedef {object} StartOptions
 * @property {VsCodeVersion} version
 * @property {string} dataFolder Where this VS Code keeps everything: user data, extensions, logs.
 * @property {readonly string[]} [vsixes] Packaged extensions to install first.
 * @property {Readonly<Record<string, unknown>>} [settings] User settings, on top of calm ones.
 * @property {Readonly<Record<string, string>>} [extraEnv]
 * @property {readonly string[]} [commandPrefix] A program and its arguments that starts the server in its place, such
 *   as setpriv; it must replace itself by the server (exec).
 */

/**
 * @typedef {object} RunningVsCode
 * @property {number} pid
 * @property {string} url The workbench without a folder.
 * @property {string} settingsFile The user settings, watched by the editor.
 * @property {(folder: string) => string} urlOf The workbench with this folder open.
 * @property {() => string} output What the server printed so far.
 * @property {Promise<unknown>} closed Settles when the server has ended.
 * @property {() => Promise<void>} stop Ends it and everything that it started.
 */

/**
 * Starts a VS Code server on a random loopback port. Only who has the returned address can use it.
 * @param {StartOptions} options
 * @returns {Promise<RunningVsCode>}
 */
export async function startVsCode(options) {
  const server = await installVsCode(options.version);
  const program = [await installNode(options.version), join(server, 'out', 'server-main.js')];
  const settingsFile = writeSettings(options);
  const folders = foldersIn(options.dataFolder);
  for (const vsix of options.vsixes ?? []) await installExtension(program, folders, vsix);
  const token = randomBytes(16).toString('hex');
  const command = [...(options.commandPrefix ?? []), ...program, ...folders, '--host', '127.0.0.1', '--port', '0'];
  command.push('--connection-token', token, '--accept-server-license-terms', '--telemetry-level', 'off');
  const child = spawn(command[0] ?? '', command.slice(1), {
    cwd: options.dataFolder,
    env: { ...process.env, ...options.extraEnv },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: Ctrl+C in the terminal reaches the one who started this, who then ends it in order.
    detached: process.platform !== 'win32',
  });
  const output = collectOutput(child);
  const stop = () => stopTree(child);
  const closed = new Promise((resolve) => child.once('exit', resolve));
  try {
    const port = await portOf(child, output);
    const url = `http://127.0.0.1:${port}/?tkn=${token}`;
    const urlOf = (/** @type {string} */ folder) => `${url}&folder=${encodeURIComponent(pathToFileURL(folder).pathname)}`;
    return { pid: child.pid ?? 0, url, urlOf, settingsFile, output, closed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @param {string} dataFolder */
function foldersIn(dataFolder) {
  return [
    ...['--server-data-dir', join(dataFolder, 'server')],
    ...['--user-data-dir', join(dataFolder, 'user')],
    ...['--extensions-dir', join(dataFolder, 'extensions')],
  ];
}

/** @param {StartOptions} options */
function writeSettings(options) {
  const folder = join(options.dataFolder, 'user', 'User');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'settings.json');
  writeFileSync(file, JSON.stringify({ ...CALM_SETTINGS, ...options.settings }, undefined, 2));
  return file;
}

/**
 * @param {readonly string[]} program
 * @param {readonly string[]} folders
 * @param {string} vsix
 */
async function installExtension(program, folders, vsix) {
  const [node = '', ...rest] = program;
  const code = await runProgram(node, [...rest, ...folders, '--install-extension', vsix], { isQuiet: true });
  if (code !== 0) throw new Error(`VS Code could not install ${vsix} (exit code ${code}).`);
}

/** @param {import('node:child_process').ChildProcess} child */
function collectOutput(child) {
  let text = '';
  child.stdout?.on('data', (chunk) => (text += chunk));
  child.stderr?.on('data', (chunk) => (text += chunk));
  return () => text;
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {() => string} output
 * @returns {Promise<number>}
 */
function portOf(child, output) {
  return new Promise((resolve, reject) => {
    const refuse = (/** @type {string} */ reason) => reject(new Error(`VS Code ${reason}:\n${output()}`));
    const timer = setTimeout(() => refuse('did not start in time'), START_DEADLINE_MS);
    child.once('error', (error) => refuse(`did not start: ${error.message}`));
    child.once('exit', (code) => refuse(`ended with exit code ${code}`));
    child.stdout?.on('data', () => {
      const port = /agent listening on (\d+)/.exec(output())?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(Number(port));
    });
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  for (const version of [OLDEST, NEWEST]) await installVsCode(version);
}
