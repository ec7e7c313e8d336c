import { existsSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listConfiguredForwards, type ConfiguredForward } from '../../src/openssh/configuredForwards.ts';
import { systemSshEnvironment, type SshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { run } from '../support/processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;

const CONFIG = `
Include DIR/included.conf
LocalForward 1111 everywhere:1
Host web
  HostName Web.Example
  User bob
  Port 2200
  LocalForward 8080 localhost:80
  LocalForward=127.0.0.1:8081 "db:5432"
  LocalForward [::1]:8082 [2001:db8::1]:80
  LocalForward *:8083 localhost:80
  LocalForward 8080 localhost:80
  RemoteForward 9090 localhost:90
  RemoteForward 1081
  RemoteForward 0 localhost:91
  DynamicForward 1080
  DynamicForward localhost:1082
Host web db
  LocalForward /tmp/%n-%h-%p-%r.sock localhost:81
  LocalForward 8084 /run/%%/%u.sock
  LocalForward \${CULVERT_TEST_FOLDER}/x localhost:82
Host cleared
  LocalForward 8085 localhost:80
  ClearAllForwardings yes
Match final host web.example
  LocalForward 8086 localhost:80
Match host web.example
  LocalForward 8087 localhost:80
Host plain
Host *
  LocalForward 2222 all:2
`;

beforeAll(async () => {
  folder = await createTemporaryFolder('forwards');
  await writeFile(folder.join('included.conf'), 'Host inner\n  DynamicForward *:1083\n', { mode: 0o600 });
});
afterAll(() => folder.remove());

async function environment(config: string, overrides: Partial<SshEnvironment> = {}): Promise<SshEnvironment> {
  await writeFile(folder.join('config'), config.replaceAll('DIR', folder.path), { mode: 0o600 });
  return systemSshEnvironment({ configFile: folder.join('config'), env: { ...process.env, CULVERT_TEST_FOLDER: folder.path }, ...overrides });
}

/** What `ssh -G` prints for a forward: every host in brackets, a space between the poles. */
async function forwardsOfSsh(host: string, { configFile }: SshEnvironment): Promise<string[]> {
  const output = await run('env', [`CULVERT_TEST_FOLDER=${folder.path}`, 'ssh', '-G', '-F', configFile ?? '', host]);
  return output.split('\n').filter((line) => /^(?:local|remote|dynamic)forward /.test(line)).sort();
}

/** The same for ours, by way of the option that it is the argument of. Its tokens are replaced already. */
async function forwardsByOption(forwards: readonly ConfiguredForward[]): Promise<string[]> {
  const options = forwards.flatMap(({ kind, text }) => [{ local: '-L', remote: '-R', dynamic: '-D' }[kind], text.replaceAll('%', '%%')]);
  const output = await run('ssh', ['-G', '-F', 'none', ...options, 'x']);
  return output.split('\n').filter((line) => /^(?:local|remote|dynamic)forward /.test(line)).sort();
}

describe('listConfiguredForwards', () => {
  it.each(['web', 'db', 'inner', 'cleared', 'plain'])('gives for %s what ssh would make', async (host) => {
    const where = await environment(CONFIG);
    const ours = (await listConfiguredForwards(where)).filter((forward) => forward.host === host);
    expect(await forwardsByOption(ours)).toEqual(await forwardsOfSsh(host, where));
    expect(ours.length === 0).toBe(host === 'cleared');
  });

  it('says where each stands', async () => {
    const forwards = await listConfiguredForwards(await environment('Include DIR/included.conf\nHost web\n\n  LocalForward 8080 localhost:80\n'));
    expect(forwards).toEqual([
      { host: 'inner', kind: 'dynamic', text: '*:1083', file: folder.join('included.conf'), line: 2 },
      { host: 'web', kind: 'local', text: '8080:localhost:80', file: folder.join('config'), line: 4 },
    ]);
  });

  it('runs nothing, and takes nothing that depends on it', async () => {
    await writeFile(folder.join('ssh'), `#!/bin/sh\ntouch ${folder.join('started')}\n`);
    await chmod(folder.join('ssh'), 0o755);
    const config = `Host web\n  LocalForward 1 a:1\nMatch exec "touch DIR/started"\n  LocalForward 2 a:2\nHost web\n  LocalForward 3 a:3\n  ProxyCommand touch DIR/started\n`;
    const forwards = await listConfiguredForwards(await environment(config, { sshPath: folder.join('ssh') }));
    expect(forwards.map(({ text }) => text)).toEqual(['1:a:1', '3:a:3']);
    expect(existsSync(folder.join('started'))).toBe(false);
  });

  it('passes over what ssh would refuse, and never fails', async () => {
    const broken = 'Host web\n  LocalForward 8080\n  LocalForward x y:1\n  Nonsense\n  LocalForward /%q a:1\n  LocalForward ${UNSET_BY_ALL} a:1\n  LocalForward 1 a:1\n';
    expect((await listConfiguredForwards(await environment(broken))).map(({ text }) => text)).toEqual(['1:a:1']);
    expect(await listConfiguredForwards(systemSshEnvironment({ configFile: folder.join('absent') }))).toEqual([]);
  });
});
