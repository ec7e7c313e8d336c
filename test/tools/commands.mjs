import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The root of the repository. */
export const ROOT = join(import.meta.dirname, '../..');

const IS_WINDOWS = process.platform === 'win32';

/**
 * Runs a program with this terminal and gives its exit code; a program that is not there, or that a signal ended,
 * counts as 1.
 * @param {string} program
 * @param {readonly string[]} programArguments
 * @param {{ readonly cwd?: string, readonly env?: NodeJS.ProcessEnv, readonly isQuiet?: boolean }} [options] Quiet
 *   programs print only when they fail.
 * @returns {Promise<number>}
 */
export function runProgram(program, programArguments, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, programArguments, {
      cwd: options.cwd ?? ROOT,
      env: options.env ?? process.env,
      stdio: options.isQuiet === true ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
      // npm is a script there, which only a shell can start.
      shell: IS_WINDOWS && program === 'npm',
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => {
      console.error(`${program}: ${error.message}`);
      resolve(1);
    });
    child.on('exit', (code) => {
      if (code !== 0) process.stderr.write(output);
      resolve(code ?? 1);
    });
  });
}

/**
 * @param {string} label
 * @param {() => Promise<void>} work
 */
export async function timed(label, work) {
  console.log(`▸ ${label} …`);
  const start = performance.now();
  await work();
  console.log(`  done in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/**
 * Where a program is on the PATH, if it is.
 * @param {string} name
 * @returns {string | undefined}
 */
export function findProgram(name) {
  const endings = IS_WINDOWS ? ['.exe', '.cmd', '.bat'] : [''];
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  // A normal user's PATH lacks the folders of the system's own programs, where sshd is.
  const all = IS_WINDOWS ? folders : [...folders, '/usr/sbin', '/sbin'];
  return all.flatMap((folder) => endings.map((ending) => join(folder, name + ending))).find(isExecutable);
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** @param {string} program @param {readonly string[]} programArguments */
export function outputOf(program, programArguments) {
  const result = spawnSync(program, programArguments, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout.trim() : undefined;
}
