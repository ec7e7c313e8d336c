import { chmod, readFile, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SshDestination } from '../../src/core/forwardSpec.ts';
import { resolveTarget } from '../../src/openssh/resolveTarget.ts';
import { systemSshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;

beforeAll(async () => {
  folder = await createTemporaryFolder('hostile');
  await writeFile(folder.join('ssh'), `#!/bin/sh\nprintf '%s\\n' "$*" >> ${folder.join('started')}\nexec /usr/bin/ssh "$@"\n`);
  await chmod(folder.join('ssh'), 0o755);
  await writeFile(folder.join('config'), 'Host web\n  Port 5\nHost jumps\n  ProxyJump -oProxyCommand=touch\nHost jumps2\n  ProxyJump a;b\n');
});
afterAll(() => folder.remove());

const environment = (): ReturnType<typeof systemSshEnvironment> => systemSshEnvironment({ sshPath: folder.join('ssh'), configFile: folder.join('config') });

const HOSTILE: readonly SshDestination[] = [
  ...[
    '', '-oProxyCommand=touch x', '--', '-v', 'a b', 'a\tb', 'a\nb', 'a\u0000b', 'a\u001b[2Jb', 'a;touch x', 'a|b', 'a&b', '$(touch x)', '`touch x`', 'a$b',
    "a'b", 'a"b', 'a\\b', 'a<b', 'a>b', '(a)', '{a}', 'a,b', 'root@web', 'ssh://web', 'SSH://web', 'a\u202ebew', 'a\u200bb', 'a\u00a0b', 'a\u2028b', 'x'.repeat(300),
  ].map((host) => ({ host })),
  ...['', '-l', 'a;b', 'a`b', '$(x)', 'a -oX', 'a\nb', 'a\\', 'a\u202eb', 'u'.repeat(300)].map((user) => ({ host: 'web', user })),
  ...[0, -22, 65536, 2.5, Number.NaN, Number.POSITIVE_INFINITY].map((port) => ({ host: 'web', port })),
];

describe('hostile names', () => {
  it.each(HOSTILE.map((destination) => [JSON.stringify(destination).slice(0, 60), destination] as const))('%s is refused and nothing starts', async (_, destination) => {
    await expect(resolveTarget(destination, environment())).rejects.toMatchObject({ code: 'config-invalid' });
    expect(existsSync(folder.join('started'))).toBe(false);
  });

  it('are forty at least', () => expect(HOSTILE.length).toBeGreaterThanOrEqual(40));

  it('in a ProxyJump of the user reach no argument of ssh either', async () => {
    await expect(resolveTarget({ host: 'jumps' }, environment())).rejects.toMatchObject({ code: 'config-invalid' });
    await expect(resolveTarget({ host: 'jumps2' }, environment())).rejects.toMatchObject({ code: 'config-invalid' });
    const started = (await readFile(folder.join('started'), 'utf8')).trim().split('\n').map((line) => line.replace(/^.* -- /, ''));
    // Once, without any file, for the defaults of that ssh.
    expect(started.filter((host) => host === 'localhost')).toHaveLength(1);
    expect(started.filter((host) => host !== 'localhost')).toEqual(['jumps', 'jumps2']);
  });

  it('would be seen: a good name starts the program', async () => {
    expect((await resolveTarget({ host: 'web', user: 'bob' }, environment())).target.hops[0]).toMatchObject({ port: 5, user: 'bob' });
    expect(await readFile(folder.join('started'), 'utf8')).toContain('-l bob -- web');
  });
});
