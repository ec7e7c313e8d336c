import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { resolveTarget } from '../../src/openssh/resolveTarget.ts';
import { systemSshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;
beforeAll(async () => { folder = await createTemporaryFolder('permitted'); });
afterAll(() => folder.remove());

async function targetBy(line: string, sshPath: string): Promise<SshTarget> {
  const configFile = folder.join('config');
  await writeFile(configFile, `Host *\n  ${line}\n`, { mode: 0o600 });
  return (await resolveTarget({ host: 'remhost' }, systemSshEnvironment({ configFile, sshPath }))).target;
}

const READERS = [['ssh -G', 'ssh'], ['the parser', '/nonexistent/ssh']] as const;

describe.each(READERS)('where a proxy on the server may go, by %s', (_, sshPath) => {
  it.each<[string, readonly string[] | undefined]>([
    ['User me', undefined],
    ['PermitRemoteOpen any', undefined],
    ['PermitRemoteOpen none', []],
    ['PermitRemoteOpen db:5432', ['db:5432']],
    ['PermitRemoteOpen [::1]:80 db:* *:443', ['[::1]:80', 'db:*', '*:443']],
    ['permitremoteopen=db:1\n  PermitRemoteOpen db:2', ['db:1']],
  ])('%s: %j', async (line, permitted) => {
    expect((await targetBy(line, sshPath)).permitRemoteOpen).toEqual(permitted);
  });
});

describe.each(READERS)('how a socket here is made, by %s', (_, sshPath) => {
  it.each<[string, Pick<SshTarget, 'streamLocalBindMask' | 'streamLocalBindUnlink'>]>([
    ['User me', {}],
    ['StreamLocalBindMask 0177', {}],
    ['StreamLocalBindMask 0111', { streamLocalBindMask: 0o111 }],
    ['StreamLocalBindMask 0', { streamLocalBindMask: 0 }],
    ['StreamLocalBindUnlink no', {}],
    ['StreamLocalBindUnlink yes', { streamLocalBindUnlink: true }],
  ])('%s: %j', async (line, { streamLocalBindMask, streamLocalBindUnlink }) => {
    const target = await targetBy(line, sshPath);
    expect([target.streamLocalBindMask, target.streamLocalBindUnlink]).toEqual([streamLocalBindMask, streamLocalBindUnlink]);
  });
});
