import { build } from 'esbuild';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/processes.ts';
import { createSshKey, knownHostsLine, type SshKeyFile } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const ROOT = join(import.meta.dirname, '../..');

/** The two entry points of the room: what ssh_config says about a host, and whether a key is the host's. */
const SCRIPT = `
  import { checkHostKey } from './src/openssh/hostKeyCheck.ts';
  import { resolveTarget } from './src/openssh/resolveTarget.ts';
  import { systemSshEnvironment } from './src/openssh/sshEnvironment.ts';

  const [configFile, host, keyType, key] = process.argv.slice(2);
  const { target, policies, notes } = await resolveTarget({ host }, systemSshEnvironment({ configFile }));
  const hop = target.hops.at(-1);
  const { status, line } = await checkHostKey({ host: hop.host, port: hop.port, keyType, key }, policies.get(hop.hostKeyPolicy));
  console.log(JSON.stringify({ hops: target.hops.map(({ user, host, port }) => user + '@' + host + ':' + port), notes, status, line }));
`;

let folder: TemporaryFolder;
let right: SshKeyFile;
let wrong: SshKeyFile;
let inputs: string[];

beforeAll(async () => {
  folder = await createTemporaryFolder('plain');
  [right, wrong] = await Promise.all([createSshKey(folder.join('right')), createSshKey(folder.join('wrong'))]);
  await writeFile(folder.join('known'), `# mine\n${knownHostsLine('web.example', 2200, right)}`);
  const config = `Host web\n  HostName web.example\n  Port 2200\n  User bob\n  ProxyJump gate\n  BatchMode yes\nHost *\n  User ann\n  UserKnownHostsFile ${folder.join('known')}\n`;
  await writeFile(folder.join('config'), config, { mode: 0o600 });
  const { metafile } = await build({
    stdin: { contents: SCRIPT, resolveDir: ROOT, loader: 'ts' },
    outfile: folder.join('script.mjs'),
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
    metafile: true,
    absWorkingDir: ROOT,
  });
  inputs = Object.keys(metafile.inputs);
});
afterAll(() => folder.remove());

async function ask(host: string, key: SshKeyFile): Promise<unknown> {
  const [type = '', blob = ''] = key.publicKey.split(' ');
  return JSON.parse(await run(process.execPath, [folder.join('script.mjs'), folder.join('config'), host, type, blob])) as unknown;
}

describe('src/openssh under plain Node', () => {
  it('needs nothing but src/core', () => {
    expect(inputs.filter((path) => !/^(?:src\/(?:openssh|core)\/|<stdin>)/.test(path))).toEqual([]);
    expect(inputs.length).toBeGreaterThan(20);
  });

  it('resolves a target and checks a host key', async () => {
    const shared = { hops: ['ann@gate:22', 'bob@web.example:2200'], notes: ['web: BatchMode is set and not honoured: questions are asked all the same.'] };
    expect(await ask('web', right)).toEqual({ ...shared, status: 'known', line: 2 });
    expect(await ask('web', wrong)).toEqual({ ...shared, status: 'mismatch', line: 2 });
    expect(await ask('gate', wrong)).toEqual({ hops: ['ann@gate:22'], notes: [], status: 'unknown' });
  });
});
