import { describe, expect, it, vi } from 'vitest';
import { EventEmitter } from '../../../src/core/event.ts';
import type { HostKeyVerdict } from '../../../src/openssh/hostKeyCheck.ts';
import { fingerprint } from '../../../src/openssh/keyBlob.ts';
import type { HostKeyQuestion } from '../../../src/protocol/messages.ts';
import { askTrust } from '../../../src/ui/trustDialog.ts';
import { trustPlaceholder, trustRows, trustTitle } from '../../../src/ui/trustRows.ts';

/** The editor's box, in the hands of the test. */
class FakePick {
  title = '';
  value = '';
  items: readonly { readonly label: string }[] = [];
  selectedItems: readonly { readonly label: string }[] = [];
  isOpen = false;
  readonly #changes = new EventEmitter<string>();
  readonly #accepts = new EventEmitter<void>();
  readonly #hides = new EventEmitter<void>();
  readonly onDidChangeValue = this.#changes.event;
  readonly onDidAccept = this.#accepts.event;
  readonly onDidHide = this.#hides.event;

  show(): void {
    this.isOpen = true;
  }

  dispose(): void {
    this.isOpen = false;
  }

  type(text: string): void {
    this.value = text;
    this.#changes.fire(text);
  }

  accept(row = 0): void {
    this.selectedItems = this.items.slice(row, row + 1);
    this.#accepts.fire();
  }

  hide(): void {
    this.#hides.fire();
  }
}

const editor = vi.hoisted((): { pick: unknown; opened: string[] } => ({ pick: undefined, opened: [] }));
vi.mock('vscode', () => ({
  Position: Object,
  Range: Object,
  Uri: { file: (path: string) => path },
  window: {
    createQuickPick: () => editor.pick,
    showTextDocument: async (path: string) => { editor.opened.push(path); },
  },
}));

const KEY = Buffer.from('the key blob').toString('base64');
const QUESTION: HostKeyQuestion = { hop: 'vault', host: 'vault.example', port: 2222, address: '192.0.2.7', keyType: 'ssh-ed25519', key: KEY };
const VERDICT: HostKeyVerdict = {
  status: 'unknown', fingerprint: fingerprint(KEY), keyType: 'ssh-ed25519', others: [], aliases: [], authorities: [], strictness: 'ask', name: '[vault.example]:2222',
  appendTo: '/home/me/.ssh/known_hosts', isHashed: false,
};
const never = new AbortController().signal;

function ask(signal = never, verdict = VERDICT): { pick: FakePick; answer: Promise<boolean> } {
  const pick = new FakePick();
  editor.pick = pick;
  return { pick, answer: askTrust(QUESTION, verdict, signal) };
}

describe('the question about an unknown host key', () => {
  it('says no to Enter and to Escape', async () => {
    const first = ask();
    first.pick.accept();
    expect(await first.answer).toBe(false);
    const second = ask();
    second.pick.hide();
    expect(await second.answer).toBe(false);
    expect(second.pick.isOpen).toBe(false);
  });

  it('says yes to the row that says so, and to the fingerprint of the key', async () => {
    const first = ask();
    first.pick.accept(1);
    expect(await first.answer).toBe(true);
    const second = ask();
    second.pick.type(` ${VERDICT.fingerprint} `);
    second.pick.accept();
    expect(await second.answer).toBe(true);
  });

  it('does nothing with another fingerprint but say so; the row below is a no', async () => {
    const { pick, answer } = ask();
    pick.type('SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA');
    expect(pick.items.map(({ label }) => label)).toEqual(['$(error) This Is Not Its Fingerprint', '$(circle-slash) Do Not Connect']);
    expect(pick.items[0]).toMatchObject({ detail: `The server shows ED25519 ${VERDICT.fingerprint}` });
    pick.accept();
    expect(pick.isOpen).toBe(true);
    pick.accept(1);
    expect(await answer).toBe(false);
  });

  it('does not take a yes that stood there for what was typed before', async () => {
    const { pick, answer } = ask();
    pick.type(VERDICT.fingerprint);
    pick.value = 'something else';
    pick.accept();
    pick.value = VERDICT.fingerprint;
    pick.selectedItems = [{ label: '$(key) Trust and Connect' }];
    pick.hide();
    expect(await answer).toBe(false);
  });

  it('goes away, as a no, when nobody waits for the answer any more', async () => {
    const controller = new AbortController();
    const { pick, answer } = ask(controller.signal);
    expect(pick.isOpen).toBe(true);
    controller.abort();
    expect(await answer).toBe(false);
    expect(pick.isOpen).toBe(false);
    expect(await ask(AbortSignal.abort()).answer).toBe(false);
  });

  it('shows the line of known_hosts that a row is about, and stays', async () => {
    const { pick, answer } = ask(never, { ...VERDICT, aliases: [{ names: 'db', file: '/kh', line: 3 }] });
    pick.accept(2);
    expect(editor.opened).toEqual(['/kh']);
    expect(pick.isOpen).toBe(true);
    pick.hide();
    expect(await answer).toBe(false);
  });
});

