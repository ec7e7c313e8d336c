import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, runProgram } from './commands.mjs';
import { installDependencies } from './install.mjs';
import { installSystemPackages } from './systemPackages.mjs';

const SOURCE = join(ROOT, 'test', 'bench');
const RESULTS = join(ROOT, 'test-results', 'bench');
/** The benchmark, and what it runs in processes of their own. */
const PROGRAMS = ['main', 'culvertProcess', 'echoProcess', 'delayLink'];

await installDependencies();
await installSystemPackages([
  { program: 'iperf3', name: 'iperf3' },
  { program: 'gcc', name: 'gcc' },
]);
const built = await runProgram(process.execPath, ['esbuild.mjs', '--production']);
if (built !== 0) process.exit(built);
mkdirSync(RESULTS, { recursive: true });
const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules', 'ssh2', 'package.json'), 'utf8'));
// Only there once it is installed.
const { build } = await import('esbuild');
await build({
  entryPoints: PROGRAMS.map((name) => join(SOURCE, `${name}.ts`)),
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
process.exitCode = await runProgram(process.execPath, [join(RESULTS, 'main.mjs'), RESULTS, SOURCE, ...process.argv.slice(2)]);
