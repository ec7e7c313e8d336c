import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, lstat, mkdir, readFile, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkHostKey } from '../../src/openssh/hostKeyCheck.ts';
import { appendHostKey } from '../../src/openssh/hostKeyAppend.ts';
import { findIdentities } from '../../src/openssh/identityFiles.ts';
import { readPrivateKey } from '../../src/openssh/identity.ts';
import { isNamed, parseKnownHosts } from '../../src/openssh/knownHosts.ts';
import { listHosts } from '../../src/openssh/listHosts.ts';
import { systemSshEnvironment, type SshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { watchHosts } from '../../src/openssh/watchHosts.ts';
import { run } from '../support/processes.ts';
import { createPuttyKey } from '../support/puttyKeys.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await createTemporaryFolder('files');
});
afterEach(() => folder.remove());

const blobOf = (publicKey: string): string => publicKey.split(' ')[1] ?? '';
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe('appendHostKey', () => {
  let key: string;
  beforeEach(async () => {
    key = blobOf((await createSshKey(folder.join('host'))).publicKey);
  });

  it('makes folder and file for their owner alone', async () => {
    const file = folder.join('home', '.ssh', 'known_hosts');
    await appendHostKey(file, { name: '[web]:2200', key, isHashed: false });
    expect(await readFile(file, 'utf8')).toBe(`[web]:2200 ssh-ed25519 ${key}\n`);
    expect([await modeOf(folder.join('home', '.ssh')), await modeOf(file)]).toEqual([0o700, 0o600]);
  });

  it('changes nothing that is there: text, mode, a line without an end', async () => {
    const file = folder.join('known_hosts');
    await writeFile(file, '# mine\nbroken line', { mode: 0o644 });
    await appendHostKey(file, { name: 'web', key, isHashed: false });
    expect(await readFile(file, 'utf8')).toBe(`# mine\nbroken line\nweb ssh-ed25519 ${key}\n`);
    expect(await modeOf(file)).toBe(0o644);
  });

  it('follows a symlink', async () => {
    await writeFile(folder.join('real'), '');
    await symlink(folder.join('real'), folder.join('link'));
    await appendHostKey(folder.join('link'), { name: 'web', key, isHashed: false });
    expect((await lstat(folder.join('link'))).isSymbolicLink()).toBe(true);
    expect(await readFile(folder.join('real'), 'utf8')).toContain('web ');
  });

  it('hashes so that ssh-keygen finds it and nobody reads it', async () => {
    const file = folder.join('known_hosts');
    await appendHostKey(file, { name: '[web]:2200', key, isHashed: true });
    expect(await readFile(file, 'utf8')).toMatch(/^\|1\|[^ ]+ ssh-ed25519 /);
    expect(await run('ssh-keygen', ['-F', '[web]:2200', '-f', file])).toContain('found: line 1');
  });

  it('survives many writers of several processes', async () => {
    const file = folder.join('known_hosts');
    await writeFile(file, '# first line\n');
    const script = folder.join('writer.sh');
    await writeFile(script, `for i in $(seq 50); do echo "other$i ssh-ed25519 ${key}" >> ${file}; done\n`);
    const names = Array.from({ length: 100 }, (_, index) => `web${index}`);
    await Promise.all([...names.map((name) => appendHostKey(file, { name, key, isHashed: false })), run('bash', [script]), run('bash', [script])]);
    const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '');
    const whole = lines.filter((line) => line.endsWith(` ssh-ed25519 ${key}`));
    expect(whole.map((line) => line.split(' ')[0]).filter((name) => name?.startsWith('web')).sort()).toEqual([...names].sort());
    expect(lines.length).toBe(201);
  });

  it('loses nothing of two processes that append at once to a file that lacks its last newline, behind a symlink', async () => {
    const writer = folder.join('writer.cjs');
    await build({ entryPoints: [join(import.meta.dirname, '../../src/openssh/hostKeyAppend.ts')], outfile: folder.join('append.cjs'), bundle: true, format: 'cjs', platform: 'node', logLevel: 'warning' });
    await writeFile(writer, `
      const { appendHostKey } = require('./append.cjs');
      const [file, prefix, key, isHashed] = process.argv.slice(2);
      // Both begin when both are there.
      process.stdin.once('data', async () => {
        for (let index = 0; index < 50; index += 1) await appendHostKey(file, { name: prefix + index, key, isHashed: isHashed === 'yes' });
        process.exit();
      });
      process.stdout.write('ready');
    `);
    await writeFile(folder.join('real'), '# the end of this line is missing', { mode: 0o640 });
    await symlink(folder.join('real'), folder.join('known_hosts'));
    const writers = ['yes', 'no'].map((isHashed) => spawn(process.execPath, [writer, folder.join('known_hosts'), `hashed-${isHashed}-`, key, isHashed], { stdio: ['pipe', 'pipe', 'inherit'] }));
    await Promise.all(writers.map(({ stdout }) => once(stdout, 'data')));
    const ended = Promise.all(writers.map((each) => once(each, 'exit')));
    for (const { stdin } of writers) stdin.write('go');
    expect(await ended).toEqual([[0, null], [0, null]]);
    const lines = (await readFile(folder.join('real'), 'utf8')).split('\n').filter((line) => line !== '');
    expect(lines[0]).toBe('# the end of this line is missing');
    expect(lines.slice(1).every((line) => / ssh-ed25519 [A-Za-z0-9+/=]+$/.test(line) && line.endsWith(key))).toBe(true);
    expect(lines).toHaveLength(101);
    const known = parseKnownHosts(lines.join('\n'), 'known_hosts');
    const names = ['yes', 'no'].flatMap((isHashed) => Array.from({ length: 50 }, (_, index) => `hashed-${isHashed}-${index}`));
    expect(names.filter((name) => known.filter((line) => isNamed(line, name)).length !== 1)).toEqual([]);
    expect(await modeOf(folder.join('real'))).toBe(0o640);
    expect((await lstat(folder.join('known_hosts'))).isSymbolicLink()).toBe(true);
  });

  it('writes to /dev/null without complaint', async () => {
    await appendHostKey('/dev/null', { name: 'web', key, isHashed: false });
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true);
  });

  it('refuses a name that would break the line, and says why it cannot write', async () => {
    await expect(appendHostKey(folder.join('x'), { name: 'a b', key, isHashed: false })).rejects.toMatchObject({ code: 'internal' });
    await expect(appendHostKey(folder.join('x'), { name: 'a\nb', key, isHashed: false })).rejects.toMatchObject({ code: 'internal' });
    await expect(appendHostKey(folder.path, { name: 'web', key, isHashed: false })).rejects.toMatchObject({ code: 'known-hosts-unreadable', context: { path: folder.path } });
    // A failure does not block the next writer.
    await appendHostKey(folder.join('y'), { name: 'web', key, isHashed: false });
  });
});

