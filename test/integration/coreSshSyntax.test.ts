import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isSocketPath } from '../../src/core/address.ts';
import { parseForward } from '../../src/core/forwardParser.ts';
import { isThroughSsh, type ForwardSpec } from '../../src/core/forwardSpec.ts';
import { formatSshCommand } from '../../src/core/forwardText.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const run = promisify(execFile);

/** What a command means: its forwards as `ssh -G` prints them, in any order, and the server. */
interface Meaning {
  readonly forwards: readonly string[];
  readonly user: string;
  readonly hostname: string;
  readonly port: string;
}

/** Says who logs in where the command does not, so that the answers do not depend on who runs the test. */
let folder: TemporaryFolder;
beforeAll(async () => {
  folder = await createTemporaryFolder('syntax');
  await writeFile(folder.join('config'), 'User nobody-said\n');
});
afterAll(() => folder.remove());

/** The verdict of the real ssh, without the machine's configuration; undefined when it refuses. */
async function askSsh(words: readonly string[]): Promise<Meaning | undefined> {
  const args = ['-G', '-F', folder.join('config'), ...words];
  const output = await run('ssh', args).then(({ stdout }) => stdout, (error: unknown) => {
    if ((error as { code?: unknown }).code === 255) return undefined;
    throw error;
  });
  if (output === undefined) return undefined;
  const value = (keyword: string): string => new RegExp(`^${keyword} (.*)$`, 'm').exec(output)?.[1] ?? '';
  const forwards = [...output.matchAll(/^(?:local|remote|dynamic)forward .*$/gm)].map(([line]) => canonical(line)).sort();
  return { forwards, user: value('user'), hostname: value('hostname'), port: value('port') };
}

/** The same from our parser. */
function askCulvert(words: readonly string[]): Meaning | undefined {
  const result = parseForward(['ssh', ...words].map((word) => `"${word}"`).join(' '), { sshHosts: new Set() });
  const reading = result.isValid ? result.readings[0] : undefined;
  const specs = reading?.kind === 'forward' ? [reading.spec] : reading?.kind === 'forwards' ? reading.specs : [];
  const [first] = specs;
  if (first === undefined || !isThroughSsh(first)) return undefined;
  const { user, host, port } = first.target;
  return { forwards: specs.map(asSshPrints).sort(), user: user ?? 'nobody-said', hostname: host.toLowerCase(), port: String(port ?? 22) };
}

/** A -R without a destination is one to the host "socks", as OpenSSH keeps it (readconf.c, parse_forward). */
function asSshPrints(spec: ForwardSpec): string {
  if (isSocketPath(spec.listen) || ('connect' in spec && isSocketPath(spec.connect))) throw new Error('sockets are in coreSshSockets.test.ts');
  const { host, port } = spec.listen;
  const listen = `${host === 'localhost' ? '' : `[${host}]:`}${port}`;
  if (spec.kind === 'dynamic') return `dynamicforward ${listen}`;
  if (spec.kind === 'remote-dynamic') return `remoteforward ${listen} [socks]:0`;
  return `${spec.kind === 'remote' ? 'remoteforward' : 'localforward'} ${listen} [${spec.connect.host}]:${spec.connect.port}`;
}

/** ssh keeps `localhost` and the empty address as written; they bind what no address and `*` bind. */
function canonical(line: string): string {
  return line.replace(/^(\w+) \[localhost\]:/i, '$1 ').replace(/^(\w+) \[\]:/, '$1 [*]:');
}

const HOST = 'bastion';
const rule = (text: string): string[] => ['-L', text, HOST];
const remote = (text: string): string[] => ['-R', text, HOST];
const dynamic = (text: string): string[] => ['-D', text, HOST];

