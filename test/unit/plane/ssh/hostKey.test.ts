import { describe, expect, it } from 'vitest';
import type { ForwardError } from '../../../../src/core/failure.ts';
import type { SshHop } from '../../../../src/core/sshTarget.ts';
import { fingerprint } from '../../../../src/openssh/keyBlob.ts';
import { hostVerifier, keyTypeOf } from '../../../../src/plane/ssh/hostKey.ts';
import type { HostKeyAnswer, HostKeyQuestion } from '../../../../src/protocol/messages.ts';

const HOP = { name: 'server', host: 'example.org', port: 22, user: 'me' } as SshHop;
const KEY = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 1)]);
const OTHER = Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.alloc(36, 2)]);

function check(answers: (() => Promise<HostKeyAnswer>)[]): { show(key: Buffer): Promise<boolean>; refusals: (ForwardError | undefined)[]; asked: () => number } {
  const refusals: (ForwardError | undefined)[] = [];
  let asked = 0;
  const verifier = hostVerifier({
    hop: HOP,
    address: undefined,
    onDemandAt: undefined,
    ask: () => answers[asked++]!(),
    decide: (refusal, verify) => {
      refusals.push(refusal);
      verify(refusal === undefined);
    },
  });
  return {
    // ssh2 reads every truthy answer of the verifier itself as a yes.
    show: (key) => new Promise((resolve) => {
      const answer = (verifier as (...shown: unknown[]) => unknown)(key, resolve);
      expect(answer).toBeUndefined();
    }),
    refusals,
    asked: () => asked,
  };
}

describe('the host verifier', () => {
  it('asks about what it was shown, for the hop it was shown by, and hands the rules of trust back by their name', async () => {
    const questions: HostKeyQuestion[] = [];
    const verifier = hostVerifier({
      hop: { ...HOP, hostKeyAlias: 'alias', hostKeyPolicy: 'strict-rules' },
      address: '192.0.2.7',
      onDemandAt: '127.0.0.1:5432',
      ask: async (question) => {
        questions.push(question);
        return { isAccepted: true };
      },
      decide: (_, verify) => { verify(true); },
    });
    await new Promise((resolve) => { (verifier as (...shown: unknown[]) => unknown)(KEY, resolve); });
    expect(questions).toEqual([{
      hop: 'server', host: 'example.org', port: 22, hostKeyAlias: 'alias', hostKeyPolicy: 'strict-rules', address: '192.0.2.7', onDemandAt: '127.0.0.1:5432', keyType: 'ssh-ed25519', key: KEY.toString('base64'),
    }]);
  });

  it('asks once and remembers the key across rekeys, even when its buffer is used again', async () => {
    const { show, asked } = check([async () => ({ isAccepted: true })]);
    const shown = Buffer.from(KEY);
    expect(await show(shown)).toBe(true);
    shown.fill(0);
    expect(await show(KEY)).toBe(true);
    expect(asked()).toBe(1);
  });

  it('refuses another key in a rekey without asking', async () => {
    const { show, asked, refusals } = check([async () => ({ isAccepted: true })]);
    await show(KEY);
    expect(await show(OTHER)).toBe(false);
    expect(asked()).toBe(1);
    expect(refusals.at(-1)).toMatchObject({
      code: 'host-key-mismatch', context: { hop: 'server', keyType: 'ssh-ed25519', fingerprint: fingerprint(OTHER), expected: `ssh-ed25519 ${fingerprint(KEY)}` },
    });
  });

  it('refuses with the reason it was given', async () => {
    const { show, refusals } = check([async () => ({ isAccepted: false, failure: { code: 'host-key-revoked', detail: 'revoked', context: { line: 3 } } })]);
    expect(await show(KEY)).toBe(false);
    expect(refusals[0]).toMatchObject({ code: 'host-key-revoked', context: { line: 3 } });
  });

  it('refuses when the question cannot be answered', async () => {
    const { show, refusals } = check([() => Promise.reject(new Error('no answer'))]);
    expect(await show(KEY)).toBe(false);
    expect(refusals[0]).toMatchObject({ code: 'internal' });
  });

  it('reads the type of a key', () => {
    expect(keyTypeOf(KEY)).toBe('ssh-ed25519');
    expect(keyTypeOf(Buffer.alloc(0))).toBe('');
  });
});
