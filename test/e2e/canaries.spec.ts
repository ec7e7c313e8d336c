import { readFile, writeFile } from 'node:fs/promises';
import { findFreePort } from '../support/freePort.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { createTestUser } from '../support/testUser.ts';
import { expect, test } from './fixtures.ts';
import { countInLog, firstBytesFrom, GREETING, startGreeter, startSshHost } from './sshHost.ts';
import type { Workbench } from './workbench.ts';

/** Everything that the editor keeps in the browser: the state of the workbench, of extensions, and what is sealed. */
async function browserStores(workbench: Workbench): Promise<string> {
  return workbench.page.evaluate(async () => {
    const texts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.body.textContent];
    const promised = <T>(request: IDBRequest<T>): Promise<T> => new Promise((resolve, reject) => {
      request.onsuccess = () => { resolve(request.result); };
      request.onerror = () => { reject(new Error('no database')); };
    });
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await promised(indexedDB.open(name));
      for (const store of database.objectStoreNames) {
        const values: unknown[] = await promised(database.transaction(store).objectStore(store).getAll());
        texts.push(...values.map((value) => (value instanceof Uint8Array ? new TextDecoder().decode(value) : JSON.stringify(value))));
      }
      database.close();
    }
    return texts.join('\n');
  });
}

test('five secrets are found nowhere: no setting, state, file, tree, message or failure has them', async ({ workbench, own }) => {
  const { vsCode } = workbench;
  const canaries = { passphrase: 'canary-passphrase-6021', password: 'canary-password-7132', answer: 'canary-answer-8243' };
  const key = await createSshKey(`${vsCode.sshFolder}/id_locked`, 'ed25519', canaries.passphrase);
  const user = own(await createTestUser(), (it) => it.remove());
  await writeFile(`${user.home}/authorized_keys`, `${key.publicKey}\n`, { mode: 0o644 });
  const methods = 'AuthenticationMethods publickey,keyboard-interactive publickey,password';
  const sshd = await startSshHost(vsCode, own, {
    alias: 'vault', user: user.name, allowsPasswords: true, extraConfig: [`AuthorizedKeysFile ${user.home}/authorized_keys`, methods],
    sshConfig: [`IdentityFile ${key.path}`, 'NumberOfPasswordPrompts 2'],
  });
  const [greeter, port] = [await startGreeter(own), await findFreePort()];
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(greeter.port)} vault`);
  await workbench.quickInput.answer('Passphrase for a Key', canaries.passphrase);
  await workbench.quickInput.answer(`Asks ${user.name}`, canaries.answer);
  await workbench.quickInput.answer('That was not accepted.', `${canaries.answer}-2`);
  await workbench.quickInput.answer(`Password of ${user.name}`, canaries.password);
  await workbench.quickInput.waitForQuestion('That was not accepted.');
  await workbench.quickInput.type(user.password);
  await workbench.quickInput.pressButton(/^Remember in the Secret Storage/);
  await workbench.quickInput.waitForQuestion('It will be remembered.');
  await workbench.quickInput.accept();
  await workbench.forwards.waitForRow(/listening/);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, `Accepted password for ${user.name}`)).toBe(1);

  // And a login that fails, for what a failure carries.
  await workbench.forwards.clickContextMenu((row) => row.level === 1, 'Restart');
  await workbench.quickInput.answer('Passphrase for a Key', canaries.passphrase);
  await workbench.quickInput.waitForQuestion(`Asks ${user.name}`);
  await workbench.quickInput.cancel();
  await workbench.forwards.waitForRow(/login cancelled/);
  const api = await vsCode.evaluate<string>('return JSON.stringify(api.forwards)');

  const privateKey = (await readFile(key.path, 'utf8')).split('\n')[2] ?? '';
  const stores = await browserStores(workbench);
  // What has to be found shows that the search looks at the right places. Where the editor's server has no native logger
  // it writes no log; what is logged is judged in test/integration/planeSecrets.test.ts.
  expect(await vsCode.filesWith(`${String(port)}:127.0.0.1`)).toContain(vsCode.settingsFile);
  expect(api).toContain('auth-cancelled');
  expect(stores).toContain('secret');
  for (const secret of [...Object.values(canaries), user.password, privateKey]) {
    expect(await vsCode.filesWith(secret), 'files').toEqual([]);
    expect(stores.includes(secret), 'the stores of the browser, and the page').toBe(false);
    expect(workbench.consoleText().includes(secret), 'the console').toBe(false);
    expect(api.includes(secret), 'the failure').toBe(false);
    expect(vsCode.output().includes(secret), 'the server').toBe(false);
  }
});
