import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseForward } from '../../src/core/forwardParser.ts';
import { formatSshCommand } from '../../src/core/forwardText.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const run = promisify(execFile);

/** What a command means: the forward as `ssh -G` prints it, and the server. */
interface Meaning {
  readonly forward: string;
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
  return { forward: value('localforward'), user: value('user'), hostname: value('hostname'), port: value('port') };
}

/** The same from our parser. */
function askCulvert(words: readonly string[]): Meaning | undefined {
  const result = parseForward(['ssh', ...words].map((word) => `"${word}"`).join(' '), { sshHosts: new Set() });
  const reading = result.isValid ? result.readings[0] : undefined;
  if (reading?.kind !== 'forward' || reading.spec.kind !== 'local') return undefined;
  const { listen, connect, target } = reading.spec;
  const bind = listen.host === 'localhost' ? '' : `[${listen.host}]:`;
  return {
    forward: `${bind}${listen.port} [${connect.host}]:${connect.port}`,
    user: target.user ?? 'nobody-said', hostname: target.host.toLowerCase(), port: String(target.port ?? 22),
  };
}

/** ssh keeps `localhost` and the empty address as written; they bind what no address and `*` bind. */
function canonical(meaning: Meaning | undefined): Meaning | undefined {
  return meaning && { ...meaning, forward: meaning.forward.replace(/^\[localhost\]:/i, '').replace(/^\[\]:/, '[*]:') };
}

const HOST = 'bastion';
const rule = (text: string): string[] => ['-L', text, HOST];

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
    expect(canonical(askCulvert(words))).toEqual(canonical(judge));
  });
});

describe('Culvert differs from ssh on purpose', () => {
  it.each<[why: string, words: readonly string[]]>([
    ['a Unix socket is a later kind of forward', rule('8080:/run/x.sock')],
    ['a Unix socket is a later kind of forward', rule('/run/x.sock:web:80')],
    ['a service name depends on the machine', rule('8080:web:http')],
    ['a service name depends on the machine', rule('http:web:80')],
    ['a sign is a slip', rule('+80:web:80')],
    ['brackets belong to addresses', rule('[80]:web:80')],
    ['what is left over is a slip', rule('8080:web:80:')],
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
    ['it would be another forward without them', ['-i', '/key', '-L', '8080:web:80', HOST]],
    ['it would be another forward without them', ['-J', 'jump', '-L', '8080:web:80', HOST]],
    ['it would be another forward without them', ['-o', 'StrictHostKeyChecking=no', '-L', '8080:web:80', HOST]],
    ['only one at a time yet', ['-L', '8080:web:80', '-L', '8081:web:81', HOST]],
    ['these kinds come later', ['-R', '8080:web:80', HOST]],
    ['these kinds come later', ['-D', '1080', HOST]],
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
  ])('and accepts the short form of %s: %j', async (_, words, forward) => {
    expect(await askSsh(words)).toBeUndefined();
    expect(askCulvert(words)?.forward).toBe(forward);
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
  it.each(['8080:web:80 bastion', '*:8080:[::1]:80 me@bastion:2222', '[::1]:8080:web:80 CORP\\me@bastion', '8080:web:80 me@[2001:db8::1]:2222'])(
    'is understood by a shell and by ssh: %s', async (text) => {
      const result = parseForward(text, { sshHosts: new Set() });
      const reading = result.isValid ? result.readings[0] : undefined;
      if (reading?.kind !== 'forward' || reading.spec.kind !== 'local') throw new Error(`no SSH forward: ${text}`);
      const { listen, connect, target } = reading.spec;
      const command = formatSshCommand(reading.spec).replace(/^ssh -N /, 'ssh -G -F /dev/null ');
      const { stdout } = await run('/bin/sh', ['-c', command]);
      const bind = listen.host === 'localhost' ? '' : `[${listen.host}]:`;
      expect(stdout.split('\n')).toEqual(expect.arrayContaining([
        `localforward ${bind}${listen.port} [${connect.host}]:${connect.port}`, `hostname ${target.host}`, `port ${target.port ?? 22}`,
        ...(target.user === undefined ? [] : [`user ${target.user}`]),
      ]));
    },
  );
});
