import { join } from 'node:path';
import { buildBenchPrograms } from './benchPrograms.mjs';
import { runProgram } from './commands.mjs';
import { installDependencies } from './install.mjs';
import { installSystemPackages } from './systemPackages.mjs';

await installDependencies();
await installSystemPackages([]);
const { results } = await buildBenchPrograms(['soak']);
process.exitCode = await runProgram(process.execPath, [join(results, 'soak.mjs'), ...process.argv.slice(2)]);
