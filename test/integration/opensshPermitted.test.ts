import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveTarget } from '../../src/openssh/resolveTarget.ts';
import { systemSshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;
beforeAll(async () => { folder = await createTemporaryFolder('permitted'); });
afterAll(() => folder.remove());

async function permittedBy(line: string, sshPath: string): Promise<readonly string[] | undefined> {
  const configFile = folder.join('config');
  await writeFile(configFile, `Host *\n  ${line}\n`, { mode: 0o600 });
  const { target } = await resolveTarget({ host: 'remhost' }, systemSshEnvironment({ configFile, sshPath }));
  return target.permitRemoteOpen;
}

describe.each([['ssh -G', 'ssh'], ['the parser', '/nonexistent/ssh']])('where a proxy on the server may go, by %s', (_, sshPath) => {
  it.each<[string, readonly string[] | undefined]>([
    ['User me', undefined],
    ['PermitRemoteOpen any', undefined],
    ['PermitRemoteOpen none', []],
    ['PermitRemoteOpen db:5432', ['db:5432']],
    ['PermitRemoteOpen [::1]:80 db:* *:443', ['[::1]:80', 'db:*', '*:443']],
    ['permitremoteopen=db:1\n  PermitRemoteOpen db:2', ['db:1']],
  ])('%s: %j', async (line, permitted) => {
    expect(await permittedBy(line, sshPath)).toEqual(permitted);
  });
});
