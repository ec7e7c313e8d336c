import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ForwardError } from '../../src/core/failure.ts';
import type { SshDestination } from '../../src/core/forwardSpec.ts';
import { resolveTarget, type ResolvedTarget } from '../../src/openssh/resolveTarget.ts';
import { systemSshEnvironment, type SshEnvironment } from '../../src/openssh/sshEnvironment.ts';
import { expandTilde, expandTokens, fileTokens } from '../../src/openssh/tokens.ts';
import { isAlive, run } from '../support/processes.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { CONFIG_CASES } from './opensshConfigCorpus.ts';

let folder: TemporaryFolder;

const FILES: Readonly<Record<string, string>> = {
  'included.conf': 'Host included web\n  HostName included.example\n  User fromInclude\n',
  'options.conf': 'Port 77\nUser fromOptions\n',
  'nested.conf': 'Include DIR/included.conf\nHost *\n  Port 78\n',
  'matching.conf': 'Match host nobody\n  User inner\n',
  'broken.conf': 'Host web\n  Port abc\n',
  'loop.conf': 'Include DIR/loop.conf\n',
  'conf.d/10.conf': 'Host one\n  Port 10\nHost *\n  User ten\n',
  'conf.d/20.conf': 'Host two\n  Port 20\nHost *\n  User twenty\n',
  'conf.d/.hidden.conf': 'Host hidden\n  Port 30\n',
  revoked: '',
};

beforeAll(async () => {
  folder = await createTemporaryFolder('config');
  await mkdir(folder.join('conf.d'));
  for (const [name, text] of Object.entries(FILES)) await writeFile(folder.join(name), text.replaceAll('DIR', folder.path), { mode: 0o600 });
  for (const name of ['key_a', 'key_b', 'with space', 'id_tok_7_u', 'n_tok', '%']) await createSshKey(folder.join(name));
  const rsa = await createSshKey(folder.join('host_rsa'), 'rsa');
  await writeFile(folder.join('known_rsa'), `rsahost ${rsa.publicKey}\n[rsahost]:2222 ${rsa.publicKey}\n`);
});
afterAll(() => folder.remove());

async function environmentFor(config: string, overrides: Partial<SshEnvironment> = {}): Promise<SshEnvironment> {
  const configFile = folder.join(`config-${Math.random().toString(36).slice(2)}`);
  await writeFile(configFile, config.replaceAll('DIR', folder.path).replaceAll('USERNAME', userInfo().username), { mode: 0o600 });
  const env = { ...process.env, CULVERT_TEST_FOLDER: folder.path, SSH_AUTH_SOCK: '/tmp/agent.sock' };
  return systemSshEnvironment({ configFile, env, ...overrides });
}

const WITHOUT_SSH = { sshPath: '/nonexistent/ssh' };

/** What matters of an answer, or the code of the refusal. */
async function outcome(destination: SshDestination, environment: SshEnvironment): Promise<unknown> {
  try {
    const { target, policies, notes } = await resolveTarget(destination, environment);
    return { target, policies: [...policies], notes: notes.filter((note) => !note.startsWith('There is no ssh program')).sort() };
  } catch (error) {
    if (!(error instanceof ForwardError)) throw error;
    return error.code;
  }
}

