import { writeFile } from 'node:fs/promises';
import { execFile, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkHostKey, type HostKeyVerdict } from '../../src/openssh/hostKeyCheck.ts';
import { orderHostKeyAlgorithms } from '../../src/openssh/hostKeyAlgorithms.ts';
import { namesKey } from '../../src/openssh/fingerprintText.ts';
import { fingerprint } from '../../src/openssh/keyBlob.ts';
import { isNamed, parseKnownHosts } from '../../src/openssh/knownHosts.ts';
import { run } from '../support/processes.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;
let sshd: Sshd;
/** KEY is the server's; OTHER of the same type; RSA, ECDSA of other types; CERT is no plain key; SHORT is cut off. */
const keys: Record<string, string> = {};

/** Joins its standard streams with a port, and ends with either. */
const WAY = `
  const socket = require('node:net').connect(Number(process.argv[2]), '127.0.0.1');
  process.stdin.pipe(socket).pipe(process.stdout);
  process.stdin.on('end', () => process.exit());
  socket.on('close', () => process.exit());
`;

beforeAll(async () => {
  folder = await createTemporaryFolder('known');
  sshd = await Sshd.start();
  await writeFile(folder.join('way.cjs'), WAY);
  keys.KEY = plain(sshd.hostKey.publicKey);
  keys.OTHER = plain((await createSshKey(folder.join('other'))).publicKey);
  keys.THIRD = plain((await createSshKey(folder.join('third'))).publicKey);
  keys.RSA = plain((await createSshKey(folder.join('rsa'), 'rsa')).publicKey);
  keys.ECDSA = plain((await createSshKey(folder.join('ecdsa'), 'ecdsa')).publicKey);
  keys.SHORT = keys.KEY.slice(0, -8);
  keys.WRONGTYPE = keys.KEY.replace('ssh-ed25519', 'ssh-rsa');
  keys.SHA2 = keys.RSA.replace('ssh-rsa', 'rsa-sha2-512');
});
afterAll(async () => {
  await sshd.stop();
  await folder.remove();
});

function plain(publicKey: string): string {
  return publicKey.split(' ').slice(0, 2).join(' ');
}

interface VerdictCase {
  readonly title: string;
  readonly text: string;
  readonly host?: string;
  readonly port?: number;
  readonly alias?: string;
  /** Lets ssh-keygen hash every name before anybody looks. */
  readonly isHashed?: boolean;
  readonly global?: string;
  /** A second file of the user, read after the first. */
  readonly second?: string;
  readonly status: HostKeyVerdict['status'];
}

const known = (title: string, text: string, more: Partial<VerdictCase> = {}): VerdictCase => ({ title, text, ...more, status: 'known' });
const unknown = (title: string, text: string, more: Partial<VerdictCase> = {}): VerdictCase => ({ title, text, ...more, status: 'unknown' });
const mismatch = (title: string, text: string, more: Partial<VerdictCase> = {}): VerdictCase => ({ title, text, ...more, status: 'mismatch' });
const revoked = (title: string, text: string, more: Partial<VerdictCase> = {}): VerdictCase => ({ title, text, ...more, status: 'revoked' });

