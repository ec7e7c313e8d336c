import { build, type Plugin } from 'esbuild';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
const BUILT = join(ROOT, 'dist/plane.js');
const SOURCES = ['core', 'protocol', 'system', 'plane'].map((room) => join(ROOT, 'src', room));

let bundle: Promise<string> | undefined;
let otherBundle: Promise<string> | undefined;

/** The plane as it ships: `dist/plane.js`, or a bundle of its own when that is missing or older than a source. */
export function planeBundle(): Promise<string> {
  return (bundle ??= isFresh() ? Promise.resolve(BUILT) : bundleNow());
}

/** The same with an ssh2 that has no such function as receive windows and early acknowledgements are granted with. */
export function planeBundleOfOtherSsh2(): Promise<string> {
  return (otherBundle ??= bundleNow([{
    name: 'other-ssh2',
    setup: ({ onLoad }) => {
      onLoad({ filter: /[\\/]ssh2[\\/]lib[\\/].*\.js$/ }, async ({ path }) => ({
        contents: (await readFile(path, 'utf8')).replaceAll('channelWindowAdjust', 'adjustChannelWindow'), loader: 'js',
      }));
    },
  }]));
}

/** The same with somebody in its worker who tells what it has open; for this process and those that it starts. */
export async function countedPlane(): Promise<string> {
  process.env['CULVERT_TEST_PLANE'] = await planeBundle();
  return join(import.meta.dirname, 'countedPlane.cjs');
}

function isFresh(): boolean {
  if (!existsSync(BUILT)) return false;
  const builtAt = statSync(BUILT).mtimeMs;
  return SOURCES.flatMap(filesOf).every((path) => statSync(path).mtimeMs <= builtAt);
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

async function bundleNow(plugins: Plugin[] = []): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'culvert-plane-'));
  process.once('exit', () => { rmSync(folder, { recursive: true, force: true }); });
  const outfile = join(folder, 'plane.js');
  await build({
    entryPoints: [join(ROOT, 'src/plane/main.ts')],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
    plugins,
    external: ['cpu-features', '*.node'],
  });
  return outfile;
}