describe('ssh -G and the parser', () => {
  const questions = CONFIG_CASES.flatMap(({ to }) => to).length;
  const counts = { 'the same answer': 0, 'both refuse': 0, 'the parser leaves it to ssh': 0 };
  afterAll(() => {
    const rows = Object.entries(counts).map(([what, count]) => `  ${String(count).padStart(4)}  ${what}`);
    process.stdout.write(`\nssh -G and the parser, ${String(CONFIG_CASES.length)} configurations, ${String(questions)} questions:\n${rows.join('\n')}\n`);
  });

  it.each(CONFIG_CASES.filter(({ expected }) => expected === 'agree'))('agree: $title', async ({ config, to }) => {
    const environment = await environmentFor(config);
    for (const destination of to) {
      const bySsh = await outcome(destination, environment);
      expect(bySsh, JSON.stringify(destination)).toBeTypeOf('object');
      expect(await outcome(destination, { ...environment, ...WITHOUT_SSH }), JSON.stringify(destination)).toEqual(bySsh);
      counts['the same answer'] += 1;
    }
    expect(existsSync(folder.join('must-not-exist'))).toBe(false);
  });

  it.each(CONFIG_CASES.filter(({ expected }) => expected === 'refuse'))('both refuse: $title', async ({ config, to }) => {
    const environment = await environmentFor(config);
    for (const destination of to) {
      expect(await outcome(destination, environment)).toBe('config-invalid');
      expect(await outcome(destination, { ...environment, ...WITHOUT_SSH })).toMatch(/^config-(?:invalid|unsupported)$/);
      counts['both refuse'] += 1;
    }
  });

  it.each(CONFIG_CASES.filter(({ expected }) => expected === 'parser-refuses'))('the parser leaves to ssh: $title', async ({ config, to }) => {
    const environment = await environmentFor(config);
    for (const destination of to) {
      expect(await outcome(destination, environment)).toBeTypeOf('object');
      const refusal = await resolveTarget(destination, { ...environment, ...WITHOUT_SSH }).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'config-unsupported', context: { file: environment.configFile, line: 1 } });
      counts['the parser leaves it to ssh'] += 1;
    }
  });

  it('were asked often enough', () => {
    expect(CONFIG_CASES.length).toBeGreaterThanOrEqual(110);
    expect(questions).toBeGreaterThanOrEqual(150);
  });
});

describe('tokens', () => {
  // ControlPath takes the same tokens as IdentityFile, and `ssh -G` prints it expanded.
  it.each([
    '/x/%C', '/x/%L', '/x/%l', '/x/%i', '/x/%d', '/x/%h', '/x/%k', '/x/%n', '/x/%p', '/x/%r', '/x/%u', '/x/%%h', '~/%h-%p', '~', '~//a',
    '/x/${CULVERT_TEST_FOLDER}/%h', 'plain', '/x/$HOME/%n', '/%h%%%p',
  ])('%s is what ssh makes of it', async (value) => {
    const environment = await environmentFor('Host tok\n  HostName Tok.Example\n  User bob\n  Port 7\n  HostKeyAlias Alias\n');
    const output = await run('env', [`CULVERT_TEST_FOLDER=${folder.path}`, 'ssh', '-G', '-F', environment.configFile!, '-o', `ControlPath=${value}`, 'tok']);
    const subject = { originalHost: 'tok', host: 'tok.example', port: 7, user: 'bob', hostKeyAlias: 'alias', jumpHost: '' };
    const expanded = expandTokens('ControlPath', expandTilde('ControlPath', value, environment), fileTokens(subject, environment), environment.env);
    expect(`controlpath ${expanded}`).toBe(output.split('\n').find((line) => line.startsWith('controlpath ')));
  });
});

describe('the way to a host', () => {
  const names = ({ target }: ResolvedTarget): string[] => target.hops.map(({ user, host, port }) => `${user}@${host}:${port}`);

  it('is the order in which ssh connects', async () => {
    const environment = await environmentFor(
      'Host web\n  User w\n  ProxyJump a,joe@b:2022\nHost a\n  User ann\n  HostName a.example\n  ProxyJump gate\nHost gate\n  User g\nHost b\n  User ignored\n  ProxyJump ignored\n',
    );
    expect(names(await resolveTarget({ host: 'web' }, environment))).toEqual(['g@gate:22', 'ann@a.example:22', 'joe@b:2022', 'w@web:22']);
  });

  it('gives the first hop its ProxyCommand, expanded, and no other', async () => {
    const environment = await environmentFor(
      'Host web\n  ProxyJump a\n  HostName web.example\nHost a\n  HostName a.example\n  User u\n  Port 99\n  ProxyCommand nc -X connect "%h" %p %n %r 100%%\n',
    );
    const { target } = await resolveTarget({ host: 'web' }, environment);
    expect(target.hops.map(({ proxyCommand }) => proxyCommand)).toEqual(['nc -X connect "a.example" 99 a u 100%', undefined]);
  });

  it('is refused where it cannot be gone: ProxyUseFdpass, ProxyCommand -', async () => {
    for (const config of ['ProxyCommand nc %h\nProxyUseFdpass yes\n', 'ProxyCommand -\n']) {
      await expect(resolveTarget({ host: 'web' }, await environmentFor(config))).rejects.toMatchObject({ code: 'config-unsupported' });
    }
  });

  it('names the loop and the length that it refuses', async () => {
    const loop = await environmentFor('Host web\n  ProxyJump a\nHost a\n  ProxyJump web\n');
    await expect(resolveTarget({ host: 'web' }, loop)).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('loop') as string });
    const ten = await environmentFor('Host web\n  ProxyJump h1,h2,h3,h4,h5,h6,h7,h8,h9\n');
    expect(names(await resolveTarget({ host: 'web' }, ten))).toHaveLength(10);
  });
});