const CASES: readonly VerdictCase[] = [
  known('a plain name', 'web KEY\n'),
  known('a name among several', 'a,web,b KEY\n'),
  known('with a comment behind', 'web KEY said somebody\n'),
  known('without a newline at the end', 'web KEY'),
  known('with Windows line ends', 'web KEY\r\n'),
  known('with spaces and tabs', '  web\t \tKEY\n'),
  known('behind comments and broken lines', '# web OTHER\n\nweb\nweb nonsense\nweb ssh-ed25519 !!!!\nweb KEY\n'),
  known('with capital letters in the file', 'WEB.Example KEY\n', { host: 'web.example' }),
  known('with capital letters in the question', 'web.example KEY\n', { host: 'WEB.Example' }),
  known('hashed', 'web KEY\n', { isHashed: true }),
  known('hashed, one of several', 'a,web,b KEY\n', { isHashed: true }),
  known('hashed, asked for in capitals', 'web KEY\n', { isHashed: true, host: 'WEB' }),
  known('a pattern with a star', '*.example KEY\n', { host: 'web.example' }),
  known('a pattern with a question mark', 'w?b KEY\n'),
  known('a pattern in brackets', '[*.example]:2200 KEY\n', { host: 'web.example', port: 2200 }),
  known('a pattern and a negation of another', '*.example,!bad.example KEY\n', { host: 'web.example' }),
  known('one of several keys', 'web OTHER\nweb KEY\n'),
  known('one of several keys, the first', 'web KEY\nweb OTHER\nweb RSA\n'),
  known('by the global file', '', { global: 'web KEY\n' }),
  known('by the global file though the user has another', 'web OTHER\n', { global: 'web KEY\n' }),
  known('by the second file of the user', 'other KEY\n', { second: 'web KEY\n' }),
  known('by the second file though the first has another', 'web OTHER\n', { second: 'web KEY\n' }),
  known('by a second file though the first is none', '', { second: '|1|x|y KEY\nweb KEY\n', global: 'web OTHER\n' }),
  known('a pattern of addresses', '192.0.2.* KEY\n', { host: '192.0.2.7' }),
  known('a name beside its address', 'web,192.0.2.7 KEY\n', { host: '192.0.2.7' }),
  known('a star within brackets only', '[web]:* KEY\n', { port: 2200 }),
  known('by an alias in capital letters in the file', 'ALIAS KEY\n', { alias: 'alias' }),
  known('the plain name with a port though another port has another key', '[web]:2201 OTHER\nweb KEY\n', { port: 2200 }),
  known('behind a line that is far too long', `web ${'x'.repeat(20_000)}\nweb KEY\n`),
  known('behind a line of another key of a type that nobody knows', 'web ssh-future AAAA\nweb KEY\n'),
  known('by an address', '192.0.2.7 KEY\n', { host: '192.0.2.7' }),
  known('by an IPv6 address', '2001:db8::7 KEY\n', { host: '2001:db8::7' }),
  known('with a port', '[web]:2200 KEY\n', { port: 2200 }),
  known('with a port, hashed', '[web]:2200 KEY\n', { port: 2200, isHashed: true }),
  known('with an IPv6 address and a port', '[2001:db8::7]:2200 KEY\n', { host: '2001:db8::7', port: 2200 }),
  known('by the plain name where the port says nothing', 'web KEY\n', { port: 2200 }),
  known('by the plain name, hashed, where the port says nothing', 'web KEY\n', { port: 2200, isHashed: true }),
  known('by a star, whatever the port', '* KEY\n', { port: 2200 }),
  known('by an alias', 'alias KEY\n', { alias: 'alias' }),
  known('by an alias, whatever the port', 'alias KEY\n', { alias: 'alias', port: 2200 }),
  known('by an alias in capitals', 'alias KEY\n', { alias: 'ALIAS' }),
  known('an authority beside it does not matter', '@cert-authority web OTHER\nweb KEY\n'),
  known('another revoked key beside it does not matter', '@revoked web OTHER\nweb KEY\n'),
  known('a revocation for another host does not matter', '@revoked other KEY\nweb KEY\n'),
  unknown('an empty file', ''),
  unknown('only others', 'other KEY\nwebb KEY\nxweb KEY\n'),
  unknown('only a part of the name', '*.example KEY\n', { host: 'example' }),
  unknown('only a negated pattern', '!web KEY\n'),
  unknown('a pattern that is negated again', '*,!web KEY\n'),
  unknown('another port only', '[web]:2201 KEY\n', { port: 2200 }),
  unknown('a name where its address is asked for', 'web KEY\n', { host: '192.0.2.7' }),
  unknown('a negation in front of the pattern', '!web,* KEY\n'),
  unknown('a negation, whatever the case', '*,!WEB KEY\n'),
  unknown('an authority with the port, another key without', '@cert-authority [web]:2200 KEY\nweb OTHER\n', { port: 2200 }),
  unknown('a hashed name beside a plain one', 'web,|1|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= KEY\n', { host: 'other' }),
  unknown('a port where 22 is asked for', '[web]:2200 KEY\n'),
  unknown('the port 22 in brackets', '[web]:22 KEY\n'),
  unknown('another key under the plain name, with a port', 'web OTHER\n', { port: 2200 }),
  unknown('the host where an alias is asked for', 'web KEY\n', { alias: 'alias' }),
  unknown('an alias with a port in brackets', '[alias]:2200 KEY\n', { alias: 'alias', port: 2200 }),
  unknown('an authority is no key', '@cert-authority web KEY\n'),
  unknown('an authority of all', '@cert-authority * KEY\n'),
  unknown('a marker that does not exist', '@trusted web KEY\n'),
  unknown('two markers', '@cert-authority @revoked web KEY\n'),
  unknown('a marker without a space', '@revokedweb KEY\n'),
  unknown('a key that is cut off', 'web SHORT\n'),
  unknown('a key under the name of another type', 'web WRONGTYPE\n'),
  unknown('a line that is commented out', '#web KEY\n'),
  unknown('a hash that is none', '|1|abc|def KEY\n'),
  unknown('a hash of another version', '|2|AAAAAAAAAAAAAAAAAAAAAAAAAAA=|AAAAAAAAAAAAAAAAAAAAAAAAAAA= KEY\n'),
  mismatch('another key of the type', 'web OTHER\n'),
  mismatch('another key of the type, hashed', 'web OTHER\n', { isHashed: true }),
  mismatch('several other keys of the type', 'web OTHER\nweb THIRD\n'),
  mismatch('a key of another type only', 'web RSA\n'),
  mismatch('keys of other types only', 'web RSA\nweb ECDSA\n'),
  mismatch('a key under a newer name of its type', 'web SHA2\n'),
  mismatch('another key with the port', '[web]:2200 OTHER\nweb KEY\n', { port: 2200 }),
  mismatch('another key by a pattern', '* OTHER\n'),
  mismatch('a key of another type by the second file', '', { second: 'web RSA\n' }),
  mismatch('another key, by both files', 'web OTHER\n', { second: 'web THIRD\n' }),
  mismatch('another key by the address', '192.0.2.7 OTHER\n', { host: '192.0.2.7' }),
  mismatch('another key by a pattern with a port, the right one by the plain name', '[*]:2200 OTHER\nweb KEY\n', { port: 2200 }),
  mismatch('another key in capitals', 'WEB OTHER\n'),
  mismatch('another key by the global file', '', { global: 'web OTHER\n' }),
  mismatch('another key, the right one is only an authority', 'web OTHER\n@cert-authority web KEY\n'),
  mismatch('another key by an alias', 'alias OTHER\nweb KEY\n', { alias: 'alias' }),
  revoked('the key', '@revoked web KEY\n'),
  revoked('the key, for all', '@revoked * KEY\n'),
  revoked('the key, though it is known', 'web KEY\n@revoked web KEY\n'),
  revoked('the key, though another is known', 'web OTHER\n@revoked web KEY\n'),
  revoked('the key, by the global file', 'web KEY\n', { global: '@revoked * KEY\n' }),
  revoked('the key, by the second file', 'web KEY\n', { second: '@revoked web KEY\n' }),
  revoked('the key, by a pattern with another revoked before', '@revoked * OTHER\n@revoked w* KEY\nweb KEY\n'),
  revoked('the key, though it is an authority', '@cert-authority web KEY\n@revoked web KEY\n'),
  revoked('the key, in capitals', '@revoked WEB KEY\n'),
  revoked('the key, with a port', '@revoked [web]:2200 KEY\n', { port: 2200 }),
  revoked('the key, for all, with a port', '@revoked * KEY\n[web]:2200 KEY\n', { port: 2200 }),
  revoked('the key under the plain name, with a port', '@revoked web KEY\n', { port: 2200 }),
  revoked('the key by an alias', '@revoked alias KEY\nalias KEY\n', { alias: 'alias' }),
  revoked('the key, hashed', '@revoked web KEY\n', { isHashed: true }),
];

