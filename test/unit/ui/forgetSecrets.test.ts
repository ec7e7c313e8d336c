import { beforeEach, describe, expect, it, vi } from 'vitest';
import { forgetAllSecrets, forgetSecrets } from '../../../src/ui/forgetSecrets.ts';
import { SecretVault } from '../../../src/ui/secretVault.ts';

interface Item {
  readonly label: string;
  readonly description: string;
}

const editor = vi.hoisted(() => ({
  shown: [] as unknown[][],
  pick: (_items: readonly unknown[]): unknown => undefined,
  button: undefined as string | undefined,
}));

vi.mock('vscode', () => ({
  window: {
    showInformationMessage: async (...message: unknown[]) => { editor.shown.push(message); },
    showWarningMessage: async (...message: unknown[]) => {
      editor.shown.push(message);
      return editor.button;
    },
    showQuickPick: async (items: readonly unknown[], ...rest: unknown[]) => {
      editor.shown.push([items, ...rest]);
      return editor.pick(items);
    },
  },
}));

const BASTION = 'password for bastion, me@10.0.0.1:22';
const INNER = 'password for inner, me@10.0.0.1:22';
const KEY = 'passphrase for /home/me/.ssh/id for work';

async function vaultWith(...keys: readonly string[]): Promise<SecretVault> {
  const kept = new Map<string, string>();
  const vault = new SecretVault({
    get: async (key: string) => kept.get(key),
    store: async (key: string, value: string) => { kept.set(key, value); },
    delete: async (key: string) => { kept.delete(key); },
  } as unknown as ConstructorParameters<typeof SecretVault>[0]);
  for (const key of keys) await vault.put(key, 'geheim');
  return vault;
}

const titleOf = (id: string): string | undefined => (id === 'there' ? 'office' : undefined);

beforeEach(() => {
  editor.shown.length = 0;
  editor.button = undefined;
});

describe('forgetting saved secrets', () => {
  it('offers them by server and key, and forgets what is chosen, with the mark that it was refused', async () => {
    const vault = await vaultWith(BASTION, INNER, KEY);
    await vault.markRefused(INNER);
    editor.pick = (items) => (items as readonly Item[]).filter(({ label }) => label.startsWith('inner'));
    await forgetSecrets(vault, titleOf);
    expect((editor.shown[0]?.[0] as readonly Item[]).map(({ label, description }) => [label, description])).toEqual([
      ['bastion, me@10.0.0.1:22', 'password'],
      ['inner, me@10.0.0.1:22', 'password, refused the last time'],
      ['/home/me/.ssh/id for work', 'passphrase'],
    ]);
    expect(JSON.stringify(editor.shown)).not.toContain('geheim');
    expect(await vault.keys()).toEqual([BASTION, KEY]);
    await vault.put(INNER, 'new');
    expect(await vault.get(INNER)).toEqual({ secret: 'new', isRefused: false });
  });

  it('names the proxy that a password is for', async () => {
    editor.pick = (items) => items;
    const vault = await vaultWith('proxy password for there', 'proxy password for gone');
    await forgetSecrets(vault, titleOf);
    expect((editor.shown[0]?.[0] as readonly Item[]).map(({ label, description }) => [label, description])).toEqual([
      ['office', 'password of its proxy'], ['A forward that is gone', 'password of its proxy'],
    ]);
    expect(await vault.keys()).toEqual([]);
  });

  it('forgets nothing when nothing is chosen', async () => {
    const vault = await vaultWith(BASTION);
    editor.pick = () => undefined;
    await forgetSecrets(vault, titleOf);
    expect(await vault.keys()).toEqual([BASTION]);
  });

  it.each([['Forget All', []], [undefined, [BASTION, KEY]]])('forgets all of them once that is confirmed: %s', async (button, left) => {
    const vault = await vaultWith(BASTION, KEY);
    editor.button = button;
    await forgetAllSecrets(vault);
    expect(editor.shown[0]?.[0]).toBe('Forget 2 saved secrets?');
    expect(await vault.keys()).toEqual(left);
  });

  it.each([(vault: SecretVault) => forgetSecrets(vault, titleOf), forgetAllSecrets])('says when there are none: %o', async (forget) => {
    await forget(await vaultWith());
    expect(editor.shown).toEqual([['Culvert remembers no password and no passphrase.']]);
  });
});
