import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, runProgram } from './commands.mjs';
import { installDependencies } from './install.mjs';

/** Where `npm run package` leaves the package. */
export function packagePath() {
  const { name, version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return join(ROOT, `${name}-${version}.vsix`);
}

/**
 * Builds for production and packs the .vsix.
 * @param {string} [path]
 * @param {boolean} [isQuiet]
 */
export async function makePackage(path = packagePath(), isQuiet = false) {
  await runNode(['esbuild.mjs', '--production'], isQuiet);
  // The dependencies are in the bundles already; and there is no repository yet that links could lead to.
  const options = ['--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--out', path];
  await runNode([join('node_modules', '@vscode', 'vsce', 'vsce'), 'package', ...options], isQuiet);
}

/**
 * @param {readonly string[]} programArguments
 * @param {boolean} isQuiet
 */
async function runNode(programArguments, isQuiet) {
  const code = await runProgram(process.execPath, programArguments, { isQuiet });
  if (code !== 0) throw new Error(`node ${programArguments.join(' ')} failed (exit code ${code}).`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await installDependencies();
  await makePackage();
}