describe('Culvert and ssh agree', () => {
  it.each<[verdict: 'accept' | 'refuse', words: readonly string[]]>([
    ['accept', rule('8080:web:80')],
    ['accept', rule('8080:localhost:80')],
    ['accept', rule('8080:127.0.0.1:80')],
    ['accept', rule('8080:[::1]:80')],
    ['accept', rule('8080:[fe80::1%eth0]:80')],
    ['accept', rule('8080:[web]:80')],
    ['accept', rule('080:web:0080')],
    ['accept', rule('1:web:1')],
    ['accept', rule('65535:web:65535')],
    ['accept', rule('localhost:8080:web:80')],
    ['accept', rule('127.0.0.1:8080:web:80')],
    ['accept', rule('0.0.0.0:8080:web:80')],
    ['accept', rule('*:8080:web:80')],
    ['accept', rule(':8080:web:80')],
    ['accept', rule('[::1]:8080:[::1]:80')],
    ['accept', rule('[::]:8080:web:80')],
    ['accept', rule('8080:9090:80')],
    ['accept', rule('8080:my_web-1.internal:80')],
    ['accept', rule('8080:bücher.example:80')],
    ['accept', ['-L8080:web:80', HOST]],
    ['accept', ['-fNL8080:web:80', HOST]],
    ['accept', ['-NTfnqvakx2', '-L', '8080:web:80', HOST]],
    ['accept', ['-L', '8080:web:80', '-p', '2222', 'me@bastion']],
    ['accept', ['-l', 'me', '-L', '8080:web:80', HOST]],
    ['accept', ['-l', 'first', '-L', '8080:web:80', 'second@bastion']],
    ['accept', ['-p', '1', '-p', '2', '-L', '8080:web:80', HOST]],
    ['accept', ['-oPort=3', '-p', '4', '-L', '8080:web:80', HOST]],
    ['accept', ['-o', 'Port 3', '-o', 'User = me', '-L', '8080:web:80', HOST]],
    ['accept', ['-L', '8080:web:80', '--', HOST]],
    ['accept', ['-L', '8080:web:80', 'me@corp@bastion']],
    ['accept', ['-L', '8080:web:80', 'CORP\\me@bastion']],
    ['accept', ['-L', '8080:web:80', 'ssh://me@bastion:2222']],
    ['accept', ['-L', '8080:web:80', 'ssh://u%40corp@bastion/']],
    ['accept', ['-L', '8080:web:80', '::1']],
    ['accept', ['-L', '8080:web:80', 'me@2001:db8::1']],
    ['accept', remote('9000:localhost:3000')],
    ['accept', remote('9000:[::1]:3000')],
    ['accept', remote('0:localhost:3000')],
    ['accept', remote('localhost:9000:localhost:3000')],
    ['accept', remote('LOCALHOST:9000:web:80')],
    ['accept', remote('127.0.0.1:9000:localhost:3000')],
    ['accept', remote('*:9000:localhost:3000')],
    ['accept', remote(':9000:localhost:3000')],
    ['accept', remote('0.0.0.0:0:localhost:3000')],
    ['accept', remote('[::1]:9000:[fe80::1%eth0]:80')],
    ['accept', remote('192.0.2.7:65535:10.0.0.1:1')],
    ['accept', remote('9000')],
    ['accept', remote('0')],
    ['accept', remote('localhost:9000')],
    ['accept', remote('*:9000')],
    ['accept', remote(':9000')],
    ['accept', remote('[::1]:9000')],
    ['accept', remote('web:9000')],
    ['accept', ['-R9000', HOST]],
    ['accept', ['-NR', '9000', '-p', '2222', 'me@bastion']],
    ['accept', dynamic('1080')],
    ['accept', dynamic('01080')],
    ['accept', dynamic('localhost:1080')],
    ['accept', dynamic('127.0.0.1:1080')],
    ['accept', dynamic('*:1080')],
    ['accept', dynamic(':1080')],
    ['accept', dynamic('[::1]:1080')],
    ['accept', dynamic('[fe80::1%eth0]:1080')],
    ['accept', dynamic('web:65535')],
    ['accept', ['-fND1080', HOST]],
    ['accept', ['-D', '1080', '-l', 'me', 'ssh://bastion:2222']],
    ['accept', ['-L', '1:a:1', '-L', '2:b:2', HOST]],
    ['accept', ['-L', '8080:web:80', '-R', '9000:localhost:3000', '-D', '1080', '-R', '9001', 'me@bastion']],
    ['accept', ['-D', '1080', '-D', '1081', '-D', '1080', HOST]],
    ['accept', ['-D', '1080', HOST, '-R', '9000']],
    ['refuse', remote('')],
    ['refuse', remote(':')],
    ['refuse', remote('70000')],
    ['refuse', remote('-1')],
    ['refuse', remote('web')],
    ['refuse', remote('9000:localhost:0')],
    ['refuse', remote('9000:localhost:65536')],
    ['refuse', remote('9000:localhost:')],
    ['refuse', remote('a:9000:b:80:c')],
    ['refuse', remote('9000:::1:80')],
    ['refuse', remote('9000:[::1:80')],
    ['refuse', dynamic('')],
    ['refuse', dynamic(':')],
    ['refuse', dynamic('web')],
    ['refuse', dynamic('70000')],
    ['refuse', dynamic('1080:web:80')],
    ['refuse', dynamic('127.0.0.1:1080:web:80')],
    ['refuse', dynamic('::1:1080')],
    ['refuse', ['-L', '8080:web:80', '-D', 'x', HOST]],
    ['refuse', rule('')],
    ['refuse', rule(':')],
    ['refuse', rule('::')],
    ['refuse', rule('70000:web:80')],
    ['refuse', rule('8080:web:65536')],
    ['refuse', rule('8080:web:0')],
    ['refuse', rule('8080:web:')],
    ['refuse', rule('-1:web:80')],
    ['refuse', rule('8080:::1:80')],
    ['refuse', rule('8080:[::1:80')],
    ['refuse', rule('8080:a:b:80')],
    ['refuse', rule('a:8080:b:80:c')],
    ['refuse', rule('8080 :web:80')],
    ['refuse', rule('8080:web:8o')],
    ['refuse', ['-L', '8080:web:80', '-hostile']],
    ['refuse', ['-L', '8080:web:80', '--', '-hostile']],
    ['refuse', ['-L', '8080:web:80', 'a;b']],
    ['refuse', ['-L', '8080:web:80', 'a b']],
    ['refuse', ['-L', '8080:web:80', '$(id)']],
    ['refuse', ['-L', '8080:web:80', '@bastion']],
    ['refuse', ['-L', '8080:web:80', '-p', '0', HOST]],
    ['refuse', ['-L', '8080:web:80', '-p', '70000', HOST]],
    ['refuse', ['-L', '8080:web:80', '-l', '-x', HOST]],
    ['refuse', ['-L', '8080:web:80', '-Z', HOST]],
  ])('to %s %j', async (verdict, words) => {
    const judge = await askSsh(words);
    expect(judge === undefined ? 'refuse' : 'accept').toBe(verdict);
    expect(askCulvert(words)).toEqual(judge);
  });
});

