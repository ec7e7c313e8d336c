import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isThroughSsh } from '../../src/core/forwardSpec.ts';
import { listConfiguredForwards } from '../../src/openssh/configuredForwards.ts';
import { systemSshEnvironment, type SshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { systemClock } from '../../src/system/clock.ts';
import { ConfigForwards } from '../../src/ui/configForwards.ts';
import { SshHosts } from '../../src/ui/sshHosts.ts';
import { portOf } from '../support/poles.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { createModel, FakeLog } from '../unit/ui/samples.ts';

let home: TemporaryFolder;
let hosts: SshHosts;
let forwards: ConfigForwards;
let model: ReturnType<typeof createModel>['model'];

beforeEach(async () => {
  home = await createTemporaryFolder('home');
  // A name in ssh's place that would tell of any use: looking runs nothing.
  const environment = (): SshEnvironment => systemSshEnvironment({ home: home.path, localUser: 'me', sshPath: home.join('must-not-run'), env: { ProgramData: home.path } });
  hosts = new SshHosts(environment);
  ({ model } = createModel());
  forwards = new ConfigForwards({ model, hosts, clock: systemClock, log: new FakeLog(), list: () => listConfiguredForwards(environment()), isShown: () => true });
  await forwards.read();
});
afterEach(async () => {
  forwards.dispose();
  hosts.dispose();
  await home.remove();
});

/** As an editor writes: beside the file, then in its place. */
async function write(name: string, text: string): Promise<void> {
  const path = home.join('.ssh', name);
  await mkdir(dirname(path), { recursive: true });
  const other = join(await mkdtemp(home.join('saved-')), 'file');
  await writeFile(other, text);
  await rename(other, path);
}

/** Until the tree's model has these forwards of ssh_config, in this order, and the list of hosts has them too. */
async function shows(...lines: string[]): Promise<void> {
  await expect.poll(() => model.forwards.map(({ definition: { spec, source } }) => `${isThroughSsh(spec) ? spec.target.host : ''} ${String(portOf(spec.listen))} line ${String(source?.line)}`), { timeout: 5_000 })
    .toEqual(lines);
  const aliases = await hosts.aliases();
  for (const line of lines) expect(aliases).toContain(line.split(' ')[0]);
}

const host = (name: string, port: number): string => `Host ${name} *.pattern !no\n  LocalForward ${String(port)} localhost:80\n`;

describe('the hosts of ssh_config and their forwards', () => {
  it('appear with a folder and a file that were not there, change with them, and go', async () => {
    await shows();
    await write('config', host('a', 1001));
    await shows('a 1001 line 2');
    await write('config', `# new\n${host('b', 1002)}`);
    await shows('b 1002 line 3');
    await writeFile(home.join('.ssh', 'config'), host('c', 1003));
    await shows('c 1003 line 2');
    await unlink(home.join('.ssh', 'config'));
    await shows();
    await rm(home.join('.ssh'), { recursive: true });
    await write('config', host('d', 1004));
    await shows('d 1004 line 2');
  });

  it('come from files that Include names, when they appear, change and go, in folders that a pattern finds too', async () => {
    await write('config', `Include one.conf conf.d/*.conf work/*/config\n${host('last', 1009)}`);
    await shows('last 1009 line 3');
    await write('one.conf', host('a', 1001));
    await shows('a 1001 line 2', 'last 1009 line 3');
    await write('conf.d/x.conf', host('b', 1002));
    await shows('a 1001 line 2', 'b 1002 line 2', 'last 1009 line 3');
    await write('conf.d/y.conf', host('c', 1003));
    await shows('a 1001 line 2', 'b 1002 line 2', 'c 1003 line 2', 'last 1009 line 3');
    await mkdir(home.join('.ssh', 'work', 'client'), { recursive: true });
    await write('work/client/config', host('d', 1004));
    await shows('a 1001 line 2', 'b 1002 line 2', 'c 1003 line 2', 'd 1004 line 2', 'last 1009 line 3');
    await unlink(home.join('.ssh', 'conf.d', 'x.conf'));
    await write('conf.d/y.conf', host('e', 1005));
    await shows('a 1001 line 2', 'e 1005 line 2', 'd 1004 line 2', 'last 1009 line 3');
  });

  it('come from behind a symlink, as where the settings are kept elsewhere', async () => {
    await mkdir(home.join('dotfiles'));
    await writeFile(home.join('dotfiles', 'ssh'), host('a', 1001));
    await mkdir(home.join('.ssh'));
    await symlink(home.join('dotfiles', 'ssh'), home.join('.ssh', 'config'));
    await shows('a 1001 line 2');
    await writeFile(home.join('dotfiles', 'ssh'), host('b', 1002));
    await shows('b 1002 line 2');
  });

  it('are found by looking alone: nothing of what the files name is run', async () => {
    await write('config', `Match exec "touch ${home.path}/ran"\n  LocalForward 1 localhost:1\nHost a\n  ProxyCommand touch ${home.path}/ran\n  LocalForward 1001 localhost:80\n`);
    await shows('a 1001 line 5');
    await expect(unlink(home.join('ran'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
