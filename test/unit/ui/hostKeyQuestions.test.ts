import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { HostKeyVerdict } from '../../../src/openssh/hostKeyCheck.ts';
import { HostKeyPolicies, type HostKeyPolicy, type Strictness } from '../../../src/openssh/hostKeyPolicy.ts';
import type { HostKeyAnswer, HostKeyQuestion } from '../../../src/protocol/messages.ts';
import { HostKeyQuestions } from '../../../src/ui/hostKeyQuestions.ts';
import { PromptQueue } from '../../../src/ui/promptQueue.ts';
import { eventually } from '../../support/eventually.ts';
import { createSshKey, knownHostsLine, type SshKeyFile } from '../../support/sshKeys.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../../support/temporaryFolder.ts';
import { FakeLog } from './samples.ts';

const HOST = 'bastion.example';
const POLICY = 'the-policy';
const never = new AbortController().signal;

let keys: TemporaryFolder;
let right: SshKeyFile;
let wrong: SshKeyFile;
let folder: TemporaryFolder;
let file: string;

beforeAll(async () => {
  keys = await createTemporaryFolder('keys');
  [right, wrong] = await Promise.all([createSshKey(keys.join('right')), createSshKey(keys.join('wrong'))]);
});
afterAll(() => keys.remove());
beforeEach(async () => {
  folder = await createTemporaryFolder('trust');
  file = folder.join('ssh', 'known_hosts');
});
afterEach(() => folder.remove());

function question(key = right, changes: Partial<HostKeyQuestion> = {}): HostKeyQuestion {
  return { hop: 'bastion', host: HOST, port: 22, hostKeyPolicy: POLICY, keyType: 'ssh-ed25519', key: key.publicKey.split(' ')[1] ?? '', ...changes };
}

type Ask = (verdict: HostKeyVerdict) => Promise<boolean>;

function setup(ask: Ask, changes: Partial<HostKeyPolicy> = {}) {
  const policy: HostKeyPolicy = { userFiles: [file], globalFiles: [], strictness: 'ask', isHashed: false, ...changes };
  const policies = new HostKeyPolicies();
  policies.remember({ key: 'k', hops: [] }, new Map([[POLICY, policy]]));
  const asked: HostKeyVerdict[] = [];
  const log = new FakeLog();
  const questions = new HostKeyQuestions(policies, new PromptQueue(), (_, verdict) => {
    asked.push(verdict);
    return ask(verdict);
  }, log);
  return { questions, asked, log };
}

const yes: Ask = async () => true;
const no: Ask = async () => false;
const written = (): Promise<string | undefined> => readFile(file, 'utf8').catch(() => undefined);

async function write(text: string): Promise<void> {
  file = folder.join('known_hosts');
  await writeFile(file, text);
}

function codeOf(answer: HostKeyAnswer): string {
  return answer.isAccepted ? 'accepted' : answer.failure.code;
}

describe('a known key', () => {
  it('passes without a question, and nothing is written', async () => {
    await write(knownHostsLine(HOST, 22, right));
    const { questions, asked } = setup(no);
    expect(await questions.answer(question(), never)).toEqual({ isAccepted: true, trust: { status: 'known', file, line: 1 } });
    expect(asked).toEqual([]);
    expect(await written()).toBe(knownHostsLine(HOST, 22, right));
  });

  it('is known for its port alone', async () => {
    await write(knownHostsLine(HOST, 2222, right));
    const { questions, asked } = setup(no);
    expect(codeOf(await questions.answer(question(right, { port: 2222 }), never))).toBe('accepted');
    expect(asked).toEqual([]);
    expect(codeOf(await questions.answer(question(), never))).toBe('host-key-rejected');
  });
});

