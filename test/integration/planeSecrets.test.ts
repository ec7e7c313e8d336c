import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { PromptQueue } from '../../src/ui/promptQueue.ts';
import type { Secret, SecretOptions } from '../../src/ui/quickInput.ts';
import { SecretQuestions } from '../../src/ui/secretQuestions.ts';
import { SecretVault } from '../../src/ui/secretVault.ts';
import { LoginSetup } from '../support/loginSetup.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { hopTo, identityOf, targetOf } from '../support/planeTargets.ts';
import { fixed, here } from '../support/poles.ts';
import { run } from '../support/processes.ts';
import { createPuttyKey, type PuttyKeyFile } from '../support/puttyKeys.ts';
import type { Sshd, SshdOptions } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, serve, type TestServer } from '../support/tcpPeers.ts';
import type { TemporaryFolder } from '../support/temporaryFolder.ts';
import { canCreateTestUser, createTestUser, type TestUser } from '../support/testUser.ts';

const LISTEN = here({ host: '127.0.0.1', port: 0 });

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

/** Starts a forward and gives the code of what it ended with, or `up`. */
async function outcomeOf(overrides: Partial<SshHop>): Promise<string> {
  const forward = await plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: LISTEN, target: targetOf(hopTo(sshd, overrides)) });
  await plane.until(() => plane.of('up', forward).length > 0 || plane.of('lost', forward).length > 0);
  const outcome = plane.of('lost', forward)[0]?.failure.code ?? 'up';
  await plane.stop(forward);
  return outcome;
}

/** The control side's questions over a vault of its own, as the extension joins them. */
class Control {
  readonly boxes: SecretOptions[] = [];
  readonly kept = new Map<string, string>();
  readonly vault = new SecretVault({
    get: async (key: string) => this.kept.get(key),
    store: async (key: string, value: string) => { this.kept.set(key, value); },
    delete: async (key: string) => { this.kept.delete(key); },
  } as unknown as ConstructorParameters<typeof SecretVault>[0]);
  typed: (Secret | undefined)[] = [];

  /** As after a start of the editor: what was in memory is gone. */
  join(client: PlaneClient): void {
    const questions = new SecretQuestions(this.vault, new PromptQueue(), async (options) => {
      this.boxes.push(options);
      return this.typed.shift();
    });
    client.answers.needSecret = (question, signal) => questions.answer(question, signal);
    client.onEvent = (event) => {
      if (event.name === 'passwordAnswered') void questions.onPasswordAnswered(event.payload);
      if (event.name === 'loggedIn') void questions.onLoggedIn(event.payload);
    };
  }
}

describe.runIf(canCreateTestUser())('a remembered password that is wrong', () => {
  let user: TestUser;
  beforeAll(async () => { user = await createTestUser(); });
  afterAll(() => user.remove());

  it.each([
    ['asks again', [], 3, ['auth-cancelled', 'auth-cancelled']],
    ['has one prompt', [], 1, ['auth-failed', 'auth-cancelled']],
    ['hangs up', ['MaxAuthTries 1'], 3, ['auth-failed', 'auth-cancelled']],
  ] as const)('goes once to a server that %s, and never again by itself', async (_, extraConfig, numberOfPasswordPrompts, outcomes) => {
    await startServer({ allowsPasswords: true, extraConfig });
    const control = new Control();
    const hop = { user: user.name, authenticationMethods: ['password'], numberOfPasswordPrompts } as const;
    const key = `password for test-server, ${user.name}@${sshd.host}:${String(sshd.port)}`;
    await control.vault.put(key, 'out of date');
    for (const outcome of outcomes) {
      control.join(plane);
      expect(await outcomeOf(hop)).toBe(outcome);
    }
    expect(sshd.logText().match(/Failed password/g)).toHaveLength(1);
    expect(control.boxes.at(-1)?.prompt).toMatch(/^The remembered password was refused\. /);
    expect(await control.vault.get(key)).toEqual({ secret: 'out of date', isRefused: true });

    control.join(plane);
    control.typed = [{ text: user.password, isRemembered: true }];
    expect(await outcomeOf(hop)).toBe('up');
    await plane.until(() => control.kept.get(`secret:${key}`) === user.password);
    expect(await outcomeOf(hop)).toBe('up');
    expect(control.typed).toEqual([]);
    expect(control.boxes).toHaveLength(outcomes.filter((outcome) => outcome === 'auth-cancelled').length + 1);
    expect(sshd.logText().match(/Failed password/g)).toHaveLength(1);
  });
});

describe.runIf(canCreateTestUser())('five secrets', () => {
  let user: TestUser;
  beforeAll(async () => { user = await createTestUser(); });
  afterAll(() => user.remove());

  it('are in no log line, no event and no failure, at any level', async () => {
    const canaries = { passphrase: 'canary-passphrase-1', password: 'canary-password-2', answer: 'canary-answer-3', saved: 'canary-saved-4' };
    const locked = await createSshKey(folder.join('locked'), 'ed25519', canaries.passphrase);
    await startServer({ allowsPasswords: true, authorizedKeys: [locked.publicKey] });
    const control = new Control();
    await control.vault.put(`password for test-server, ${user.name}@${sshd.host}:${String(sshd.port)}`, canaries.saved);
    control.join(plane);
    const type = (...texts: string[]): void => { control.typed = texts.map((text) => ({ text, isRemembered: true })); };

    type(canaries.passphrase);
    expect(await outcomeOf({ identities: [identityOf(locked)] })).toBe('up');
    type(canaries.answer);
    expect(await outcomeOf({ user: user.name, authenticationMethods: ['keyboard-interactive'], numberOfPasswordPrompts: 1 })).toBe('auth-failed');
    type(canaries.password);
    expect(await outcomeOf({ user: user.name, authenticationMethods: ['password'], numberOfPasswordPrompts: 2 })).toBe('auth-failed');
    await plane.until(() => control.kept.size > 0);

    const privateKey = (await readFile(locked.path, 'utf8')).split('\n')[2]!;
    const told = JSON.stringify([plane.events, control.boxes, plane.questions]);
    expect(plane.payloads('log').length).toBeGreaterThan(0);
    expect(sshd.logText().match(/Failed password/g)).toHaveLength(2);
    for (const secret of [...Object.values(canaries), privateKey]) expect(told).not.toContain(secret);
  });
});

