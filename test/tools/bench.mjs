import { join } from 'node:path';
import { buildBenchPrograms } from './benchPrograms.mjs';
import { runProgram } from './commands.mjs';
import { installDependencies } from './install.mjs';
import { onSteadyLoopback } from './steadyLoopback.mjs';
import { installSystemPackages } from './systemPackages.mjs';

await installDependencies();
await installSystemPackages([
  { program: 'iperf3', name: 'iperf3' },
  { program: 'gcc', name: 'gcc' },
]);
// The benchmark, and what it runs in processes of their own.
const { results, source } = await buildBenchPrograms(['main', 'culvertProcess', 'echoProcess', 'delayLink', 'editorProcess', 'changingClients']);
process.exitCode = await runProgram(...onSteadyLoopback(process.execPath, [join(results, 'main.mjs'), results, source, ...process.argv.slice(2)]));
