import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import type { SecretAnswer } from '../../src/protocol/messages.ts';
import { LoginSetup } from '../support/loginSetup.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { hopTo, identityOf, targetOf } from '../support/planeTargets.ts';
import { fixed, here } from '../support/poles.ts';
import { run } from '../support/processes.ts';
import { startSshAgent, type SshAgent } from '../support/sshAgent.ts';
import type { Sshd, SshdOptions } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import type { TemporaryFolder } from '../support/temporaryFolder.ts';
import { canCreateTestUser, createTestUser, type TestUser } from '../support/testUser.ts';

const LISTEN = { host: '127.0.0.1', port: 0 };
const PASSPHRASE = 'correct horse';

let login: LoginSetup;
let folder: TemporaryFolder;
let plane: PlaneClient;
let sshd: Sshd;

beforeEach(async () => {
  login = await LoginSetup.open();
  ({ plane, folder } = login);
});

afterEach(() => login.close());

async function startServer(options: SshdOptions): Promise<void> {
  sshd = await login.startServer(options);
}

function begin(overrides: Partial<SshHop>): Promise<StartedForward> {
  return plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: here(LISTEN), target: targetOf(hopTo(sshd, overrides)) });
}

async function expectLogin(overrides: Partial<SshHop>): Promise<void> {
  const forward = await begin(overrides);
  await plane.untilUp(forward);
  expect(plane.payloads('loggedIn')).toMatchObject([{ user: overrides.user ?? sshd.userName, host: sshd.host, port: sshd.port }]);
  await plane.stop(forward);
}

async function expectFailure(overrides: Partial<SshHop>): Promise<StartedForward & { failure: { code: string; detail: string; context: object } }> {
  const forward = await begin(overrides);
  const { failure, isUnbound } = await plane.untilLost(forward);
  expect(isUnbound).toBe(false);
  expect(plane.payloads('loggedIn')).toEqual([]);
  await plane.stop(forward);
  return { ...forward, failure };
}

/** Answers the questions one after another; a question without an answer left is cancelled. */
function answering(...answers: readonly (string | undefined)[]): void {
  const left = [...answers];
  plane.answers.needSecret = async (): Promise<SecretAnswer> => {
    const answer = left.shift();
    return answer === undefined ? { isCancelled: true } : { isCancelled: false, answers: [answer] };
  };
}

/** The fingerprints of the keys that the server was offered, in order, each once. */
function keysOffered(): string[] {
  return [...new Set([...sshd.logText().matchAll(/(?:Failed publickey|Accepted key|Accepted publickey) .*?(SHA256:\S+)/g)].map((match) => match[1]!))];
}