function fill(text: string): string {
  return text.replace(/\b[A-Z]+[A-Z0-9]*\b/g, (word) => keys[word] ?? word);
}

interface CaseFiles {
  readonly userFiles: readonly [string, string];
  readonly globalFile: string;
}

async function writeCase({ title, status, text, global = '', second = '', isHashed = false }: VerdictCase): Promise<CaseFiles> {
  const name = `${status}-${title.replaceAll(/\W+/g, '-')}`;
  const userFile = folder.join(`${name}.user`);
  const secondFile = folder.join(`${name}.second`);
  const globalFile = folder.join(`${name}.global`);
  await writeFile(userFile, fill(text));
  await writeFile(secondFile, fill(second));
  await writeFile(globalFile, fill(global));
  if (isHashed) await run('ssh-keygen', ['-H', '-f', userFile]);
  return { userFiles: [userFile, secondFile], globalFile };
}

/** What ssh itself says when it meets the server under that name; the way there is a program, so that no name is looked up. */
async function verdictOfSsh({ host = 'web', port = 22, alias }: VerdictCase, files: CaseFiles): Promise<{ status: string; place?: string }> {
  const options = {
    UserKnownHostsFile: files.userFiles.join(' '),
    GlobalKnownHostsFile: files.globalFile,
    StrictHostKeyChecking: 'yes',
    BatchMode: 'yes',
    PreferredAuthentications: 'none',
    HostKeyAlgorithms: 'ssh-ed25519',
    KexAlgorithms: 'curve25519-sha256',
    ProxyCommand: `${process.execPath} ${folder.join('way.cjs')} ${sshd.port}`,
    ...(alias === undefined ? {} : { HostKeyAlias: alias }),
  };
  const list = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const stderr = await stderrOf('ssh', ['-v', '-F', 'none', ...list, '-p', String(port), '--', host, 'true']);
  const place = /(?:Offending \S+ key in|Found key in) (\S+:\d+)/.exec(stderr)?.[1];
  const shared = place === undefined ? {} : { place };
  if (stderr.includes('REVOKED HOST KEY')) return { status: 'revoked' };
  if (stderr.includes('HOST IDENTIFICATION HAS CHANGED')) return { status: 'mismatch', ...shared };
  if (stderr.includes('is known and matches')) return { status: 'known', ...shared };
  if (/No \S+ host key is known/.test(stderr)) return { status: 'unknown' };
  throw new Error(stderr);
}

