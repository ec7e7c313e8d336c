import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runProgram } from './commands.mjs';
import { installDependencies } from './install.mjs';
import { makePackage } from './package.mjs';
import { installSystemPackages } from './systemPackages.mjs';
import { installVsCode, NEWEST, OLDEST } from './vscode.mjs';

/**
 * @typedef {object} Counts
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** @typedef {{ readonly name: string, readonly run: () => Promise<Counts | void> }} Level */

const RESULTS = join(ROOT, 'test-results');
const VITEST = join('node_modules', 'vitest', 'vitest.mjs');
const TYPESCRIPT = join('node_modules', 'typescript', 'bin', 'tsc');

/** Cheapest first: the first level that fails ends the run. */
/** @type {readonly Level[]} */
const LEVELS = [
  { name: 'install', run: installDependencies },
  { name: 'system', run: installSystemPackages },
  { name: 'lint', run: () => node([join('node_modules', 'eslint', 'bin', 'eslint.js'), '.', '--max-warnings=0']) },
  { name: 'typecheck', run: typecheck },
  { name: 'build', run: () => node(['esbuild.mjs']) },
  { name: 'unit', run: () => vitest('unit') },
  { name: 'integration', run: () => vitest('integration') },
  { name: 'package', run: packAndCheck },
  { name: 'e2e', run: endToEnd },
];

async function typecheck() {
  await node([TYPESCRIPT, '--project', '.']);
  await node([TYPESCRIPT, '--project', join('test', 'e2e')]);
}

async function packAndCheck() {
  await makePackage();
  return vitest('package');
}

async function endToEnd() {
  for (const version of [OLDEST, NEWEST]) await installVsCode(version);
  const report = join(RESULTS, 'e2e.json');
  const cli = join('node_modules', '@playwright', 'test', 'cli.js');
  const code = await runProgram(process.execPath, [cli, 'test', '--config', join('test', 'e2e', 'playwright.config.ts')]);
  const { stats } = readReport(report);
  return checked(code, { passed: stats?.expected ?? 0, failed: (stats?.unexpected ?? 0) + (stats?.flaky ?? 0), skipped: stats?.skipped ?? 0 });
}

/** @param {'unit' | 'integration' | 'package'} project */
async function vitest(project) {
  const report = join(RESULTS, `${project}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await runProgram(process.execPath, [VITEST, 'run', '--project', project, ...reporters]);
  const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numTodoTests = 0 } = readReport(report);
  return checked(code, { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests + numTodoTests });
}

/** @param {readonly string[]} programArguments */
async function node(programArguments) {
  const code = await runProgram(process.execPath, programArguments);
  if (code !== 0) throw new Error(`exit code ${code}`);
}

/**
 * A file that cannot even be loaded fails without a failed test; and a level that ran nothing has shown nothing.
 * @param {number} code
 * @param {Counts} counts
 * @returns {Counts}
 */
function checked(code, counts) {
  const isGreen = code === 0 && counts.passed > 0;
  return isGreen || counts.failed > 0 ? counts : { ...counts, failed: 1 };
}

/** @param {string} path */
function readReport(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

/**
 * @param {Level} level
 * @returns {Promise<{ readonly name: string, readonly counts: Counts, readonly seconds: number }>}
 */
async function runLevel(level) {
  console.log(`\n━━ ${level.name}`);
  const start = performance.now();
  /** @type {Counts} */
  let counts = { passed: 0, failed: 0, skipped: 0 };
  try {
    counts = (await level.run()) ?? counts;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    counts.failed = 1;
  }
  return { name: level.name, counts, seconds: (performance.now() - start) / 1000 };
}

/** @returns {readonly Level[]} */
function chosenLevels() {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !LEVELS.some((level) => level.name === name));
  if (unknown.length > 0) {
    console.error(`There is no level ${unknown.join(', ')}. The levels are: ${LEVELS.map(({ name }) => name).join(', ')}.`);
    process.exit(2);
  }
  return names.length === 0 ? LEVELS : LEVELS.filter(({ name }) => names.includes(name));
}

async function main() {
  rmSync(RESULTS, { recursive: true, force: true });
  mkdirSync(RESULTS);
  const total = { passed: 0, failed: 0, skipped: 0 };
  const lines = [];
  for (const level of chosenLevels()) {
    const { name, counts, seconds } = await runLevel(level);
    for (const key of /** @type {const} */ (['passed', 'failed', 'skipped'])) total[key] += counts[key];
    const tests = counts.passed + counts.skipped > 0 ? `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped` : '';
    lines.push(`  ${counts.failed > 0 ? '✘' : '✔'} ${name.padEnd(12)} ${seconds.toFixed(1).padStart(7)} s  ${tests}`);
    if (counts.failed > 0) {
      lines.push(`\nStopped at "${name}", the first level that failed. Its output is above; once it is fixed: npm test -- ${name}`);
      break;
    }
  }
  console.log(`\n━━ summary\n${lines.join('\n')}\n`);
  const hasRunNothing = total.passed === 0;
  if (hasRunNothing) console.log('No test has run.');
  process.exitCode = total.failed > 0 || hasRunNothing ? 1 : 0;
  // The last line: whoever runs this counts by it.
  console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
}

await main();
