import { describe, expect, it } from 'vitest';
import { PromptQueue } from '../../../src/ui/promptQueue.ts';
import { ProxyLogins } from '../../../src/ui/proxyLogins.ts';
import type { Secret, SecretOptions } from '../../../src/ui/quickInput.ts';
import { define, DYNAMIC, FakeLog, LOCAL } from './samples.ts';

const PROXY = define('a', { name: 'office', spec: DYNAMIC, login: 'me' });
const KEY = 'proxy password for a';
const signal = new AbortController().signal;

function setup(answers: readonly (Secret | undefined)[] = [], hasKeyring = true) {
  const kept = new Map<string, string>();
  const asked: SecretOptions[] = [];
  const log = new FakeLog();
  const vault = {
    get: async (key: string) => { const secret = kept.get(key); return secret === undefined ? undefined : { secret, isRefused: false }; },
    put: async (key: string, secret: string) => {
      if (!hasKeyring) throw new Error('no keyring');
      kept.set(key, secret);
    },
    forget: async (key: string) => { kept.delete(key); },
  };
  const ask = async (options: SecretOptions): Promise<Secret | undefined> => answers[asked.push(options) - 1];
  return { logins: new ProxyLogins(vault, new PromptQueue(), ask, log), kept, asked, log };
}

describe('the login of a proxy', () => {
  it('is nothing where nobody needs one', async () => {
    const { logins, asked } = setup();
    expect(await logins.credentialsFor(define('a', { spec: DYNAMIC }), signal)).toBeUndefined();
    expect(await logins.credentialsFor(define('a', { spec: LOCAL, login: 'me' }), signal)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('is the user of the forward, with the password that is kept under its id', async () => {
    const { logins, kept, asked } = setup();
    kept.set(KEY, 'geheim');
    expect(await logins.credentialsFor(PROXY, signal)).toEqual({ user: 'me', password: 'geheim' });
    expect(asked).toEqual([]);
  });

  it('is asked for where no password is kept, by a box that names the forward, once a session', async () => {
    const { logins, kept, asked } = setup([{ text: 'geheim', isRemembered: false }]);
    for (const _ of [1, 2]) expect(await logins.credentialsFor(PROXY, signal)).toEqual({ user: 'me', password: 'geheim' });
    expect(asked).toMatchObject([{ title: 'Password of the Proxy office', isHidden: true, canRemember: true }]);
    expect(asked[0]?.validate?.('')).toBeDefined();
    expect(kept.size).toBe(0);
  });

  it('is kept if the user says so', async () => {
    const { logins, kept } = setup([{ text: 'geheim', isRemembered: true }]);
    await logins.credentialsFor(PROXY, signal);
    expect([...kept]).toEqual([[KEY, 'geheim']]);
  });

  it('that is not given lets nobody in', async () => {
    const { logins } = setup([undefined]);
    await expect(logins.credentialsFor(PROXY, signal)).rejects.toMatchObject({ code: 'auth-cancelled', context: { proxy: 'office' } });
  });

  it('is not asked for any more by a start that was stopped', async () => {
    const { logins, asked } = setup([{ text: 'geheim', isRemembered: false }]);
    await expect(logins.credentialsFor(PROXY, AbortSignal.abort())).rejects.toMatchObject({ code: 'auth-cancelled' });
    expect(asked).toEqual([]);
  });

  it('lasts for the session where there is no keyring, and the log says so without it', async () => {
    const { logins, log } = setup([], false);
    await logins.keep('a', 'geheim');
    expect(await logins.credentialsFor(PROXY, signal)).toEqual({ user: 'me', password: 'geheim' });
    expect(log.lines).toEqual([expect.stringMatching(/^warn .*no keyring/)]);
    expect(log.lines.join()).not.toContain('geheim');
  });

  it('is forgotten with what was given in this session', async () => {
    const { logins, kept } = setup([{ text: 'geheim', isRemembered: false }, undefined]);
    await logins.credentialsFor(PROXY, signal);
    await logins.forget('a');
    await expect(logins.credentialsFor(PROXY, signal)).rejects.toMatchObject({ code: 'auth-cancelled' });
    expect(kept.size).toBe(0);
  });
});