describe('checkHostKey', () => {
  it('says where an accepted key goes, and nothing where it must not', async () => {
    const { publicKey } = await createSshKey(folder.join('host'));
    const [keyType = '', key = ''] = publicKey.split(' ');
    const policy = { userFiles: [folder.join('a'), folder.join('b')], globalFiles: [], strictness: 'ask', isHashed: true } as const;
    const verdict = await checkHostKey({ host: 'web', port: 2200, keyType, key }, policy);
    expect(verdict).toMatchObject({ status: 'unknown', appendTo: folder.join('a'), name: '[web]:2200', isHashed: true, strictness: 'ask' });
    expect((await checkHostKey({ host: 'we*b', port: 22, keyType, key }, policy)).appendTo).toBeUndefined();
    expect((await checkHostKey({ host: 'web', port: 22, keyType, key }, { ...policy, userFiles: [] })).appendTo).toBeUndefined();
  });

  it('honours RevokedHostKeys as a list, and refuses to pass over what it cannot read', async () => {
    const { publicKey } = await createSshKey(folder.join('host'));
    const [keyType = '', key = ''] = publicKey.split(' ');
    await writeFile(folder.join('known'), `web ${publicKey}\n`);
    await writeFile(folder.join('revoked'), `# gone\n${publicKey}\n`);
    const policy = { userFiles: [folder.join('known')], globalFiles: [], strictness: 'ask', isHashed: false } as const;
    const evidence = { host: 'web', port: 22, keyType, key };
    expect((await checkHostKey(evidence, policy)).status).toBe('known');
    expect(await checkHostKey(evidence, { ...policy, revokedKeysFile: folder.join('revoked') })).toMatchObject({ status: 'revoked', file: folder.join('revoked') });
    await expect(checkHostKey(evidence, { ...policy, revokedKeysFile: folder.join('absent') })).rejects.toMatchObject({ code: 'known-hosts-unreadable' });
    await run('ssh-keygen', ['-q', '-k', '-f', folder.join('krl'), folder.join('host.pub')]);
    await expect(checkHostKey(evidence, { ...policy, revokedKeysFile: folder.join('krl') })).rejects.toMatchObject({ code: 'config-unsupported' });
  });

  it('does not call a host unknown because its file cannot be read', async () => {
    const { publicKey } = await createSshKey(folder.join('host'));
    const [keyType = '', key = ''] = publicKey.split(' ');
    const policy = { userFiles: [folder.path], globalFiles: [], strictness: 'ask', isHashed: false } as const;
    await expect(checkHostKey({ host: 'web', port: 22, keyType, key }, policy)).rejects.toMatchObject({ code: 'known-hosts-unreadable' });
  });
});