describe('CheckHostIP', () => {
  const reached = { address: '192.0.2.7' };

  it('writes down the address of a known host, once', async () => {
    await write(knownHostsLine(HOST, 22, right));
    const { questions } = setup(no, { checksAddress: true });
    for (let round = 0; round < 2; round += 1) expect(codeOf(await questions.answer(question(right, reached), never))).toBe('accepted');
    expect(await written()).toBe(knownHostsLine(HOST, 22, right) + knownHostsLine(reached.address, 22, right));
  });

  it('writes down both where the user trusts a new host', async () => {
    const { questions, asked } = setup(yes, { checksAddress: true });
    expect(codeOf(await questions.answer(question(right, reached), never))).toBe('accepted');
    expect(asked).toHaveLength(1);
    expect(await written()).toBe(knownHostsLine(HOST, 22, right) + knownHostsLine(reached.address, 22, right));
  });

  it('refuses an address that is known by another key, and asks nobody', async () => {
    await write(knownHostsLine(HOST, 22, right) + knownHostsLine(reached.address, 22, wrong));
    const { questions, asked } = setup(yes, { checksAddress: true });
    const answer = await questions.answer(question(right, reached), never);
    expect(answer).toMatchObject({ isAccepted: false, failure: { code: 'host-key-mismatch', context: { line: 2, keygen: `ssh-keygen -f '${file}' -R '192.0.2.7'` } } });
    expect(asked).toEqual([]);
  });
});

describe('UpdateHostKeys', () => {
  it('keeps the further keys of a known host, and says so', async () => {
    await write(knownHostsLine(HOST, 22, right));
    const { questions, log } = setup(no, { updatedKeyTypes: ['ssh-ed25519'] });
    const further = wrong.publicKey.split(' ')[1] ?? '';
    await questions.learn({ ...question(), keys: [question().key, further] });
    expect(await written()).toBe(knownHostsLine(HOST, 22, right) + knownHostsLine(HOST, 22, wrong));
    expect(log.lines.join('\n')).toContain(`Learned a further host key of ${HOST}: ssh-ed25519 ${wrong.fingerprint}`);
  });

  it('never fails where nothing can be written or nothing was resolved', async () => {
    file = folder.path;
    const { questions, log } = setup(no, { updatedKeyTypes: ['ssh-ed25519'] });
    await questions.learn({ ...question(), keys: [question().key] });
    await questions.learn({ ...question(right, { hostKeyPolicy: 'made-up' }), keys: [question().key] });
    expect(log.lines.filter((line) => line.includes('could not be kept'))).toHaveLength(2);
  });
});

describe('RequiredRSASize', () => {
  it('refuses a shorter host key before anybody is asked', async () => {
    const rsa = await createSshKey(folder.join('rsa'), 'rsa');
    const { questions, asked } = setup(yes, { requiredRsaBits: 3072 });
    const answer = await questions.answer(question(rsa, { keyType: 'ssh-rsa' }), never);
    expect(answer).toMatchObject({ isAccepted: false, failure: { code: 'config-unsupported', detail: expect.stringContaining('has 2048 bits') as string } });
    expect(asked).toEqual([]);
    expect(codeOf(await setup(yes, { requiredRsaBits: 2048 }).questions.answer(question(rsa, { keyType: 'ssh-rsa' }), never))).toBe('accepted');
  });
});

