import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HostKeyPolicies, type Strictness } from '../../src/openssh/hostKeyPolicy.ts';
import { HostKeyQuestions } from '../../src/ui/hostKeyQuestions.ts';
import { PromptQueue } from '../../src/ui/promptQueue.ts';
import { findFreePort } from '../support/freePort.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, knownHostsLine, type SshKeyFile } from '../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { FakeLog } from '../unit/ui/samples.ts';

let folder: TemporaryFolder;
let sshd: Sshd;
let other: SshKeyFile;

beforeAll(async () => {
  folder = await createTemporaryFolder('strict');
  sshd = await Sshd.start();
  other = await createSshKey(folder.join('other'));
  // What ssh asks instead of a person.
  for (const answer of ['yes', 'no']) await writeFile(folder.join(answer), `#!/bin/sh\necho ${answer}\n`, { mode: 0o755 });
});
afterAll(async () => {
  await sshd.stop();
  await folder.remove();
});

type Status = 'known' | 'unknown' | 'changed' | 'revoked';
type Answer = 'yes' | 'no';

interface Outcome {
  /** Whether a forward may go on behind this key. */
  readonly isForwarded: boolean;
  readonly isWritten: boolean;
}

function knownHostsOf(status: Status): string {
  const right = knownHostsLine(sshd.host, sshd.port, sshd.hostKey);
  const texts: Readonly<Record<Status, string>> = {
    known: right, unknown: '', changed: knownHostsLine(sshd.host, sshd.port, other), revoked: `${right}@revoked * ${sshd.hostKey.publicKey}\n`,
  };
  return texts[status];
}

/** What the real ssh does with `-L`: whether it goes on to log in, and has not switched forwarding off. */
async function ofSsh(strictness: Strictness, status: Status, answer: Answer): Promise<Outcome> {
  const file = folder.join(`ssh-${strictness}-${status}-${answer}`);
  await writeFile(file, knownHostsOf(status));
  const options = { StrictHostKeyChecking: strictness, UserKnownHostsFile: file, GlobalKnownHostsFile: 'none', PreferredAuthentications: 'none', UpdateHostKeys: 'no' };
  const list = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const words = ['-v', '-N', '-F', 'none', ...list, '-L', `${await findFreePort()}:localhost:1`, '-p', String(sshd.port), sshd.host];
  const environment = { ...process.env, SSH_ASKPASS: folder.join(answer), SSH_ASKPASS_REQUIRE: 'force' };
  const stderr = await new Promise<string>((resolve) => {
    execFile('ssh', words, { timeout: 20_000, env: environment }, (_, __, text) => { resolve(text); });
  });
  const isForwarded = stderr.includes('SSH2_MSG_SERVICE_ACCEPT') && !stderr.includes('Port forwarding is disabled');
  return { isForwarded, isWritten: (await readFile(file, 'utf8')) !== knownHostsOf(status) };
}

async function ofCulvert(strictness: Strictness, status: Status, answer: Answer): Promise<Outcome> {
  const file = folder.join(`culvert-${strictness}-${status}-${answer}`);
  await writeFile(file, knownHostsOf(status));
  const policies = new HostKeyPolicies();
  policies.remember({ key: 'k', hops: [] }, new Map([['policy', { userFiles: [file], globalFiles: [], strictness, isHashed: false }]]));
  const questions = new HostKeyQuestions(policies, new PromptQueue(), async () => answer === 'yes', new FakeLog());
  const [keyType = '', key = ''] = sshd.hostKey.publicKey.split(' ');
  const { isAccepted } = await questions.answer({ hop: 'h', host: sshd.host, port: sshd.port, hostKeyPolicy: 'policy', keyType, key }, new AbortController().signal);
  return { isForwarded: isAccepted, isWritten: (await readFile(file, 'utf8')) !== knownHostsOf(status) };
}

const STRICTNESS: readonly Strictness[] = ['yes', 'ask', 'accept-new', 'no'];
const STATUS: readonly Status[] = ['known', 'unknown', 'changed', 'revoked'];
const ANSWERS: readonly Answer[] = ['yes', 'no'];

describe('StrictHostKeyChecking, as ssh -L', () => {
  const table: string[] = [];
  afterAll(() => { console.info(['Strictness   key        answer  forwarded  written', ...table.sort()].join('\n')); });

  const cases = STRICTNESS.flatMap((strictness) => STATUS.flatMap((status) => ANSWERS.map((answer) => [strictness, status, answer] as const)));
  it.concurrent.each(cases)('%s: a key that is %s, to a user who says %s', async (strictness, status, answer) => {
    const judged = await ofSsh(strictness, status, answer);
    table.push([strictness.padEnd(11), status.padEnd(9), answer.padEnd(6), String(judged.isForwarded).padEnd(9), String(judged.isWritten)].join('  '));
    expect(await ofCulvert(strictness, status, answer)).toEqual(judged);
    if (status === 'changed' || status === 'revoked') expect(judged).toEqual({ isForwarded: false, isWritten: false });
  });
});