function stderrOf(program: string, programArguments: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(program, [...programArguments], { timeout: 20_000 }, (_error, _stdout, stderr) => resolve(stderr));
  });
}

/** One row for each case: what ssh said of it, and whether Culvert said the same, of the same line. */
const table: { title: string; ssh: string; place: string; isAgreed: boolean }[] = [];

function printTable(): void {
  const rows = table.map(({ title, ssh, place, isAgreed }) => `${isAgreed ? 'agrees ' : 'DIFFERS'}  ${ssh.padEnd(8)}  ${(/:(\d+)$/.exec(place)?.[1] ?? '-').padStart(4)}  ${title}`);
  const agreed = table.filter(({ isAgreed }) => isAgreed).length;
  console.info(['Culvert  ssh says  line  known_hosts', ...rows.sort(), `${String(agreed)} of ${String(table.length)} verdicts agree with ssh, where it names a line with that too.`].join('\n'));
}

describe('checkHostKey and ssh', () => {
  afterAll(printTable);

  it.concurrent.each(CASES.map((one) => [one.status, one.title, one] as const))('%s: %s', async (_, __, one) => {
    const files = await writeCase(one);
    const bySsh = await verdictOfSsh(one, files);
    table.push({ title: `${one.status}: ${one.title}`, ssh: bySsh.status, place: bySsh.place ?? '', isAgreed: false });
    const row = table.at(-1)!;
    expect(bySsh.status).toBe(one.status);
    const { host = 'web', port = 22, alias } = one;
    const [keyType = '', key = ''] = (keys.KEY ?? '').split(' ');
    const verdict = await checkHostKey(
      { host, port, keyType, key, ...(alias === undefined ? {} : { hostKeyAlias: alias }) },
      { userFiles: files.userFiles, globalFiles: [files.globalFile], strictness: 'yes', isHashed: false },
    );
    expect(verdict.status).toBe(one.status);
    if (bySsh.place !== undefined) expect(`${verdict.file}:${verdict.line}`).toBe(bySsh.place);
    if (one.status === 'unknown') expect(verdict.file).toBeUndefined();
    else expect(verdict.line).toBeTypeOf('number');
    expect(verdict.fingerprint).toBe(sshd.hostKey.fingerprint);
    row.isAgreed = true;
  });

  it('judged often enough', () => expect(CASES.length).toBeGreaterThanOrEqual(90));
});

