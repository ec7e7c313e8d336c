import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { packagePath } from '../tools/package.mjs';
import { readZip } from '../support/zip.ts';

const VSIX_BYTES_MAX = 3 * 1024 * 1024;
const PLANE_IMPORTS = /^(node:)?(net|dgram|stream|worker_threads|crypto|path|util|events|buffer|url|child_process|assert|dns|fs|http|https|os|string_decoder|tls|zlib|cpu-features|\..*\.node)$/;

interface Manifest {
  readonly main: string;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly engines: { readonly vscode: string };
}

describe('the packaged extension', () => {
  let files: ReadonlyMap<string, Buffer>;
  const text = (name: string): string => files.get(name)?.toString() ?? '';

  beforeAll(() => {
    files = readZip(readFileSync(packagePath()));
  });

  it('holds both bundles, the manifest, the licence and the notices', () => {
    for (const name of ['package.json', 'dist/extension.js', 'dist/plane.js', 'LICENSE.txt', 'dist/THIRD-PARTY-NOTICES.txt']) {
      expect([...files.keys()]).toContain(`extension/${name}`);
    }
    expect(text('extension/dist/THIRD-PARTY-NOTICES.txt')).toContain('ssh2');
  });

  it('holds nothing else', () => {
    const allowed = /^(\[Content_Types\]\.xml|extension\.vsixmanifest|extension\/(package\.json|readme\.md|changelog\.md|LICENSE\.txt|dist\/(extension\.js|plane\.js|THIRD-PARTY-NOTICES\.txt)|media\/.+))$/i;
    expect([...files.keys()].filter((name) => !allowed.test(name))).toEqual([]);
  });

  it('holds no native code, no packages, no tests and no source maps', () => {
    expect([...files.keys()].filter((name) => /\.node$|node_modules|(^|\/)test|\.map$|\.ts$/.test(name))).toEqual([]);
    const isElf = (content: Buffer): boolean => content.subarray(0, 4).equals(Buffer.from([0x7f, 0x45, 0x4c, 0x46]));
    expect([...files].filter(([, content]) => isElf(content)).map(([name]) => name)).toEqual([]);
  });

  it('installs nothing and runs nothing when it is installed or removed', () => {
    const manifest = JSON.parse(text('extension/package.json')) as Manifest;
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.scripts ?? {}).filter((name) => /install|prepare|vscode:/.test(name))).toEqual([]);
    expect(manifest.main).toBe('./dist/extension.js');
    expect(manifest.engines.vscode).toBe('^1.100.0');
  });

  it('is small', () => {
    expect(statSync(packagePath()).size).toBeLessThan(VSIX_BYTES_MAX);
  });

  it('has a plane that never asks for the editor', () => {
    const required = [...text('extension/dist/plane.js').matchAll(/require\("([^"]+)"\)/g)].map((match) => match[1] ?? '');
    expect(required).not.toHaveLength(0);
    expect(required.filter((name) => !PLANE_IMPORTS.test(name))).toEqual([]);
  });

  it('has a plane that loads with nothing beside it', async () => {
    const folder: TemporaryFolder = await createTemporaryFolder('package');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(folder.join('plane.js'), files.get('extension/dist/plane.js') ?? '');
    const script = `const { Worker } = require('node:worker_threads'); const worker = new Worker(process.argv[1]);
      worker.on('online', () => worker.terminate()); worker.on('error', (error) => { console.error(error); process.exit(1); });`;
    expect(execFileSync(process.execPath, ['-e', script, folder.join('plane.js')], { encoding: 'utf8' })).toBe('');
    await folder.remove();
  });
});
