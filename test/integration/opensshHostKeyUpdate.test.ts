import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostKeyPolicy } from '../../src/openssh/hostKeyPolicy.ts';
import { updateHostKeys, type HostKeyAnnouncement } from '../../src/openssh/hostKeyUpdate.ts';
import { parseKnownHosts } from '../../src/openssh/knownHosts.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { run } from '../support/processes.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

interface UpdateCase {
  readonly title: string;
  /** HOST is the server's name in known_hosts; ED, RSA and EC are its keys, OLD is one that it has no longer. */
  readonly text: string;
  readonly second?: string;
  readonly global?: string;
  readonly isHashed?: boolean;
  readonly hostKeyAlgorithms?: string;
}

const CASES: readonly UpdateCase[] = [
  { title: 'a plain name', text: 'HOST ED\n' },
  { title: 'a plain name without a newline behind', text: 'HOST ED' },
  { title: 'a hashed name', text: 'HOST ED\n', isHashed: true },
  { title: 'one further key known already', text: 'HOST ED\nHOST RSA\n' },
  { title: 'all keys known already', text: 'HOST ED\nHOST RSA\nHOST EC\n' },
  { title: 'two names in the line', text: 'HOST,other ED\n' },
  { title: 'three names in the line', text: 'HOST,other,third ED\n' },
  { title: 'a pattern', text: '[127.0.0.*]:PORT ED\n' },
  { title: 'an authority for the host', text: '@cert-authority HOST OLD\nHOST ED\n' },
  { title: 'a revocation for the host', text: '@revoked HOST OLD\nHOST ED\n' },
  { title: 'a revocation of another host', text: '@revoked other OLD\nHOST ED\n' },
  { title: 'the key under another name as well', text: 'HOST ED\nother ED\n' },
  { title: 'a further key under another name', text: 'HOST ED\nother RSA\n' },
  { title: 'an old key of the host', text: 'HOST OLD\nHOST ED\n' },
  { title: 'an old key of the host that another has too', text: 'HOST OLD\nHOST ED\nother OLD\n' },
  { title: 'another host beside it', text: 'other OLD\nHOST ED\n' },
  { title: 'the name without the port', text: '127.0.0.1 ED\n' },
  { title: 'the global file only', text: '', global: 'HOST ED\n' },
  { title: 'the second file', text: '', second: 'HOST ED\n' },
  { title: 'kinds of keys that are not allowed', text: 'HOST ED\n', hostKeyAlgorithms: 'ssh-ed25519,ecdsa-sha2-nistp256' },
];

let folder: TemporaryFolder;
let sshd: Sshd;
let login: SshKeyFile;
let announcement: HostKeyAnnouncement;
const words: Record<string, string> = {};
const rows: string[] = [];

beforeAll(async () => {
  folder = await createTemporaryFolder('update');
  login = await createSshKey(folder.join('id'));
  sshd = await Sshd.start({ authorizedKeys: [login.publicKey], hostKeyTypes: ['ed25519', 'rsa', 'ecdsa'] });
  const [ed, rsa, ec] = sshd.hostKeys.map(({ publicKey }) => publicKey.split(' ').slice(0, 2).join(' '));
  const old = (await createSshKey(folder.join('old'))).publicKey.split(' ').slice(0, 2).join(' ');
  Object.assign(words, { HOST: `[127.0.0.1]:${sshd.port}`, PORT: String(sshd.port), ED: ed, RSA: rsa, EC: ec, OLD: old });
  announcement = await announced();
});
afterAll(async () => {
  process.stdout.write(`\nUpdateHostKeys, ssh and here:\n${rows.join('\n')}\n`);
  await sshd.stop();
  await folder.remove();
});

/** What the plane tells about the server's keys. */
async function announced(): Promise<HostKeyAnnouncement> {
  const plane = await PlaneClient.start(trusting(sshd));
  const target = targetOf(hopTo(sshd, { identities: [identityOf(login)] }));
  await plane.forward({ host: '127.0.0.1', port: 9 }, target);
  const told = await plane.until(() => plane.payloads('hostKeys')[0]);
  await plane.close();
  return told;
}

const fill = (text: string): string => text.replace(/\b(?:HOST|PORT|ED|RSA|EC|OLD)\b/g, (word) => words[word] ?? word);

async function filesFor(one: UpdateCase, label: string): Promise<[user: string, second: string, global: string]> {
  const paths = ['user', 'second', 'global'].map((name) => folder.join(`${label}-${one.title.replaceAll(' ', '-')}.${name}`)) as [string, string, string];
  const [user, second, global] = paths;
  await writeFile(user, fill(one.text));
  await writeFile(second, fill(one.second ?? ''));
  await writeFile(global, fill(one.global ?? ''));
  if (one.isHashed === true) await run('ssh-keygen', ['-q', '-H', '-f', user]);
  return paths;
}

