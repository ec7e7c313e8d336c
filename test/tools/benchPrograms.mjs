import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runProgram } from './commands.mjs';

const SOURCE = join(ROOT, 'test', 'bench');
const RESULTS = join(ROOT, 'test-results', 'bench');

/**
 * Builds the product and these programs of test/bench, and answers where they are and where their sources are.
 * @param {readonly string[]} names
 */
export async function buildBenchPrograms(names) {
  const built = await runProgram(process.execPath, ['esbuild.mjs', '--production']);
  if (built !== 0) process.exit(built);
  mkdirSync(RESULTS, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules', 'ssh2', 'package.json'), 'utf8'));
  // Only there once it is installed.
  const { build } = await import('esbuild');
  await build({
    entryPoints: names.map((name) => join(SOURCE, `${name}.ts`)),
    outdir: RESULTS,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    define: { SSH2_VERSION: JSON.stringify(version) },
  });
  return { results: RESULTS, source: SOURCE };
}