describe('the key of a target', () => {
  const keyOf = async (config: string, destination: SshDestination): Promise<string> =>
    (await resolveTarget(destination, await environmentFor(config))).target.key;

  const config = 'Host one two\n  HostName same.example\n  User bob\n';

  it('is equal for two names of the same way', async () => {
    expect(await keyOf(config, { host: 'one' })).toBe(await keyOf(config, { host: 'two' }));
    expect(await keyOf(config, { host: 'one' })).toBe(await keyOf(config, { host: 'same.example', user: 'bob', port: 22 }));
  });

  it('stays the same when the key of the host becomes known', async () => {
    const before = await keyOf('UserKnownHostsFile DIR/known_later\n', { host: 'rsahost' });
    await writeFile(folder.join('known_later'), await readFile(folder.join('known_rsa')));
    expect(await keyOf('UserKnownHostsFile DIR/known_later\n', { host: 'rsahost' })).toBe(before);
  });

  it.each([
    ['another user', { host: 'one', user: 'alice' }, config],
    ['another port', { host: 'one', port: 23 }, config],
    ['another host', { host: 'three' }, config],
    ['an alias for the host key', { host: 'one' }, `${config}  HostKeyAlias x\n`],
    ['a jump host', { host: 'one' }, `${config}  ProxyJump x\n`],
    ['a proxy command', { host: 'one' }, `${config}  ProxyCommand nc %h %p\n`],
    ['other identities', { host: 'one' }, `${config}  IdentityFile DIR/key_a\n`],
    ['other rules of trust', { host: 'one' }, `${config}  StrictHostKeyChecking no\n`],
    ['other known_hosts files', { host: 'one' }, `${config}  UserKnownHostsFile DIR/known_a\n`],
  ])('differs for %s', async (_what, destination, other) => {
    expect(await keyOf(other, destination)).not.toBe(await keyOf(config, { host: 'one' }));
  });
});

describe('what ssh leaves open', () => {
  it.each([
    ['', 15_000, 3, 15_000],
    ['ServerAliveInterval 0\n', 0, 3, 15_000],
    ['ServerAliveInterval 5\nServerAliveCountMax 9\nConnectTimeout 7\n', 5000, 9, 7000],
    ['Host other\n  ServerAliveInterval 0\nHost *\n  ConnectTimeout none\n', 15_000, 3, 15_000],
    ['Match exec "true"\n  ServerAliveInterval 0\n', 15_000, 3, 15_000],
  ])('has a default here: %j', async (config, keepaliveIntervalMs, keepaliveCountMax, connectTimeoutMs) => {
    const { target } = await resolveTarget({ host: 'web' }, await environmentFor(config));
    expect(target.hops[0]).toMatchObject({ keepaliveIntervalMs, keepaliveCountMax, connectTimeoutMs });
  });

  it('is the agent: none, the one of the environment, a variable, a path, the pipe of Windows', async () => {
    const agentOf = async (config: string, overrides: Partial<SshEnvironment> = {}): Promise<string | undefined> =>
      (await resolveTarget({ host: 'web' }, await environmentFor(config, overrides))).target.hops[0]?.identityAgent;
    expect(await agentOf('')).toBe('/tmp/agent.sock');
    expect(await agentOf('IdentityAgent none\n')).toBeUndefined();
    expect(await agentOf('', { env: { PATH: process.env.PATH } })).toBeUndefined();
    expect(await agentOf('IdentityAgent $CULVERT_TEST_FOLDER\n')).toBe(folder.path);
    expect(await agentOf('IdentityAgent ~/a-%h\n')).toBe(`${userInfo().homedir}/a-web`);
    expect(await agentOf('', { ...WITHOUT_SSH, env: {}, platform: 'win32' })).toBe('\\\\.\\pipe\\openssh-ssh-agent');
  });
});