describe('a login with keys', () => {
  it.each(['ed25519', 'rsa', 'ecdsa'] as const)('offers a key file whose public key is known (%s)', async (type) => {
    const key = await createSshKey(folder.join('id'), type);
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identities: [identityOf(key)] });
  });

  it('opens a key file whose public key is not known', async () => {
    const key = await createSshKey(folder.join('id'));
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identities: [identityOf(key, false)] });
  });

  it('reads a private key in PEM', async () => {
    const key = await createSshKey(folder.join('id'), 'rsa');
    await run('ssh-keygen', ['-q', '-p', '-m', 'PEM', '-N', '', '-f', key.path]);
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identities: [identityOf(key, false)] });
  });

  it.each([true, false])('asks for a passphrase only when the server accepts the key (public key known: %s)', async (isPublicKnown) => {
    const refused = await createSshKey(folder.join('refused'), 'ed25519', PASSPHRASE);
    const accepted = await createSshKey(folder.join('accepted'), 'ed25519', PASSPHRASE);
    await startServer({ authorizedKeys: [accepted.publicKey] });
    answering(PASSPHRASE);
    await expectLogin({ identities: [identityOf(refused, isPublicKnown), identityOf(accepted, isPublicKnown)] });
    expect(login.secretsAsked()).toMatchObject([{ kind: 'passphrase', attempt: 1, path: accepted.path, hop: 'test-server', prompts: [{ isEchoed: false }] }]);
  });

  it('asks again after a wrong passphrase', async () => {
    const key = await createSshKey(folder.join('id'), 'ed25519', PASSPHRASE);
    await startServer({ authorizedKeys: [key.publicKey] });
    answering('wrong', PASSPHRASE);
    await expectLogin({ identities: [identityOf(key)] });
    expect(login.secretsAsked().map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('goes on with the next key after three wrong passphrases', async () => {
    const locked = await createSshKey(folder.join('locked'), 'ed25519', PASSPHRASE);
    const open = await createSshKey(folder.join('open'));
    await startServer({ authorizedKeys: [locked.publicKey, open.publicKey] });
    answering('one', 'two', 'three', 'four');
    await expectLogin({ identities: [identityOf(locked), identityOf(open)] });
    expect(login.secretsAsked()).toHaveLength(3);
  });

  it('ends when the passphrase is not given, and tries nothing else', async () => {
    const locked = await createSshKey(folder.join('locked'), 'ed25519', PASSPHRASE);
    const open = await createSshKey(folder.join('open'));
    await startServer({ authorizedKeys: [locked.publicKey, open.publicKey] });
    answering();
    const { failure } = await expectFailure({ identities: [identityOf(locked), identityOf(open)] });
    expect(failure).toMatchObject({ code: 'auth-cancelled', context: { hop: 'test-server' } });
    expect(keysOffered()).not.toContain(open.fingerprint);
  });

  it('passes over a key file that cannot be read, and names it', async () => {
    const key = await createSshKey(folder.join('id'));
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identities: [{ path: folder.join('absent') }, identityOf(key)] });
    expect(plane.log()).toContain(`the key ${folder.join('absent')} cannot be used`);
  });

  it('says that the server had enough of it', async () => {
    const keys = await Promise.all(['one', 'two', 'three'].map((name) => createSshKey(folder.join(name))));
    await startServer({ extraConfig: ['MaxAuthTries 2'] });
    const { failure } = await expectFailure({ identities: keys.map((key) => identityOf(key)) });
    expect(failure).toMatchObject({ code: 'auth-failed' });
    expect(failure.detail).toContain('Too many authentication failures');
  });

  it('says what was offered when nothing worked', async () => {
    const key = await createSshKey(folder.join('id'));
    await startServer({});
    const { failure } = await expectFailure({ identities: [identityOf(key)] });
    expect(failure).toMatchObject({ code: 'auth-failed', context: { hop: 'test-server', user: sshd.userName, host: sshd.host, port: sshd.port, methods: ['publickey'], tried: [`publickey ${key.path}`] } });
  });
});

describe('a login with an agent', () => {
  let agent: SshAgent;
  beforeEach(async () => { agent = await startSshAgent(); });
  afterEach(() => agent.stop());

  async function keyInAgent(name: string, type: 'ed25519' | 'rsa' | 'ecdsa' = 'ed25519'): Promise<SshKeyFile> {
    const key = await createSshKey(folder.join(name), type);
    await agent.add(key.path);
    return key;
  }

  it.each(['ed25519', 'rsa', 'ecdsa'] as const)('lets it sign (%s)', async (type) => {
    const key = await keyInAgent('id', type);
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identityAgent: agent.socketPath });
    expect(plane.questions.map(({ method }) => method)).toEqual(['verifyHostKey']);
  });

  it('offers configured keys first, then the other keys of the agent, then files', async () => {
    const other = await keyInAgent('other');
    const configured = await keyInAgent('configured');
    const file = await createSshKey(folder.join('file'));
    await startServer({});
    await expectFailure({ identityAgent: agent.socketPath, identities: [identityOf(file), identityOf(configured)] });
    expect(keysOffered()).toEqual([configured.fingerprint, other.fingerprint, file.fingerprint]);
  });

  it('offers no other key than the configured ones when told so', async () => {
    await keyInAgent('other');
    const configured = await keyInAgent('configured');
    await startServer({});
    await expectFailure({ identityAgent: agent.socketPath, identities: [identityOf(configured)], identitiesOnly: true });
    expect(keysOffered()).toEqual([configured.fingerprint]);
  });

  it('names a key that cannot be used', async () => {
    const authority = await createSshKey(folder.join('authority'));
    const key = await createSshKey(folder.join('id'));
    await run('ssh-keygen', ['-q', '-s', authority.path, '-I', 'me', '-n', 'root', `${key.path}.pub`]);
    await agent.add(key.path);
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identityAgent: agent.socketPath });
    expect(plane.log()).toContain('the key culvert-test (agent) cannot be used: it is a certificate, which is not supported');
  });

  it('does without an agent that is missing', async () => {
    const key = await createSshKey(folder.join('id'));
    await startServer({ authorizedKeys: [key.publicKey] });
    await expectLogin({ identityAgent: folder.join('nothing-here'), identities: [identityOf(key)] });
    expect(plane.log()).toContain('no agent');
  });
});