describe('an unknown key', () => {
  it('is asked about with its fingerprint, and the line is added', async () => {
    const { questions, asked, log } = setup(yes);
    expect(await questions.answer(question(), never)).toEqual({ isAccepted: true, trust: { status: 'unknown', file } });
    expect(asked).toMatchObject([{ status: 'unknown', fingerprint: right.fingerprint, keyType: 'ssh-ed25519', appendTo: file }]);
    expect(await written()).toBe(knownHostsLine(HOST, 22, right));
    expect(log.lines.join('\n')).toContain(right.fingerprint);
    expect(codeOf(await setup(no).questions.answer(question(), never))).toBe('accepted');
  });

  it('is added behind what is there, under its port, hashed where the policy says so', async () => {
    await write(`# mine\nother ${right.publicKey}`);
    expect(codeOf(await setup(yes).questions.answer(question(right, { port: 2222 }), never))).toBe('accepted');
    expect(await written()).toBe(`# mine\nother ${right.publicKey}\n${knownHostsLine(HOST, 2222, right)}`);
    expect(codeOf(await setup(yes, { isHashed: true }).questions.answer(question(right, { port: 3333 }), never))).toBe('accepted');
    expect((await written())?.split('\n').at(-2)).toMatch(/^\|1\|\S+ ssh-ed25519 /);
  });

  it('is asked about with what else is known: its other names, the other keys of the host, authorities', async () => {
    await write(`other,db ${right.publicKey}\n${knownHostsLine(HOST, 22, wrong)}@cert-authority [${HOST}]:2222 ${wrong.publicKey}\n@cert-authority else ${wrong.publicKey}\n`);
    const { questions, asked, log } = setup(no);
    await questions.answer(question(right, { port: 2222 }), never);
    const other = { keyType: 'ssh-ed25519', fingerprint: wrong.fingerprint, file };
    expect(asked).toMatchObject([{ aliases: [{ names: 'other,db', file, line: 1 }], others: [{ ...other, line: 2 }], authorities: [{ ...other, line: 3 }] }]);
    expect(log.lines).toContain(`info ${file}, line 3: the certificate authority for [${HOST}]:2222 is not used, since host certificates are not supported; its key is judged by itself.`);
  });

  it('that is refused is not used, and nothing is written', async () => {
    const { questions, asked } = setup(no);
    const answer = await questions.answer(question(), never);
    expect(answer).toMatchObject({ isAccepted: false, failure: { code: 'host-key-rejected', context: { hop: 'bastion', host: HOST, port: 22, fingerprint: right.fingerprint } } });
    expect(asked).toHaveLength(1);
    expect(await written()).toBeUndefined();
  });

  it('is not asked about when nobody waits any more', async () => {
    const { questions, asked } = setup(yes);
    expect(codeOf(await questions.answer(question(), AbortSignal.abort()))).toBe('host-key-rejected');
    expect(asked).toEqual([]);
    expect(await written()).toBeUndefined();
  });

  it('is asked about once, however many ask at once, and stands in one line', async () => {
    const { questions, asked } = setup(yes);
    const answers = await Promise.all([1, 2, 3].map(() => questions.answer(question(), never)));
    expect(answers.map(codeOf)).toEqual(['accepted', 'accepted', 'accepted']);
    expect(asked).toHaveLength(1);
    expect(await written()).toBe(knownHostsLine(HOST, 22, right));
  });

  it('is asked about again after a no', async () => {
    const { questions, asked } = setup(no);
    await Promise.all([questions.answer(question(), never), questions.answer(question(), never)]);
    expect(asked).toHaveLength(2);
  });

  it('counts as changed when, while it waited its turn, another key was trusted for the same host', async () => {
    let second: Promise<HostKeyAnswer> | undefined;
    const { questions, asked, log } = setup(async () => {
      second ??= questions.answer(question(wrong), never);
      await eventually(() => log.lines.filter((line) => line.includes('is unknown')).length === 2);
      return true;
    });
    expect(codeOf(await questions.answer(question(right), never))).toBe('accepted');
    expect(codeOf(await second!)).toBe('host-key-mismatch');
    expect(asked.map(({ fingerprint }) => fingerprint)).toEqual([right.fingerprint]);
    expect(await written()).toBe(knownHostsLine(HOST, 22, right));
  });

  it('counts as changed when, while it was on the screen, another key became known', async () => {
    await write('');
    const { questions } = setup(async () => {
      await writeFile(file, knownHostsLine(HOST, 22, wrong));
      return true;
    });
    expect(codeOf(await questions.answer(question(), never))).toBe('host-key-mismatch');
    expect(await written()).toBe(knownHostsLine(HOST, 22, wrong));
  });

  it('is trusted this once where it cannot be written down, and the log says so', async () => {
    await writeFile(folder.join('ssh'), 'a file in the way of the folder');
    const { questions, log } = setup(yes);
    expect(await questions.answer(question(), never)).toEqual({ isAccepted: true, trust: { status: 'unknown' } });
    expect(log.lines.some((line) => line.startsWith('warn ') && line.includes('asked for again'))).toBe(true);
  });

  it('is trusted this once where known_hosts is "none"', async () => {
    const { questions, asked } = setup(yes, { userFiles: [] });
    expect(await questions.answer(question(), never)).toEqual({ isAccepted: true, trust: { status: 'unknown' } });
    expect(asked[0]?.appendTo).toBeUndefined();
  });
});

