import * as vscode from 'vscode';
import type { SecretVault } from './secretVault.ts';

/** Lets the user choose which remembered passwords and passphrases to forget. */
export async function forgetSecrets(vault: SecretVault): Promise<void> {
  const keys = await vault.keys();
  if (keys.length === 0) {
    void vscode.window.showInformationMessage('Culvert remembers no password and no passphrase.');
    return;
  }
  const chosen = await vscode.window.showQuickPick([...keys], { title: 'Forget Remembered Passwords', canPickMany: true, placeHolder: 'Choose what to forget' });
  for (const key of chosen ?? []) await vault.forget(key);
}
