import * as vscode from 'vscode';
import { formatCount } from './format.ts';
import { forwardOfSecret } from './proxyLogins.ts';
import type { SecretVault } from './secretVault.ts';

interface SecretItem extends vscode.QuickPickItem {
  readonly key: string;
}

/** The title of a forward; undefined when there is none with that id. */
export type TitleOfForward = (id: string) => string | undefined;

/** Lets the user choose the servers, keys and proxies whose saved secrets are to be forgotten. */
export async function forgetSecrets(vault: SecretVault, titleOfForward: TitleOfForward): Promise<void> {
  const keys = await vault.keys();
  if (keys.length === 0) {
    sayThatThereAreNone();
    return;
  }
  const items = await Promise.all(keys.map((key) => itemOf(vault, key, titleOfForward)));
  const chosen = await vscode.window.showQuickPick(items, {
    title: 'Forget Saved Secrets', canPickMany: true, matchOnDescription: true, placeHolder: 'Choose the servers, keys and proxies whose secrets are to be forgotten',
  });
  for (const { key } of chosen ?? []) await vault.forget(key);
}

/** Forgets every saved secret, after asking. */
export async function forgetAllSecrets(vault: SecretVault): Promise<void> {
  const keys = await vault.keys();
  if (keys.length === 0) {
    sayThatThereAreNone();
    return;
  }
  const question = `Forget ${formatCount(keys.length, 'saved secret')}?`;
  const detail = 'Passwords and passphrases that you let Culvert remember will be asked for again.';
  const chosen = await vscode.window.showWarningMessage(question, { modal: true, detail }, 'Forget All');
  if (chosen === 'Forget All') for (const key of await vault.keys()) await vault.forget(key);
}

/** The server, the key file or the proxy first, since that is what is looked for; then what is kept for it. */
async function itemOf(vault: SecretVault, key: string, titleOfForward: TitleOfForward): Promise<SecretItem> {
  const forward = forwardOfSecret(key);
  if (forward !== undefined) return { key, label: titleOfForward(forward) ?? 'A forward that is gone', description: 'password of its proxy' };
  const { kind = 'secret', subject = key } = /^(?<kind>password|passphrase) for (?<subject>.+)$/s.exec(key)?.groups ?? {};
  const isRefused = (await vault.get(key))?.isRefused === true;
  return { key, label: subject, description: isRefused ? `${kind}, refused the last time` : kind };
}

function sayThatThereAreNone(): void {
  void vscode.window.showInformationMessage('Culvert remembers no password and no passphrase.');
}