describe('what it shows', () => {
  it.each<[Partial<HostKeyQuestion>, string]>([
    [{}, 'Unknown Host Key of vault (vault.example:2222, 192.0.2.7)'],
    [{ hop: 'vault.example', port: 22 }, 'Unknown Host Key of vault.example (192.0.2.7)'],
    [{ hop: 'vault.example' }, 'Unknown Host Key of vault.example:2222 (192.0.2.7)'],
    [{ hop: '192.0.2.7', host: '192.0.2.7', port: 22 }, 'Unknown Host Key of 192.0.2.7'],
    [{ hop: 'six', host: '2001:db8::7', address: '2001:db8::7' }, 'Unknown Host Key of six ([2001:db8::7]:2222)'],
  ])('names the server: %j', (changes, title) => {
    expect(trustTitle({ ...QUESTION, ...changes })).toBe(title);
  });

  it('says why it is asked where nobody has just started anything', () => {
    expect(trustPlaceholder(QUESTION)).toBe('Paste the fingerprint that you were given, to compare it');
    expect(trustPlaceholder({ ...QUESTION, onDemandAt: '127.0.0.1:5432' })).toMatch(/^A program has connected to 127\.0\.0\.1:5432\. Paste /);
  });

  it('is the type and the fingerprint, and what becomes of the key', () => {
    expect(trustRows('', QUESTION, VERDICT)[1]).toMatchObject({
      label: '$(key) Trust and Connect', description: 'will be added to /home/me/.ssh/known_hosts', detail: `ED25519 ${VERDICT.fingerprint}`,
    });
    const { appendTo: _, ...unkept } = VERDICT;
    expect(trustRows('', QUESTION, { ...unkept, keyType: 'ecdsa-sha2-nistp256' })[1]).toMatchObject({ description: 'will not be remembered', detail: `ECDSA ${VERDICT.fingerprint}` });
  });

  it('is what else known_hosts says: other names of the key, other keys of the host, authorities', () => {
    const place = { file: '/kh', line: 3 };
    const other = { keyType: 'ssh-rsa', fingerprint: 'SHA256:x', ...place };
    const rows = trustRows('', QUESTION, { ...VERDICT, aliases: [{ names: '$(key)db', ...place }, { names: undefined, ...place }], others: [other], authorities: [other] });
    expect(rows.slice(2).map(({ label, detail }) => [label, detail])).toEqual([
      ['$(info) The same key is known as $ (key)db', '/kh, line 3'],
      ['$(info) The same key is known as another host, whose name is hashed', '/kh, line 3'],
      ['$(info) Known for port 22 of this host: RSA SHA256:x', '/kh, line 3'],
      ['$(info) A certificate authority is known for this host, but host certificates are not supported', '/kh, line 3'],
    ]);
    expect(rows.slice(2).every(({ isTrusted }) => isTrusted === undefined)).toBe(true);
  });
});