describe('findIdentities', () => {
  const find = (...names: string[]): ReturnType<typeof findIdentities> =>
    findIdentities(names.map((name) => ({ configured: folder.join(name), path: folder.join(name) })));

  it.each(['ed25519', 'rsa', 'ecdsa'] as const)('reads the public key of %s, encrypted or not, with or without a file beside it', async (type) => {
    for (const passphrase of ['', 'secret phrase']) {
      const { publicKey } = await createSshKey(folder.join(`key${passphrase.length}`), type, passphrase);
      const expected = [{ path: folder.join(`key${passphrase.length}`), publicKey: blobOf(publicKey) }];
      expect((await find(`key${passphrase.length}`)).identities).toEqual(expected);
      await unlink(folder.join(`key${passphrase.length}.pub`));
      expect((await find(`key${passphrase.length}`)).identities).toEqual(expected);
    }
  });

  it('takes a PEM key whose public part is hidden, and one with a file beside it', async () => {
    await run('ssh-keygen', ['-q', '-t', 'rsa', '-b', '2048', '-m', 'PEM', '-N', 'secret', '-f', folder.join('pem')]);
    expect((await find('pem')).identities[0]?.publicKey).toBe(blobOf(await readFile(folder.join('pem.pub'), 'utf8')));
    await unlink(folder.join('pem.pub'));
    expect((await find('pem')).identities).toEqual([{ path: folder.join('pem') }]);
  });

  it('reads the public key of a file of PuTTY, encrypted or not, and says why one cannot be used', async () => {
    for (const [index, passphrase] of ['', 'secret phrase'].entries()) {
      const { path, publicKey } = await createPuttyKey(folder.join(`mine${index}.ppk`), { passphrase, parameters: [`version=${index + 2}`] });
      expect((await find(`mine${index}.ppk`)).identities).toEqual([{ path, publicKey: blobOf(publicKey) }]);
    }
    await createPuttyKey(folder.join('new.ppk'), { type: 'ed448', passphrase: 'secret phrase' });
    await createPuttyKey(folder.join('old.ppk'), { type: 'dsa' });
    expect((await find('new.ppk', 'old.ppk')).unusable.map((each) => each.replace(folder.path, ''))).toEqual([
      '/new.ppk: keys of the type ssh-ed448 are not supported',
      '/old.ppk: it is a DSA key, which servers no longer accept',
    ]);
  });

  it('marks what only an agent can use', async () => {
    const { publicKey } = await createSshKey(folder.join('key'));
    expect((await find('key.pub')).identities).toEqual([{ path: folder.join('key.pub'), publicKey: blobOf(publicKey), isAgentOnly: true }]);
    await unlink(folder.join('key'));
    expect((await find('key')).identities).toEqual([{ path: folder.join('key'), publicKey: blobOf(publicKey), isAgentOnly: true }]);
  });

  it('leaves out what is missing, certificates and security keys, and says so', async () => {
    await createSshKey(folder.join('key'));
    await createSshKey(folder.join('ca'));
    await run('ssh-keygen', ['-q', '-s', folder.join('ca'), '-I', 'id', '-n', 'me', folder.join('key.pub')]);
    const sk = Buffer.concat(['sk-ssh-ed25519@openssh.com', 'x'.repeat(32), 'ssh:'].flatMap((part) => [Buffer.from([0, 0, 0, part.length]), Buffer.from(part)]));
    await writeFile(folder.join('security.pub'), `sk-ssh-ed25519@openssh.com ${sk.toString('base64')} me\n`);
    const { identities, notes } = await find('key', 'key-cert.pub', 'security', 'missing');
    expect(identities.map(({ path }) => path)).toEqual([folder.join('key')]);
    expect(notes.map((note) => note.replace(folder.path, ''))).toEqual([
      'The certificate /key-cert.pub is not used: certificates are not supported.',
      'The identity file /key-cert.pub is left out: it is a certificate, which is not supported.',
      'The identity file /security is left out: it lives on a FIDO security key, which is not supported.',
      'The identity file /missing does not exist.',
    ]);
  });

  it('does not hang on a pipe', async () => {
    await run('mkfifo', [folder.join('pipe')]);
    expect((await find('pipe')).identities).toEqual([]);
  });
});

