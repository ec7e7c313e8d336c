import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SshIdentity } from '../../src/core/sshTarget.ts';
import { findIdentities } from '../../src/openssh/identityFiles.ts';
import type { SecretAnswer } from '../../src/protocol/messages.ts';
import { LoginSetup } from '../support/loginSetup.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { hopTo, targetOf } from '../support/planeTargets.ts';
import { fixed, here } from '../support/poles.ts';
import { createPuttyKey, type PuttyKeyFile } from '../support/puttyKeys.ts';
import { run } from '../support/processes.ts';
import { startSshAgent } from '../support/sshAgent.ts';
import type { Sshd } from '../support/sshd.ts';
import type { TemporaryFolder } from '../support/temporaryFolder.ts';

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

async function startServer(...keys: readonly PuttyKeyFile[]): Promise<void> {
  sshd = await login.startServer({ authorizedKeys: keys.map(({ publicKey }) => publicKey) });
}

/** The identities as they are found on disk, with the public keys that the files tell. */
async function identitiesOf(...keys: readonly { readonly path: string }[]): Promise<readonly SshIdentity[]> {
  return (await findIdentities(keys.map(({ path }) => ({ configured: path, path })))).identities;
}

function answering(...answers: readonly string[]): void {
  const left = [...answers];
  plane.answers.needSecret = async (): Promise<SecretAnswer> => ({ isCancelled: false, answers: [left.shift() ?? ''] });
}

async function expectLogin(identities: readonly SshIdentity[], identityAgent?: string): Promise<void> {
  const target = targetOf(hopTo(sshd, { identities, ...(identityAgent === undefined ? {} : { identityAgent }) }));
  const forward = await plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: here(LISTEN), target });
  await plane.untilUp(forward);
  expect(plane.payloads('loggedIn')).toMatchObject([{ user: sshd.userName, host: sshd.host, port: sshd.port }]);
  await plane.stop(forward);
}

async function expectFailure(identities: readonly SshIdentity[]): Promise<{ code: string; context: object }> {
  const forward = await plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: here(LISTEN), target: targetOf(hopTo(sshd, { identities })) });
  const { failure } = await plane.untilLost(forward);
  await plane.stop(forward);
  return failure;
}

describe('a login with a key of PuTTY', () => {
  const EVERY = (['rsa', 'nistp256', 'nistp384', 'nistp521', 'ed25519'] as const).flatMap((type) => [2, 3].map((version) => [type, version] as const));

  it.each(EVERY)('lets in: %s in version %i', async (type, version) => {
    const key = await createPuttyKey(folder.join('id.ppk'), { type, parameters: [`version=${version}`] });
    await startServer(key);
    await expectLogin(await identitiesOf(key));
    expect(login.secretsAsked()).toEqual([]);
  });

  it.each([2, 3])('asks for the passphrase only when the server accepts the key (version %i)', async (version) => {
    const [refused, accepted] = await Promise.all(['refused', 'accepted'].map((name) =>
      createPuttyKey(folder.join(`${name}.ppk`), { type: 'rsa', passphrase: PASSPHRASE, parameters: [`version=${version}`] })));
    await startServer(accepted!);
    answering(PASSPHRASE);
    await expectLogin(await identitiesOf(refused!, accepted!));
    expect(login.secretsAsked()).toMatchObject([{ kind: 'passphrase', attempt: 1, path: accepted!.path, prompts: [{ prompt: `Enter passphrase for key '${accepted!.path}': ` }] }]);
  });

  it('as puttygen writes it unless told otherwise, whether its public key was read before or not', async () => {
    const key = await createPuttyKey(folder.join('id.ppk'), { passphrase: PASSPHRASE, parameters: ['memory=8192', 'time=100'] });
    await startServer(key);
    answering(PASSPHRASE);
    await expectLogin([{ path: key.path }]);
    expect(login.secretsAsked()).toHaveLength(1);
  });

  it('asks three times, then goes on with the next key and says why', async () => {
    const locked = await createPuttyKey(folder.join('locked.ppk'), { passphrase: PASSPHRASE });
    const open = await createPuttyKey(folder.join('open.ppk'), {});
    await startServer(locked, open);
    answering('one', 'two', 'three', PASSPHRASE);
    await expectLogin(await identitiesOf(locked, open));
    expect(login.secretsAsked().map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(plane.log()).toContain(`the key ${locked.path} cannot be used: no passphrase fitted`);
  });

  it('asks again after a wrong passphrase', async () => {
    const key = await createPuttyKey(folder.join('id.ppk'), { passphrase: PASSPHRASE });
    await startServer(key);
    answering('wrong', PASSPHRASE);
    await expectLogin(await identitiesOf(key));
    expect(login.secretsAsked().map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  it('does not ask again for a file that is damaged, and names it', async () => {
    const key = await createPuttyKey(folder.join('id.ppk'), { passphrase: PASSPHRASE });
    await writeFile(key.path, (await readFile(key.path, 'latin1')).replace('Comment: culvert-test', 'Comment: another'));
    await startServer(key);
    answering(PASSPHRASE);
    const reason = `${key.path}: it is damaged: its MAC does not fit what it holds`;
    expect(await expectFailure(await identitiesOf(key))).toMatchObject({ code: 'auth-failed', context: { unusable: [reason] } });
    expect(login.secretsAsked()).toHaveLength(1);
  });

  it('lets the agent sign that holds it, and asks for nothing', async () => {
    const agent = await startSshAgent();
    try {
      const key = await createPuttyKey(folder.join('id.ppk'), {});
      await run('puttygen', [key.path, '-O', 'private-openssh', '-o', folder.join('id')]);
      await agent.add(folder.join('id'));
      await createPuttyKey(folder.join('other.ppk'), {});
      await writeFile(`${key.path}.phrase`, PASSPHRASE);
      await run('puttygen', [key.path, '--reencrypt', '--new-passphrase', `${key.path}.phrase`, '-o', key.path]);
      await startServer(key);
      await expectLogin(await identitiesOf({ path: folder.join('other.ppk') }, key), agent.socketPath);
      expect(login.secretsAsked()).toEqual([]);
      expect(plane.log()).toContain('offering the key culvert-test (agent)');
      expect(plane.log()).not.toContain('offering the key /');
    } finally {
      await agent.stop();
    }
  });
});