describe('a key that must not be used', () => {
  it('because it changed is never asked about; file, line and what was expected are told', async () => {
    await write(`# mine\n${knownHostsLine(HOST, 22, wrong)}`);
    const { questions, asked } = setup(yes);
    expect(await questions.answer(question(), never)).toMatchObject({
      isAccepted: false,
      failure: {
        code: 'host-key-mismatch',
        context: { host: HOST, file, line: 2, expected: `ssh-ed25519 ${wrong.fingerprint}`, fingerprint: right.fingerprint, keygen: `ssh-keygen -f '${file}' -R '${HOST}'` },
      },
    });
    expect(asked).toEqual([]);
    expect(await written()).toBe(`# mine\n${knownHostsLine(HOST, 22, wrong)}`);
  });

  it('because it changed is told beside the key on the line that is shown, whatever else is known', async () => {
    const rsa = await createSshKey(folder.join('rsa'), 'rsa');
    await write(knownHostsLine(HOST, 22, rsa) + knownHostsLine(HOST, 22, wrong));
    expect(await setup(yes).questions.answer(question(), never)).toMatchObject({ failure: { context: { line: 2, expected: `ssh-ed25519 ${wrong.fingerprint}` } } });
    await write(knownHostsLine(HOST, 22, wrong) + knownHostsLine(HOST, 22, rsa).repeat(2));
    const ecdsa = await createSshKey(folder.join('ecdsa'), 'ecdsa');
    expect(await setup(yes).questions.answer(question(ecdsa), never)).toMatchObject({ failure: { context: { line: 3, expected: `ssh-rsa ${rsa.fingerprint}` } } });
  });

  it('because it was revoked is never asked about', async () => {
    await write(`@revoked * ${right.publicKey}\n`);
    const { questions, asked } = setup(yes);
    expect(await questions.answer(question(), never)).toMatchObject({ failure: { code: 'host-key-revoked', context: { file, line: 1 } } });
    expect(asked).toEqual([]);
  });

  it('because RevokedHostKeys has it is never asked about, known or not', async () => {
    await write(knownHostsLine(HOST, 22, right));
    const revokedKeysFile = folder.join('revoked');
    await writeFile(revokedKeysFile, `${right.publicKey}\n`);
    const { questions, asked } = setup(yes, { revokedKeysFile });
    expect(await questions.answer(question(), never)).toMatchObject({ failure: { code: 'host-key-revoked', context: { file: revokedKeysFile } } });
    expect(asked).toEqual([]);
  });

  it('gets a recipe that a shell reads as it is meant, whatever the folder is called', async () => {
    file = folder.join("it's; $(here)");
    await writeFile(file, knownHostsLine(HOST, 22, wrong));
    const answer = await setup(yes).questions.answer(question(), never);
    expect(answer.isAccepted ? '' : answer.failure.context.keygen).toBe(String.raw`ssh-keygen -f '${folder.path}/it'\''s; $(here)' -R '${HOST}'`);
  });

  it.each<Strictness>(['yes', 'ask', 'accept-new', 'no'])('is refused with StrictHostKeyChecking %s', async (strictness) => {
    await write(knownHostsLine(HOST, 22, wrong));
    const { questions, asked } = setup(yes, { strictness });
    expect(codeOf(await questions.answer(question(), never))).toBe('host-key-mismatch');
    expect(asked).toEqual([]);
  });
});

describe('StrictHostKeyChecking', () => {
  it.each<[Strictness, string, boolean]>([['yes', 'host-key-unknown', false], ['accept-new', 'accepted', true], ['no', 'accepted', true]])(
    '%s decides about an unknown key without a question: %s', async (strictness, code, isWritten) => {
      const { questions, asked } = setup(yes, { strictness });
      expect(codeOf(await questions.answer(question(), never))).toBe(code);
      expect(asked).toEqual([]);
      expect(await written()).toBe(isWritten ? knownHostsLine(HOST, 22, right) : undefined);
    });
});

describe('what cannot be judged', () => {
  it('is refused: a known_hosts that cannot be read', async () => {
    file = folder.path;
    const { questions, asked } = setup(yes);
    expect(await questions.answer(question(), never)).toMatchObject({ failure: { code: 'known-hosts-unreadable', context: { host: HOST, path: file } } });
    expect(asked).toEqual([]);
  });

  it('is refused: a server without rules', async () => {
    const { questions, asked } = setup(yes);
    expect(codeOf(await questions.answer(question(right, { hostKeyPolicy: 'another' }), never))).toBe('internal');
    expect(asked).toEqual([]);
  });

  it('is refused: a question whose box fails', async () => {
    const { questions } = setup(async () => { throw new Error('the window is closing'); });
    expect(codeOf(await questions.answer(question(), never))).toBe('internal');
    expect(await written()).toBeUndefined();
  });
});