/** The kinds of keys that the first file got; ssh moves there what was in the second one. */
async function gained([file, second]: readonly [string, string, string], before: string, secondBefore: string): Promise<string[]> {
  const had = new Set(parseKnownHosts(`${before}\n${secondBefore}`, second).map(({ key }) => key));
  return parseKnownHosts(await readFile(file, 'latin1'), file).filter(({ key }) => !had.has(key)).map(({ keyType }) => keyType).sort();
}

async function gainedBySsh(one: UpdateCase): Promise<string[]> {
  const files = await filesFor(one, 'ssh');
  const [user, second, global] = files;
  const before = await readFile(user, 'latin1');
  const options = [
    'UpdateHostKeys=yes', 'StrictHostKeyChecking=yes', 'BatchMode=yes', 'IdentitiesOnly=yes', `UserKnownHostsFile=${user} ${second}`, `GlobalKnownHostsFile=${global}`,
    `HostKeyAlgorithms=${one.hostKeyAlgorithms ?? 'ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512'}`,
  ].flatMap((option) => ['-o', option]);
  await new Promise((resolve) => {
    // A server that may not be trusted ends it, too.
    execFile('ssh', ['-F', 'none', ...options, '-i', login.path, '-p', String(sshd.port), `${sshd.userName}@127.0.0.1`, 'true'], { timeout: 20_000 }, resolve);
  });
  return gained(files, before, fill(one.second ?? ''));
}

function policyFor(one: UpdateCase, [user, second, global]: readonly [string, string, string]): HostKeyPolicy {
  const algorithms = one.hostKeyAlgorithms?.split(',') ?? ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ssh-rsa'];
  return { userFiles: [user, second], globalFiles: [global], strictness: 'yes', isHashed: false, updatedKeyTypes: algorithms };
}

describe('UpdateHostKeys', () => {
  it('is told of every key that the server has proved', () => {
    expect([...announcement.keys].sort()).toEqual(sshd.hostKeys.map(({ publicKey }) => publicKey.split(' ')[1]).sort());
    expect(announcement).toMatchObject({ host: '127.0.0.1', port: sshd.port, key: sshd.hostKey.publicKey.split(' ')[1] });
  });

  it.each(CASES.map((one) => [one.title, one] as const))('adds what ssh adds: %s', async (title, one) => {
    const bySsh = await gainedBySsh(one);
    const files = await filesFor(one, 'ours');
    const before = await readFile(files[0], 'latin1');
    await updateHostKeys(announcement, policyFor(one, files));
    const byUs = await gained(files, before, fill(one.second ?? ''));
    rows.push(`  ${title.padEnd(48)} ${bySsh.join(' ').padEnd(32)} ${byUs.join(' ')}`);
    expect(byUs).toEqual(bySsh);
    expect(await readFile(files[0], 'latin1')).toMatch(new RegExp(`^${before.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')}`));
  });

  it('hashes names where HashKnownHosts says so, adds the address where CheckHostIP does, and says what it did', async () => {
    const one = { title: 'hashed', text: 'web ED\n' };
    const files = await filesFor(one, 'hash');
    const policy = { ...policyFor(one, files), isHashed: true, checksAddress: true as const };
    const lines = await updateHostKeys({ ...announcement, host: 'web', port: 22, address: '192.0.2.7' }, policy);
    expect(lines.join('\n')).toMatch(/^Learned a further host key of web: \S+ SHA256:\S+; added to /);
    for (const name of ['web', '192.0.2.7']) {
      expect((await run('ssh-keygen', ['-F', name, '-f', files[0]])).match(/found: line/g), name).toHaveLength(name === 'web' ? 3 : 2);
    }
    expect(await readFile(files[0], 'latin1')).not.toContain('192.0.2.7');
  });

  it('says why nothing is kept, and does nothing where it is off', async () => {
    const one = { title: 'reason', text: '[127.0.0.*]:PORT ED\n' };
    const policy = policyFor(one, await filesFor(one, 'why'));
    expect((await updateHostKeys(announcement, policy)).join()).toContain('not kept: a line about this host holds patterns');
    const { updatedKeyTypes: _off, ...off } = policy;
    expect(await updateHostKeys(announcement, off)).toEqual([]);
    expect(await updateHostKeys(announcement, { ...policy, userFiles: [] })).toEqual([]);
  });
});