describe('asking ssh', () => {
  it('hands its error on, with file and line', async () => {
    const environment = await environmentFor('Host web\n  Port 22\n  NoSuchOption 1\n');
    await expect(resolveTarget({ host: 'web' }, environment)).rejects.toMatchObject({
      code: 'config-invalid',
      message: expect.stringMatching(/Bad configuration option: nosuchoption/i) as string,
      context: { file: environment.configFile, line: 3 },
    });
  });

  it('runs Match exec as ssh does', async () => {
    const environment = await environmentFor('Match exec "test %h = web"\n  Port 99\n');
    expect((await resolveTarget({ host: 'web' }, environment)).target.hops[0]).toMatchObject({ port: 99 });
    expect((await resolveTarget({ host: 'other' }, environment)).target.hops[0]).toMatchObject({ port: 22 });
  });

  it('ends a hanging Match exec, children included, when it is cancelled', async () => {
    const pidFile = folder.join('hanging.pid');
    const environment = await environmentFor(`Match exec "echo $$ > ${pidFile}; sleep 300"\n  Port 99\n`);
    const controller = new AbortController();
    const pending = resolveTarget({ host: 'web' }, environment, controller.signal);
    await expect.poll(() => existsSync(pidFile)).toBe(true);
    const started = performance.now();
    controller.abort();
    await expect(pending).rejects.toMatchObject({ code: 'cancelled' });
    expect(performance.now() - started).toBeLessThan(200);
    const pid = Number(await readFile(pidFile, 'utf8'));
    await expect.poll(() => isAlive(pid)).toBe(false);
  });

  it('gives up after 10 s', async () => {
    const environment = await environmentFor('Match exec "sleep 300"\n  Port 99\n');
    await expect(resolveTarget({ host: 'web' }, environment)).rejects.toMatchObject({ code: 'config-invalid', message: expect.stringContaining('10 s') as string });
  }, 15_000);

  it('says that it was done without', async () => {
    const { notes } = await resolveTarget({ host: 'web' }, await environmentFor('', WITHOUT_SSH));
    expect(notes).toEqual([expect.stringContaining('no ssh program')]);
  });

  it('refuses a config file that is not there', async () => {
    for (const sshPath of ['ssh', WITHOUT_SSH.sshPath]) {
      const environment = systemSshEnvironment({ configFile: folder.join('absent'), sshPath });
      await expect(resolveTarget({ host: 'web' }, environment)).rejects.toMatchObject({ code: 'config-invalid' });
    }
  });
});

describe('notes', () => {
  const named = async (config: string, overrides: Partial<SshEnvironment> = {}): Promise<(string | undefined)[]> =>
    (await resolveTarget({ host: 'web' }, await environmentFor(config, overrides))).notes.map((note) => /^web: (\w+) is set/.exec(note)?.[1]).filter((name) => name !== undefined);

  it.each(['ssh', WITHOUT_SSH.sshPath])('name what is set and not honoured, and nothing else (%s)', async (sshPath) => {
    const config =
      'CertificateFile DIR/key_a-cert.pub\nCompression yes\nAddressFamily inet\nBindAddress 127.0.0.1\nAddKeysToAgent yes\nForwardAgent yes\nSendEnv LANG\n' +
      'GSSAPIAuthentication yes\nControlMaster auto\nControlPath DIR/%C\nGatewayPorts yes\nRekeyLimit 1G\nIPQoS ef\nEscapeChar none\n' +
      'RemoteCommand true\nLocalCommand true\nExitOnForwardFailure yes\nStreamLocalBindMask 0111\nTunnel yes\nPubkeyAcceptedAlgorithms +ssh-rsa\n';
    expect(await named(config, { sshPath })).toEqual([
      'CertificateFile', 'AddKeysToAgent', 'GSSAPIAuthentication', 'PubkeyAcceptedAlgorithms', 'ControlPath', 'RekeyLimit', 'IPQoS', 'GatewayPorts',
      'Tunnel', 'RemoteCommand',
    ]);
    expect((await resolveTarget({ host: 'web' }, await environmentFor('LocalCommand true\nPermitLocalCommand yes\n', { sshPath }))).notes.join()).toContain('LocalCommand');
    expect(await named('', { sshPath })).toEqual([]);
  });

  it('do not name what is set to its default', async () => {
    expect(await named('Compression no\nGatewayPorts no\nControlMaster no\nControlPath none\nUpdateHostKeys yes\nRekeyLimit default none\nPermitRemoteOpen any\nBatchMode no\n')).toEqual([]);
  });
});