describe('orderHostKeyAlgorithms and ssh', () => {
  const lists = ['', 'web RSA\n', 'web ECDSA\nweb RSA\n', 'web OTHER\nweb RSA\n', '@cert-authority web RSA\n', '@revoked web RSA\nweb RSA\n', '* ECDSA\n', 'other RSA\n'];

  it.each(lists)('offer the same in the same order for %j', async (text) => {
    const file = folder.join(`order-${lists.indexOf(text)}`);
    await writeFile(file, fill(text));
    const options = ['-o', `UserKnownHostsFile=${file}`, '-o', 'GlobalKnownHostsFile=none', '-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=yes'];
    const way = `ProxyCommand=${process.execPath} ${folder.join('way.cjs')} ${sshd.port}`;
    const stderr = await stderrOf('ssh', ['-vv', '-F', 'none', ...options, '-o', way, '--', 'web', 'true']);
    const offered = (/local client KEXINIT proposal[^]*?host key algorithms: (\S+)/.exec(stderr)?.[1] ?? '').split(',');
    const allowed = (/^hostkeyalgorithms (.*)$/m.exec((await run('ssh', ['-G', '-F', 'none', 'web']))))?.[1]?.split(',') ?? [];
    const ours = orderHostKeyAlgorithms(allowed, parseKnownHosts(fill(text), file), { host: 'web', port: 22 });
    expect(ours).toEqual(offered.filter((algorithm) => ours.includes(algorithm)));
    expect(ours).toHaveLength(6);
  });
});

describe('namesKey and ssh-keygen', () => {
  it.each(['ed25519', 'rsa', 'ecdsa'] as const)('agree about %s, whichever digest and whatever stands around it', async (type) => {
    const key = await createSshKey(folder.join(`names_${type}`), type);
    const other = await createSshKey(folder.join(`names_other_${type}`), type);
    for (const digest of ['sha256', 'md5']) {
      const [printed, printedOther] = await Promise.all([key, other].map(({ path }) => run('ssh-keygen', ['-l', '-E', digest, '-f', path])));
      expect(namesKey(printed!, key.publicKey.split(' ')[1]!)).toBe(true);
      expect(namesKey(printedOther!, key.publicKey.split(' ')[1]!)).toBe(false);
    }
  });
});

describe('ssh-keygen', () => {
  it('finds the same lines by name', async () => {
    const text = fill('web,*.example KEY\n|1|x|y KEY\n[web]:2200 OTHER\n@revoked * THIRD\n!web,w* RSA\nWEB ECDSA\n');
    const file = folder.join('find');
    await writeFile(file, text);
    for (const name of ['web', 'a.example', '[web]:2200', 'wide', 'none', 'WEB']) {
      const printed = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' }).stdout;
      const lines = [...printed.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
      expect(parseKnownHosts(text, file).filter((line) => isNamed(line, name.toLowerCase())).map(({ line }) => line), name).toEqual(lines);
    }
  });

  it.each(['ed25519', 'rsa', 'ecdsa'] as const)('prints the same fingerprint for %s', async (type) => {
    const key = await createSshKey(folder.join(`print_${type}`), type);
    const base64 = key.publicKey.split(' ')[1] ?? '';
    expect(fingerprint(base64)).toBe(key.fingerprint);
    expect(fingerprint(Buffer.from(base64, 'base64'))).toBe(key.fingerprint);
  });
});