describe('Culvert differs from ssh on purpose', () => {
  it.each<[why: string, words: readonly string[]]>([
    ['a / in place of a colon is a slip', dynamic('localhost/1080')],
    ['two ports are no address and a port', remote('9000:80')],
    ['two ports are no address and a port', dynamic('1080:80')],
    ['a service name depends on the machine', dynamic('socks')],
    ['a service name depends on the machine', remote('http:web:80')],
    ['no host contains that', remote('9000:a;b:80')],
    ['no host contains that', dynamic('a b:1080')],
    ['* is no destination', remote('9000:*:80')],
    ['a service name depends on the machine', rule('8080:web:http')],
    ['a service name depends on the machine', rule('http:web:80')],
    ['a sign is a slip', rule('+80:web:80')],
    ['brackets belong to addresses', rule('[80]:web:80')],
    ['what is left over is a slip', rule('8080:web:80:')],
    ['what is left over is a slip', remote('9000:')],
    ['what is left over is a slip', dynamic('1080:')],
    ['an empty host is a slip', rule('8080::80')],
    ['an empty host is a slip', rule('8080:[]:80')],
    ['* is no destination', rule('8080:*:80')],
    ['no host begins so', rule('8080:-web:80')],
    ['no host contains that', rule('8080:a;b:80')],
    ['no host contains that', rule('8080:a b:80')],
    ['no host contains that', rule('8080:me@web:80')],
    ['no host contains that', rule('8080:web]:80')],
    ['no host contains that', rule('8080:a\\:b:80')],
    ['this is no address', rule('8080:[a:b]:80')],
    ['no host is that long', rule(`8080:${'a'.repeat(300)}:80`)],
    ['* is no server', ['-L', '8080:web:80', '*']],
    ['no user contains that', ['-L', '8080:web:80', 'a b@bastion']],
  ])('and refuses, because %s: %j', async (_, words) => {
    expect(await askSsh(words)).toBeDefined();
    expect(askCulvert(words)).toBeUndefined();
  });

  it.each<[why: string, words: readonly string[], forward: string]>([
    ['the same port on both sides', rule('5432'), '5432 [localhost]:5432'],
    ['a port of the server itself', rule('2323:23'), '2323 [localhost]:23'],
    ['the same port here', rule('web:80'), '80 [web]:80'],
    ['the next free port', rule('0:web:80'), '0 [web]:80'],
    ['the next free port', dynamic('0'), '0'],
  ])('and accepts the short form of %s: %j', async (_, words, forward) => {
    expect(await askSsh(words)).toBeUndefined();
    expect(askCulvert(words)?.forwards).toEqual([`${words[0] === '-D' ? 'dynamic' : 'local'}forward ${forward}`]);
  });

  it.each([['-i', '/key'], ['-J', 'jump'], ['-o', 'StrictHostKeyChecking=no'], ['-b', '10.0.0.1']])('and names what it does not take over: %s %s', async (...option) => {
    const words = [...option, '-L', '8080:web:80', HOST];
    expect((await askSsh(words))?.forwards).toEqual(askCulvert(words)?.forwards);
    const result = parseForward(['ssh', ...words].join(' '), { sshHosts: new Set() });
    expect(result).toMatchObject({ notTakenOver: [expect.stringContaining(option.join(' '))] });
  });

  it('and reads the port after the server, where ssh looks for a host of that name', async () => {
    const words = ['-L', '8080:web:80', 'me@bastion:2222'];
    expect(await askSsh(words)).toMatchObject({ hostname: 'bastion:2222', port: '22' });
    expect(askCulvert(words)).toMatchObject({ hostname: 'bastion', port: '2222' });
  });

  it('and takes the brackets off a server, which ssh looks up with them', async () => {
    const words = ['-L', '8080:web:80', '[::1]'];
    expect(await askSsh(words)).toMatchObject({ hostname: '[::1]' });
    expect(askCulvert(words)).toMatchObject({ hostname: '::1' });
  });
});