describe('readPrivateKey', () => {
  it('reads a key of its owner alone', async () => {
    await createSshKey(folder.join('key'));
    expect(await readPrivateKey(folder.join('key'))).toContain('BEGIN OPENSSH PRIVATE KEY');
  });

  it.each([0o644, 0o640, 0o604, 0o660, 0o601])('refuses mode %o, as ssh-keygen does', async (mode) => {
    await createSshKey(folder.join('key'));
    await chmod(folder.join('key'), mode);
    await expect(run('ssh-keygen', ['-y', '-f', folder.join('key')])).rejects.toThrow(/too open/);
    await expect(readPrivateKey(folder.join('key'))).rejects.toMatchObject({
      code: 'identity-unreadable',
      context: { path: folder.join('key'), reason: expect.stringContaining(mode.toString(8)) as string },
    });
  });

  it.runIf(process.getuid?.() === 0)('does not judge a key of somebody else, as ssh', async () => {
    await createSshKey(folder.join('key'));
    await chmod(folder.join('key'), 0o644);
    await chown(folder.join('key'), 65534, 65534);
    expect(await readPrivateKey(folder.join('key'))).toContain('BEGIN');
  });

  it('says what is wrong with what is no key file', async () => {
    await run('mkfifo', [folder.join('pipe')]);
    for (const [name, reason] of [['absent', 'it does not exist'], ['pipe', 'it is not a file'], ['.', 'it is not a file']] as const) {
      await expect(readPrivateKey(folder.join(name))).rejects.toMatchObject({ code: 'identity-unreadable', context: { reason } });
    }
  });
});

describe('listHosts', () => {
  async function environment(config: string): Promise<SshEnvironment> {
    await writeFile(folder.join('config'), config.replaceAll('DIR', folder.path));
    return systemSshEnvironment({ configFile: folder.join('config'), localUser: 'me', sshPath: folder.join('must-not-run') });
  }

  it('lists the hosts with what the files say, patterns left out, and runs nothing', async () => {
    await writeFile(folder.join('more.conf'), 'Host inner web\n  Port 9\n');
    const { hosts, watched } = await listHosts(
      await environment(
        'Include DIR/more.conf DIR/none.d/*.conf\nHost web *.example !no w?\n  HostName Web.Example\n  User bob\n  Port 2200\nMatch exec "touch DIR/ran"\n  User wrong\nHost "other"\nHost * web\n  User all\n',
      ),
    );
    expect(hosts).toEqual([
      { alias: 'inner', hostName: 'inner', user: 'all', port: 9, file: folder.join('more.conf'), line: 1 },
      { alias: 'web', hostName: 'web.example', user: 'bob', port: 9, file: folder.join('more.conf'), line: 1 },
      { alias: 'other', hostName: 'other', user: 'all', port: 22, file: folder.join('config'), line: 8 },
    ]);
    expect(watched).toEqual([folder.join('config'), folder.join('more.conf'), folder.join('none.d')]);
    expect(existsSync(folder.join('ran'))).toBe(false);
  });

  it('lists what it can of a broken file', async () => {
    const { hosts } = await listHosts(await environment('Host web\n  Port abc\nNonsense\nHost "x\nHost other\n  User u\n'));
    expect(hosts.map(({ alias, port, user }) => [alias, port, user])).toEqual([['web', 22, 'me'], ['other', 22, 'u']]);
  });

  it('leaves out names that no program may see', async () => {
    expect((await listHosts(await environment('Host ok -oProxyCommand=x a;b "a b"\n'))).hosts.map(({ alias }) => alias)).toEqual(['ok']);
  });

  it('says why there is no list', async () => {
    const answer = await listHosts(systemSshEnvironment({ configFile: folder.join('absent') }));
    expect(answer).toMatchObject({ hosts: [], problem: expect.stringContaining('absent') as string });
  });
});

describe('watchHosts', () => {
  it('notices writing, replacing, appearing and going', async () => {
    await writeFile(folder.join('config'), '');
    let changes = 0;
    const watcher = watchHosts([folder.join('config'), folder.join('later', 'deep.conf')], () => {
      changes += 1;
    });
    const changed = async (action: () => Promise<unknown>): Promise<void> => {
      const before = changes;
      await action();
      await expect.poll(() => changes).toBeGreaterThan(before);
    };
    await changed(() => writeFile(folder.join('config'), 'Host a\n'));
    await changed(() => run('bash', ['-c', `echo b > ${folder.join('new')}; mv ${folder.join('new')} ${folder.join('config')}`]));
    await changed(() => writeFile(folder.join('config'), 'Host c\n'));
    await changed(() => mkdir(folder.join('later')));
    await changed(() => unlink(folder.join('config')));
    watcher.dispose();
    watcher.dispose();
    const before = changes;
    await writeFile(folder.join('config'), 'Host d\n');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(changes).toBe(before);
  });

  it('does not call for other files, and does not mind what cannot be watched', async () => {
    let changes = 0;
    const watcher = watchHosts([folder.join('config'), '/nonexistent/really/config'], () => {
      changes += 1;
    });
    await writeFile(folder.join('unrelated'), '');
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(changes).toBe(0);
    watcher.dispose();
  });
});
