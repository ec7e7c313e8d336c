import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostKeyPolicies, type Strictness } from '../../src/openssh/hostKeyPolicy.ts';
import { isNamed, parseKnownHosts } from '../../src/openssh/knownHosts.ts';
import { HostKeyQuestions } from '../../src/ui/hostKeyQuestions.ts';
import { PromptQueue } from '../../src/ui/promptQueue.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

/** A name that resolves to the server's address for the ssh of this test alone. */
const NAME = 'culvert-web.test';

type AddressCase = readonly [title: string, knownHosts: string, strictness: Strictness];

const CASES: readonly AddressCase[] = [
  ['both known', 'NAME KEY\nADDRESS KEY\n', 'yes'],
  ['both in one line', 'NAME,ADDRESS KEY\n', 'yes'],
  ['a new address', 'NAME KEY\n', 'yes'],
  ['a new address, with another host beside', 'NAME KEY\nother OTHER\n', 'accept-new'],
  ['nothing known', '', 'yes'],
  ['nothing known, to be accepted', '', 'accept-new'],
  ['the address alone known', 'ADDRESS KEY\n', 'yes'],
  ['the address alone known, to be accepted', 'ADDRESS KEY\n', 'accept-new'],
  ['another key for the address', 'NAME KEY\nADDRESS OTHER\n', 'yes'],
  ['another key for the address, new ones accepted', 'NAME KEY\nADDRESS OTHER\n', 'accept-new'],
  ['another key for the address, nothing asked for', 'NAME KEY\nADDRESS OTHER\n', 'no'],
  ['another key for the host', 'NAME OTHER\nADDRESS KEY\n', 'yes'],
  ['another key for both', 'NAME OTHER\nADDRESS OTHER\n', 'accept-new'],
];

let folder: TemporaryFolder;
let namespace: NetworkNamespace;
let sshd: Sshd;
const words: Record<string, string> = {};
const rows: string[] = [];

async function knownHostsFor([title, text, strictness]: AddressCase, label: string): Promise<string> {
  const file = folder.join(`${label}-${title.replaceAll(/\W+/g, '-')}-${strictness}`);
  await writeFile(file, text.replace(/\b(?:NAME|ADDRESS|KEY|OTHER)\b/g, (word) => words[word] ?? word));
  return file;
}

/** Whether the server was trusted, and which of its names its key is known by afterwards. */
async function outcome(isTrusted: boolean, file: string): Promise<string> {
  const key = words.KEY?.split(' ')[1];
  const lines = parseKnownHosts(await readFile(file, 'latin1'), file).filter((line) => line.key === key);
  const known = (['NAME', 'ADDRESS'] as const).filter((word) => lines.some((line) => isNamed(line, words[word] ?? '')));
  return `${isTrusted ? 'trusted' : 'refused'}, known: ${known.join(' and ') || 'neither'}`;
}

async function bySsh(one: AddressCase): Promise<string> {
  const file = await knownHostsFor(one, 'ssh');
  const options = [
    'CheckHostIP=yes', `StrictHostKeyChecking=${one[2]}`, 'BatchMode=yes', 'PreferredAuthentications=none', 'UpdateHostKeys=no', 'HashKnownHosts=no', `UserKnownHostsFile=${file}`,
    'GlobalKnownHostsFile=none',
  ].flatMap((option) => ['-o', option]);
  const script = `mount --bind '${folder.join('hosts')}' /etc/hosts && exec ssh "$@"`;
  const stderr = await new Promise<string>((resolve) => {
    execFile('unshare', ['--mount', 'sh', '-c', script, 'sh', '-F', 'none', ...options, `root@${NAME}`, 'true'], { timeout: 20_000 }, (_error, _stdout, text) => resolve(text));
  });
  // The server lets nobody in, but only whom it was trusted to ask.
  if (!/Permission denied|verification failed/i.test(stderr)) throw new Error(stderr);
  return outcome(stderr.includes('Permission denied'), file);
}

async function byUs(one: AddressCase): Promise<string> {
  const file = await knownHostsFor(one, 'ours');
  const policies = new HostKeyPolicies();
  const policy = { userFiles: [file], globalFiles: [], strictness: one[2], isHashed: false, checksAddress: true } as const;
  policies.remember({ key: '', hops: [] }, new Map([['policy', policy]]));
  const questions = new HostKeyQuestions(policies, new PromptQueue(), () => Promise.reject(new Error('nobody is to be asked')), { write: () => undefined });
  const [keyType = '', key = ''] = (words.KEY ?? '').split(' ');
  const question = { hop: 'web', host: NAME, port: 22, hostKeyPolicy: 'policy', address: words.ADDRESS ?? '', keyType, key };
  return outcome((await questions.answer(question, new AbortController().signal)).isAccepted, file);
}

describe.runIf(canCreateNetworkNamespace())('CheckHostIP', () => {
  beforeAll(async () => {
    folder = await createTemporaryFolder('address');
    namespace = await NetworkNamespace.create();
    sshd = await Sshd.start({ namespace: namespace.name, host: namespace.thereAddress });
    const plain = (publicKey: string): string => publicKey.split(' ').slice(0, 2).join(' ');
    Object.assign(words, { NAME, ADDRESS: namespace.thereAddress, KEY: plain(sshd.hostKey.publicKey), OTHER: plain((await createSshKey(folder.join('other'))).publicKey) });
    await writeFile(folder.join('hosts'), `127.0.0.1 localhost\n${namespace.thereAddress} ${NAME}\n`);
  });
  afterAll(async () => {
    process.stdout.write(`\nCheckHostIP, ssh and here:\n${rows.join('\n')}\n`);
    await sshd.stop();
    await namespace.remove();
    await folder.remove();
  });

  it.each(CASES)('does what ssh does: %s (%#)', async (...one) => {
    const judged = await bySsh(one);
    const ours = await byUs(one);
    rows.push(`  ${`${one[0]} (${one[2]})`.padEnd(60)} ${judged.padEnd(40)} ${ours}`);
    expect(ours).toBe(judged);
  });
});
