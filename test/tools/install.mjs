import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, runProgram, timed } from './commands.mjs';

const LOCK_FILE = join(ROOT, 'package-lock.json');
/** What was installed last; it vanishes with node_modules. */
const STAMP_FILE = join(ROOT, 'node_modules', '.culvert-installed');

/** Installs the development dependencies when they are missing or no longer those of package-lock.json. */
export async function installDependencies() {
  const wanted = createHash('sha256').update(readFileSync(LOCK_FILE)).digest('hex');
  if (existsSync(STAMP_FILE) && readFileSync(STAMP_FILE, 'utf8') === wanted) return;
  await timed('Installing the development dependencies (npm ci, about 20 s)', async () => {
    const code = await runProgram('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
    if (code !== 0) throw new Error(`npm ci failed (exit code ${code}). Its own message is above.`);
    writeFileSync(STAMP_FILE, wanted);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await installDependencies();
