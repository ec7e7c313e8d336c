import * as vscode from 'vscode';
import type { HostKeyVerdict } from '../openssh/hostKeyCheck.ts';
import type { HostKeyQuestion } from '../protocol/messages.ts';

const TRUST = 'Trust and Connect';
const COMPARE = 'Compare a Fingerprint…';

/** Shows an unknown host key. Enter compares, only a deliberate click trusts, everything else is a no. */
export async function askTrust(question: HostKeyQuestion, verdict: HostKeyVerdict, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    const chosen = await vscode.window.showWarningMessage(titleFor(question), { modal: true, detail: detailFor(verdict) }, COMPARE, TRUST);
    if (signal.aborted) return false;
    if (chosen === TRUST) return true;
    if (chosen !== COMPARE) return false;
    if (await isConfirmed(verdict)) return true;
  }
}

function titleFor({ hop, host, port, address }: HostKeyQuestion): string {
  const at = port === 22 ? host : `${host}:${String(port)}`;
  const where = address === undefined || address === host ? at : `${at}, ${address}`;
  return hop === host || hop === at ? `The authenticity of ${where} cannot be established.` : `The authenticity of ${hop} (${where}) cannot be established.`;
}

function detailFor({ keyType, fingerprint, others, appendTo }: HostKeyVerdict): string {
  const known = others.map((key) => `Known for it: ${key.keyType} ${key.fingerprint} (${key.file}, line ${String(key.line)})`);
  const kept = appendTo === undefined ? 'The key will not be remembered.' : `If you trust it, it is added to ${appendTo}.`;
  return [`It shows this ${displayType(keyType)} key, which is not in known_hosts:`, '', fingerprint, '', ...known,
    'Ask whoever runs the server whether this is its fingerprint. Nothing is sent before you decide.', kept].join('\n');
}

async function isConfirmed({ fingerprint }: HostKeyVerdict): Promise<boolean> {
  const text = await vscode.window.showInputBox({
    title: 'Compare a Fingerprint',
    prompt: 'Paste the fingerprint that you were given. If it is the same, the key is trusted.',
    placeHolder: 'SHA256:…',
    ignoreFocusOut: true,
    validateInput: (value) => (value.trim() === '' || normalised(value) === normalised(fingerprint) ? undefined : `This is not the fingerprint of the server's key, which is ${fingerprint}.`),
  });
  return text !== undefined && normalised(text) === normalised(fingerprint);
}

/** With or without the name of the hash, with or without padding. */
function normalised(fingerprint: string): string {
  return fingerprint.trim().replace(/^SHA256:/i, '').replace(/=+$/, '');
}

function displayType(keyType: string): string {
  return keyType.replace(/^ssh-/, '').replace(/^ecdsa-sha2-.*/, 'ecdsa').toUpperCase();
}