describe('a passphrase', () => {
  const PASSPHRASE = 'correct horse';
  let echo: TestServer;
  beforeAll(async () => { echo = await serve((socket) => { socket.pipe(socket); }); });
  afterAll(() => echo.close());

  async function bcryptKey(): Promise<Pick<SshKeyFile, 'path' | 'publicKey'>> {
    const key = await createSshKey(folder.join('locked'), 'ed25519', PASSPHRASE);
    await run('ssh-keygen', ['-q', '-p', '-a', '40', '-P', PASSPHRASE, '-N', PASSPHRASE, '-f', key.path]);
    return key;
  }

  const argon2Key = (): Promise<PuttyKeyFile> => createPuttyKey(folder.join('locked.ppk'), { passphrase: PASSPHRASE, parameters: ['memory=8192', 'passes=34'] });

  it.each([['bcrypt', bcryptKey], ['Argon2', argon2Key]] as const)('is stretched with %s while bytes of other forwards go on', async (_name, createLocked) => {
    const open = await createSshKey(folder.join('open'));
    const locked = await createLocked();
    await startServer({ authorizedKeys: [open.publicKey, locked.publicKey] });
    const { port } = await plane.forward({ host: '127.0.0.1', port: echo.port }, targetOf(hopTo(sshd, { identities: [identityOf(open)] })));
    const socket = await dial(port);
    const happened: string[] = [];
    plane.answers.needSecret = async ({ attempt }) => {
      happened.push(`asked ${String(attempt)}`);
      return { isCancelled: false, answers: [attempt === 1 ? 'wrong' : PASSPHRASE] };
    };
    const second = await plane.begin({ connect: fixed({ host: '127.0.0.1', port: echo.port }), listen: LISTEN, target: targetOf(hopTo(sshd, { identities: [{ path: locked.path, publicKey: locked.publicKey.split(' ')[1]! }] })) });
    await plane.until(() => happened.length === 1);
    for (let round = 1; round <= 20; round += 1) {
      socket.write('ping');
      await new Promise((resolve) => { socket.once('data', resolve); });
    }
    happened.push('bytes went through');
    await plane.untilUp(second);
    expect(happened).toEqual(['asked 1', 'bytes went through', 'asked 2']);
    socket.destroy();
  });

  it.each([['PKCS8', 'rsa'], ['PEM', 'ecdsa']] as const)('opens a key in %s (%s)', async (format, type) => {
    const key = await createSshKey(folder.join('id'), type, PASSPHRASE);
    await run('ssh-keygen', ['-q', '-p', '-m', format, '-P', PASSPHRASE, '-N', PASSPHRASE, '-f', key.path]);
    await startServer({ authorizedKeys: [key.publicKey] });
    plane.answers.needSecret = async ({ attempt }) => ({ isCancelled: false, answers: [attempt === 1 ? 'wrong' : PASSPHRASE] });
    expect(await outcomeOf({ identities: [identityOf(key, false)] })).toBe('up');
  });

  it('that is empty means the next key, as with ssh', async () => {
    const locked = await createSshKey(folder.join('locked'), 'ed25519', PASSPHRASE);
    const open = await createSshKey(folder.join('open'));
    await startServer({ authorizedKeys: [locked.publicKey, open.publicKey] });
    plane.answers.needSecret = async () => ({ isCancelled: false, answers: [''] });
    expect(await outcomeOf({ identities: [identityOf(locked), identityOf(open)] })).toBe('up');
    expect(login.secretsAsked()).toHaveLength(1);
    expect(plane.log()).toContain(`the key ${locked.path} cannot be used: no passphrase was given`);
  });

  it('that is being stretched is dropped when the forward is stopped', async () => {
    const locked = await createSshKey(folder.join('locked'), 'ed25519', PASSPHRASE);
    await startServer({ authorizedKeys: [locked.publicKey] });
    plane.answers.needIdentity = async ({ path }) => ({ privateKey: endless(await readFile(path, 'latin1')) });
    let isAnswered = false;
    plane.answers.needSecret = async () => {
      isAnswered = true;
      return { isCancelled: false, answers: [PASSPHRASE] };
    };
    const threads = countThreads();
    const forward = await plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: LISTEN, target: targetOf(hopTo(sshd, { identities: [identityOf(locked)] })) });
    await plane.until(() => isAnswered && countThreads() > threads);
    await plane.stop(forward);
    await plane.until(() => countThreads() <= threads);
  });
});

/** The same key with so many rounds of bcrypt that no test sees their end (PROTOCOL.key, section 2). */
function endless(text: string): string {
  const lines = text.trim().split('\n');
  const bytes = Buffer.from(lines.slice(1, -1).join(''), 'base64');
  const afterKdf = bytes.indexOf('bcrypt') + 'bcrypt'.length;
  // The length of the options, the length of the salt, the salt.
  bytes.writeUInt32BE(0x7f_ff_ff_ff, afterKdf + 4 + 4 + bytes.readUInt32BE(afterKdf + 4));
  return [lines[0], bytes.toString('base64'), lines.at(-1)].join('\n');
}

function countThreads(): number {
  return readdirSync('/proc/self/task').length;
}
