import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, context } from 'esbuild';

const isProduction = process.argv.includes('--production');
const isWatching = process.argv.includes('--watch');

/** @type {import('esbuild').BuildOptions} */
const common = {
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Not the identifiers: a stack trace in a log must still name the function, and with `keepNames` each closure would get its
  // name as it is made, which takes time and 256 bytes.
  minifyWhitespace: isProduction,
  minifySyntax: isProduction,
  sourcemap: isProduction ? false : 'linked',
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
};

/** @type {readonly import('esbuild').BuildOptions[]} */
const bundles = [
  { ...common, entryPoints: ['src/extension.ts'], outfile: 'dist/extension.js', external: ['vscode'] },
  {
    ...common,
    entryPoints: ['src/plane/main.ts'],
    outfile: 'dist/plane.js',
    // Optional parts of ssh2 in native code: it does without them, and a portable package must. The editor is not
    // external here, so that a value import of it fails the build.
    external: ['cpu-features', '*.node'],
  },
];

/**
 * The licences of everything that ended up in a bundle, as their authors ask.
 * @param {readonly import('esbuild').Metafile[]} metafiles
 */
async function writeNotices(metafiles) {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs));
  const packages = new Set(inputs.flatMap((path) => path.match(/^node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
  const sections = await Promise.all([...packages].sort().map(noticeOf));
  await writeFile('dist/THIRD-PARTY-NOTICES.txt', sections.join('\n'));
}

/** @param {string} folder */
async function noticeOf(folder) {
  const manifest = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
  const file = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE'].map((name) => join(folder, name)).find(existsSync);
  if (file === undefined) throw new Error(`${folder} is bundled and has no licence file.`);
  return `${manifest.name} ${manifest.version}\n\n${(await readFile(file, 'utf8')).trim()}\n`;
}

/** @param {string} outfile */
async function describe(outfile) {
  const { size } = await stat(outfile);
  console.log(`  ${outfile}  ${(size / 1024).toFixed(0)} kB`);
}

async function buildOnce() {
  await rm('dist', { recursive: true, force: true });
  const results = await Promise.all(bundles.map((options) => build(options)));
  await writeNotices(results.flatMap((result) => result.metafile ?? []));
  console.log(isProduction ? 'Built for the package:' : 'Built:');
  for (const { outfile } of bundles) await describe(outfile ?? '');
}

async function watch() {
  for (const options of bundles) {
    // The two lines that the problem matcher of .vscode/tasks.json waits for.
    const report = {
      name: 'report',
      /** @param {import('esbuild').PluginBuild} pluginBuild */
      setup(pluginBuild) {
        pluginBuild.onStart(() => console.log(`[watch] build started: ${options.outfile}`));
        pluginBuild.onEnd((result) => {
          for (const { text, location } of result.errors) {
            console.error(`✘ [ERROR] ${text}\n    ${location?.file ?? dirname('.')}:${location?.line ?? 1}:${location?.column ?? 0}:`);
          }
          console.log(`[watch] build finished: ${options.outfile}, ${result.errors.length} errors`);
        });
      },
    };
    await (await context({ ...options, logLevel: 'silent', plugins: [report] })).watch();
  }
}

try {
  await (isWatching ? watch() : buildOnce());
} catch (error) {
  // esbuild has printed what is wrong where; anything else is a fault of this file.
  if (!(error instanceof Error && 'errors' in error)) throw error;
  process.exitCode = 1;
}