describe.runIf(canCreateTestUser())('a login with secrets', () => {
  let user: TestUser;
  beforeAll(async () => { user = await createTestUser(); });
  afterAll(() => user.remove());

  it('takes a password', async () => {
    await startServer({ allowsPasswords: true });
    answering(user.password);
    await expectLogin({ user: user.name, authenticationMethods: ['password'] });
    const prompt = `${user.name}@${sshd.host}'s password: `;
    expect(login.secretsAsked()).toEqual([{ kind: 'password', attempt: 1, hop: 'test-server', user: user.name, host: sshd.host, port: sshd.port, prompts: [{ prompt, isEchoed: false }] }]);
  });

  it('asks again after a wrong password', async () => {
    await startServer({ allowsPasswords: true });
    answering('wrong', user.password);
    await expectLogin({ user: user.name, authenticationMethods: ['password'] });
    expect(login.secretsAsked().map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('asks as often as configured, and then says what was tried', async () => {
    await startServer({ allowsPasswords: true });
    answering('one', 'two', 'three', 'four');
    const { failure } = await expectFailure({ user: user.name, authenticationMethods: ['password'], numberOfPasswordPrompts: 2 });
    expect(failure).toMatchObject({ code: 'auth-failed', context: { tried: ['password'] } });
    expect(login.secretsAsked()).toHaveLength(2);
    expect(sshd.logText().match(/Failed password/g)).toHaveLength(2);
  });

  it('answers the server\'s own questions', async () => {
    await startServer({ allowsPasswords: true });
    answering('wrong', user.password);
    await expectLogin({ user: user.name, authenticationMethods: ['keyboard-interactive'] });
    expect(login.secretsAsked()).toMatchObject([
      { kind: 'keyboard-interactive', attempt: 1, prompts: [{ prompt: 'Password:', isEchoed: false }] },
      { kind: 'keyboard-interactive', attempt: 2 },
    ]);
  });

  it('ends when a person declines, and tries nothing else', async () => {
    await startServer({ allowsPasswords: true });
    answering();
    const { failure } = await expectFailure({ user: user.name });
    expect(failure).toMatchObject({ code: 'auth-cancelled' });
    expect(login.secretsAsked()).toHaveLength(1);
    expect(sshd.logText()).not.toContain('Failed password');
  });

  it('cancels the question when the forward is stopped', async () => {
    await startServer({ allowsPasswords: true });
    let isCancelled = false;
    plane.answers.needSecret = (_question, signal) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        isCancelled = true;
        reject(new Error('cancelled'));
      });
    });
    const forward = await begin({ user: user.name });
    await plane.until(() => login.secretsAsked().length === 1);
    await plane.stop(forward);
    await plane.until(() => isCancelled);
    expect(plane.of('lost', forward)).toEqual([]);
    await plane.until(() => sshd.logText().includes('Connection closed by') || sshd.logText().includes('disconnect'));
  });

  it('has no timer running while a person is asked', async () => {
    await startServer({ allowsPasswords: true });
    plane.answers.needSecret = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return { isCancelled: false, answers: [user.password] };
    };
    await expectLogin({ user: user.name, authenticationMethods: ['password'], connectTimeoutMs: 1_000 });
  });

  describe('and several factors', () => {
    /** The configuration line that lets the user in with this key; sshd reads the file as that user. */
    async function authorize(key: SshKeyFile): Promise<string> {
      const path = `${user.home}/authorized_keys`;
      await writeFile(path, `${key.publicKey}\n`, { mode: 0o644 });
      return `AuthorizedKeysFile ${path}`;
    }

    it.each(['password', 'keyboard-interactive'] as const)('a key, then %s', async (second) => {
      const key = await createSshKey(folder.join('id'), 'ed25519', PASSPHRASE);
      await startServer({ allowsPasswords: true, extraConfig: [await authorize(key), `AuthenticationMethods publickey,${second}`] });
      answering(PASSPHRASE, 'wrong', user.password);
      await expectLogin({ user: user.name, identities: [identityOf(key)] });
      expect(login.secretsAsked().map(({ kind, attempt }) => [kind, attempt])).toEqual([['passphrase', 1], [second, 1], [second, 2]]);
    });

    it('a password, then a key', async () => {
      const key = await createSshKey(folder.join('id'));
      await startServer({ allowsPasswords: true, extraConfig: [await authorize(key), 'AuthenticationMethods password,publickey'] });
      answering(user.password);
      await expectLogin({ user: user.name, identities: [identityOf(key)] });
    });

    it('two keys', async () => {
      const first = await createSshKey(folder.join('first'));
      const second = await createSshKey(folder.join('second'));
      await startServer({ authorizedKeys: [first.publicKey, second.publicKey], extraConfig: ['AuthenticationMethods publickey,publickey'] });
      await expectLogin({ identities: [identityOf(first), identityOf(second)] });
    });
  });
});