describe('a command that Culvert writes', () => {
  it.each([
    '8080:web:80 bastion', '*:8080:[::1]:80 me@bastion:2222', '[::1]:8080:web:80 CORP\\me@bastion', '8080:web:80 me@[2001:db8::1]:2222',
    '-R 9000:localhost:3000 bastion', '-R 0:localhost:3000 me@bastion:2222', '-R *:9000:[::1]:3000 bastion', '-R [::1]:9000 bastion', '-R 9000 CORP\\me@bastion',
    '-D 1080 bastion', '-D *:1080 me@bastion:2222', '-D [::1]:1080 me@[2001:db8::1]:2222',
  ])('is understood by a shell and by ssh: %s', async (text) => {
    const result = parseForward(text, { sshHosts: new Set() });
    const reading = result.isValid ? result.readings[0] : undefined;
    if (reading?.kind !== 'forward' || !isThroughSsh(reading.spec)) throw new Error(`no SSH forward: ${text}`);
    const { target } = reading.spec;
    const command = formatSshCommand(reading.spec).replace(/^ssh -N /, 'ssh -G -F /dev/null ');
    const { stdout } = await run('/bin/sh', ['-c', command]);
    expect(stdout.split('\n')).toEqual(expect.arrayContaining([
      asSshPrints(reading.spec), `hostname ${target.host}`, `port ${target.port ?? 22}`, ...(target.user === undefined ? [] : [`user ${target.user}`]),
    ]));
  });
});