describe('the host key', () => {
  const refusal = { code: 'host-key-mismatch', detail: 'another key is known', context: { line: 7 } } as const;

  async function expectNoLoginBegun(overrides: Partial<SshHop> = {}): Promise<void> {
    const key = await createSshKey(folder.join('id'));
    await startServer({ authorizedKeys: [key.publicKey], extraConfig: ['LogLevel DEBUG3'] });
    plane.answers.verifyHostKey = async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { isAccepted: false, failure: refusal };
    };
    const { failure } = await expectFailure({ identities: [identityOf(key)], ...overrides });
    expect(failure).toEqual(refusal);
    await plane.until(() => /Connection (?:closed|reset)|disconnect/.test(sshd.logText()));
    expect(sshd.logText()).toContain('SSH2_MSG_KEXINIT');
    expect(sshd.logText()).not.toMatch(/userauth|SERVICE_REQUEST|service-request/i);
    expect(plane.questions.map(({ method }) => method)).toEqual(['verifyHostKey']);
  }

  it('is refused before a byte of the login goes out, by an answer that took its time', async () => {
    await expectNoLoginBegun();
  });

  it('is asked for with what is needed to judge it', async () => {
    const key = await createSshKey(folder.join('id'));
    await startServer({ authorizedKeys: [key.publicKey], hostKeyTypes: ['ed25519', 'rsa'] });
    const [type, blob] = sshd.hostKeys[1]!.publicKey.split(' ');
    await expectLogin({ identities: [identityOf(key)], hostKeyAlias: 'alias', hostKeyAlgorithms: ['rsa-sha2-512', 'ssh-ed25519'] });
    expect(plane.questions[0]?.params).toEqual({ hop: 'test-server', host: sshd.host, port: sshd.port, hostKeyAlias: 'alias', address: '127.0.0.1', keyType: type, key: blob });
  });

  it('may be asked about for longer than a connection may take', async () => {
    const key = await createSshKey(folder.join('id'));
    await startServer({ authorizedKeys: [key.publicKey] });
    plane.answers.verifyHostKey = async () => {
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      return { isAccepted: true };
    };
    await expectLogin({ identities: [identityOf(key)], connectTimeoutMs: 1_000 });
  });
});
