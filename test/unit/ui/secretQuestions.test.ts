import { describe, expect, it } from 'vitest';
import type { SecretQuestion } from '../../../src/protocol/messages.ts';
import type { Vault } from '../../../src/ui/automaticSecrets.ts';
import { PromptQueue } from '../../../src/ui/promptQueue.ts';
import type { Secret, SecretOptions } from '../../../src/ui/quickInput.ts';
import { SecretQuestions } from '../../../src/ui/secretQuestions.ts';
import { SecretVault } from '../../../src/ui/secretVault.ts';
import { deferred } from './samples.ts';

const never = new AbortController().signal;
const LOGIN = { hop: 'bastion', user: 'me', host: 'bastion.example', port: 22 };
const PASSWORD: SecretQuestion = { kind: 'password', ...LOGIN, attempt: 1, prompts: [{ prompt: 'Password: ', isEchoed: false }] };
const PASSPHRASE: SecretQuestion = { ...PASSWORD, kind: 'passphrase', path: '/home/me/.ssh/id' };
const CODE: SecretQuestion = {
  ...PASSWORD, kind: 'keyboard-interactive', name: 'Two factors', instructions: 'Open your app.',
  prompts: [{ prompt: 'User: ', isEchoed: true }, { prompt: 'Code: ', isEchoed: false }],
};

function setup(answers: readonly (Secret | undefined)[] = [], vault: Vault & Pick<ReturnType<typeof createVault>, 'kept' | 'refused'> = createVault()) {
  const boxes: SecretOptions[] = [];
  const left = [...answers];
  const questions = new SecretQuestions(vault, new PromptQueue(), async (options) => {
    boxes.push(options);
    return left.shift();
  });
  return { questions, boxes, kept: vault.kept, refused: vault.refused };
}

function createVault() {
  const kept = new Map<string, string>();
  const refused = new Set<string>();
  return {
    kept,
    refused,
    get: async (key: string) => {
      const secret = kept.get(key);
      return secret === undefined ? undefined : { secret, isRefused: refused.has(key) };
    },
    put: async (key: string, secret: string) => {
      kept.set(key, secret);
      refused.delete(key);
    },
    markRefused: async (key: string) => { refused.add(key); },
  };
}

const typed = (text: string, isRemembered = false): Secret => ({ text, isRemembered });

describe('a question for a secret', () => {
  it('is asked with the name of who asks, hidden, and the answer goes back', async () => {
    const { questions, boxes } = setup([typed('geheim')]);
    expect(await questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['geheim'] });
    expect(boxes).toEqual([{
      title: 'Password of me on bastion (bastion.example)', prompt: 'The password goes to this server only, through the encrypted connection.', isHidden: true, canRemember: true,
    }]);
  });

  it('says why it is asked where nobody has just started anything', async () => {
    const { questions, boxes } = setup([typed('x'), typed('x')]);
    await questions.answer({ ...PASSWORD, onDemandAt: '127.0.0.1:5432' }, never);
    await questions.answer({ ...PASSWORD, onDemandAt: '127.0.0.1:5432', attempt: 2 }, never);
    expect(boxes.map(({ prompt }) => prompt)).toEqual([
      'A program has connected to 127.0.0.1:5432, which opens this tunnel on demand. The password goes to this server only, through the encrypted connection.',
      'That was not accepted. The password goes to this server only, through the encrypted connection.',
    ]);
  });

  it('names the key for a passphrase', async () => {
    const { questions, boxes } = setup([typed('x')]);
    await questions.answer({ ...PASSPHRASE, hop: 'bastion.example' }, never);
    expect(boxes[0]).toMatchObject({
      title: 'Passphrase for a Key, to Log In to bastion.example', prompt: 'The passphrase unlocks /home/me/.ssh/id on this computer and is sent nowhere.', canRemember: true,
    });
  });

  it('asks all that the server asks, in its words, echoed where it says so, and offers to remember nothing', async () => {
    const { questions, boxes } = setup([typed('me'), typed('123456')]);
    expect(await questions.answer(CODE, never)).toEqual({ isCancelled: false, answers: ['me', '123456'] });
    expect(boxes).toEqual([
      { title: 'bastion (bastion.example) Asks me: Two factors', prompt: 'Open your app. User:', isHidden: false, canRemember: false },
      { title: 'bastion (bastion.example) Asks me: Two factors', prompt: 'Open your app. Code:', isHidden: true, canRemember: false },
    ]);
  });

  it('answers no prompts with no answers', async () => {
    expect(await setup().questions.answer({ ...CODE, prompts: [] }, never)).toEqual({ isCancelled: false, answers: [] });
  });

  it('says that the answer before was refused', async () => {
    const { questions, boxes } = setup([typed('x')]);
    await questions.answer({ ...PASSWORD, attempt: 2 }, never);
    expect(boxes[0]?.prompt).toBe('That was not accepted. The password goes to this server only, through the encrypted connection.');
  });

  it('keeps what the server says from forging the box', async () => {
    const { questions, boxes } = setup([typed('x')]);
    const prompts = [{ prompt: '[Log in](command:workbench.action.quit)\u202e\nnext', isEchoed: false }];
    await questions.answer({ ...CODE, name: `[${'x'.repeat(200)}](command:a)`, instructions: '[b](https://x.example)', prompts }, never);
    const { title = '', prompt = '' } = boxes[0] ?? {};
    expect(title + prompt).not.toMatch(/\]\(|[\u202e\n]/);
    expect(title.length).toBeLessThan(120);
    expect(prompt).toBe('[b] (https://x.example) [Log in] (command:workbench.action.quit) next');
  });

  it('ends when the user closes a box, and shows no further one', async () => {
    const { questions, boxes } = setup([undefined, typed('x')]);
    expect(await questions.answer(CODE, never)).toEqual({ isCancelled: true });
    expect(boxes).toHaveLength(1);
  });

  it('is not shown once the asker has gone', async () => {
    const { questions, boxes } = setup([typed('x')]);
    expect(await questions.answer(PASSWORD, AbortSignal.abort())).toEqual({ isCancelled: true });
    expect(boxes).toEqual([]);
  });

  it('waits for the box of another one', async () => {
    const first = deferred<Secret | undefined>();
    const shown: string[] = [];
    const questions = new SecretQuestions(createVault(), new PromptQueue(), ({ title }) => {
      shown.push(title);
      return first.promise;
    });
    const both = [questions.answer(PASSWORD, never), questions.answer({ ...PASSWORD, user: 'you' }, never)];
    await new Promise((resolve) => setImmediate(resolve));
    expect(shown).toEqual(['Password of me on bastion (bastion.example)']);
    first.resolve(typed('x'));
    await Promise.all(both);
    expect(shown).toHaveLength(2);
  });
});

describe('a remembered secret', () => {
  const PASSWORD_KEY = 'password for bastion, me@bastion.example:22';

  it('is kept only once the server has let the user in', async () => {
    const { questions, kept } = setup([typed('geheim', true)]);
    await questions.answer(PASSWORD, never);
    expect(kept.size).toBe(0);
    await questions.onLoggedIn({ ...LOGIN, user: 'you' });
    expect(kept.size).toBe(0);
    await questions.onLoggedIn(LOGIN);
    expect([...kept]).toEqual([[PASSWORD_KEY, 'geheim']]);
  });

  it('is not kept unless it is wanted', async () => {
    const { questions, kept } = setup([typed('geheim'), typed('code', true)]);
    await questions.answer(PASSWORD, never);
    await questions.answer({ ...CODE, prompts: CODE.prompts.slice(1) }, never);
    await questions.onLoggedIn(LOGIN);
    expect(kept.size).toBe(0);
  });

  it('is given without a question, at the first asking alone', async () => {
    const { questions, boxes, kept } = setup([typed('new')]);
    kept.set(PASSWORD_KEY, 'old');
    expect(await questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['old'] });
    expect(boxes).toEqual([]);
    await questions.onPasswordAnswered({ ...LOGIN, outcome: 'refused' });
    expect(await questions.answer({ ...PASSWORD, attempt: 2 }, never)).toEqual({ isCancelled: false, answers: ['new'] });
    expect(boxes).toHaveLength(1);
    expect(boxes[0]?.prompt).toMatch(/^The remembered password was refused\. /);
  });

  it('is not the one that was refused before', async () => {
    const { questions, kept } = setup([typed('wrong', true), typed('right')]);
    await questions.answer(PASSWORD, never);
    await questions.answer({ ...PASSWORD, attempt: 2 }, never);
    await questions.onLoggedIn(LOGIN);
    expect(kept.size).toBe(0);
  });

  it('is the last one that was to be remembered', async () => {
    const { questions, kept } = setup([typed('wrong', true), typed('right', true)]);
    await questions.answer(PASSWORD, never);
    await questions.answer({ ...PASSWORD, attempt: 2 }, never);
    await questions.onLoggedIn(LOGIN);
    expect([...kept.values()]).toEqual(['right']);
  });

  it('goes with its kind: a passphrase with its key, a password with its login', async () => {
    const { questions, kept } = setup([typed('phrase', true), typed('word', true)]);
    await questions.answer(PASSPHRASE, never);
    await questions.answer(PASSWORD, never);
    await questions.onLoggedIn(LOGIN);
    expect([...kept]).toEqual([['passphrase for /home/me/.ssh/id', 'phrase'], [PASSWORD_KEY, 'word']]);
  });

  it('is not given to another server at the same address, behind another jump host', async () => {
    const { questions, boxes, kept } = setup([typed('other')]);
    kept.set(PASSWORD_KEY, 'old');
    expect(await questions.answer({ ...PASSWORD, hop: 'elsewhere' }, never)).toEqual({ isCancelled: false, answers: ['other'] });
    expect(boxes).toHaveLength(1);
  });

  it('is never given again once it was refused, not even by the next start of the editor, and stays until it is replaced', async () => {
    const vault = createVault();
    vault.kept.set(PASSWORD_KEY, 'old');
    const first = setup([undefined], vault);
    expect(await first.questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['old'] });
    await first.questions.onPasswordAnswered({ ...LOGIN, outcome: 'refused' });
    expect(vault.kept.get(PASSWORD_KEY)).toBe('old');

    const later = setup([undefined, typed('new', true)], vault);
    expect(await later.questions.answer(PASSWORD, never)).toEqual({ isCancelled: true });
    expect(later.boxes[0]?.prompt).toMatch(/^The remembered password was refused\. /);
    expect(await later.questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['new'] });
    await later.questions.onLoggedIn(LOGIN);
    expect(await later.questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['new'] });
    expect(later.boxes).toHaveLength(2);
  });

  it('is not given again when nobody knows what came of it', async () => {
    const { questions, boxes, kept, refused } = setup([typed('typed')]);
    kept.set(PASSWORD_KEY, 'old');
    await questions.answer(PASSWORD, never);
    await questions.onPasswordAnswered({ ...LOGIN, outcome: 'unknown' });
    expect(await questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['typed'] });
    expect(boxes[0]?.prompt).toMatch(/^The connection ended before the server answered to the remembered password\. /);
    expect(refused.size).toBe(0);
  });

  it('is given again after it has let in, however often', async () => {
    const { questions, boxes, kept } = setup();
    kept.set(PASSWORD_KEY, 'old');
    for (let login = 1; login <= 3; login += 1) {
      expect(await questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['old'] });
      await questions.onPasswordAnswered({ ...LOGIN, outcome: 'accepted' });
    }
    expect(boxes).toEqual([]);
  });

  it.each([['refused', 'typed'], ['accepted', 'old']] as const)('makes a second login wait for what comes of it: %s', async (outcome, second) => {
    const { questions, kept } = setup([typed('typed')]);
    kept.set(PASSWORD_KEY, 'old');
    await questions.answer(PASSWORD, never);
    const answers: unknown[] = [];
    const waiting = questions.answer(PASSWORD, never).then((answer) => answers.push(answer));
    await new Promise((resolve) => setImmediate(resolve));
    expect(answers).toEqual([]);
    await questions.onPasswordAnswered({ ...LOGIN, outcome });
    await waiting;
    expect(answers).toEqual([{ isCancelled: false, answers: [second] }]);
  });

  it('keeps nobody waiting who has gone, nor when the plane is gone', async () => {
    const { questions, kept } = setup([typed('typed')]);
    kept.set(PASSWORD_KEY, 'old');
    await questions.answer(PASSWORD, never);
    const gone = new AbortController();
    const waiting = questions.answer(PASSWORD, gone.signal);
    gone.abort();
    expect(await waiting).toEqual({ isCancelled: true });
    const last = questions.answer(PASSWORD, never);
    questions.onPlaneLost();
    expect(await last).toEqual({ isCancelled: false, answers: ['typed'] });
  });

  it('goes to nobody who has gone while it was looked up, and stays to be given', async () => {
    const { questions, boxes, kept } = setup();
    kept.set(PASSWORD_KEY, 'old');
    const gone = new AbortController();
    const asking = questions.answer(PASSWORD, gone.signal);
    gone.abort();
    expect(await asking).toEqual({ isCancelled: true });
    expect(await questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['old'] });
    expect(boxes).toEqual([]);
  });

  it('that is a passphrase is not given again once it did not fit', async () => {
    const { questions, boxes, kept, refused } = setup([typed('two'), typed('three'), typed('later')]);
    kept.set('passphrase for /home/me/.ssh/id', 'one');
    expect(await questions.answer(PASSPHRASE, never)).toEqual({ isCancelled: false, answers: ['one'] });
    await questions.answer({ ...PASSPHRASE, attempt: 2 }, never);
    await questions.answer({ ...PASSPHRASE, attempt: 3 }, never);
    expect([...refused]).toEqual(['passphrase for /home/me/.ssh/id']);
    await questions.answer(PASSPHRASE, never);
    expect(boxes.map(({ prompt }) => /^(?:The remembered passphrase did not fit|That was not accepted)/.exec(prompt)?.[0])).toEqual([
      'The remembered passphrase did not fit', 'That was not accepted', 'The remembered passphrase did not fit',
    ]);
  });

  it('that is a passphrase serves several logins at once', async () => {
    const { questions, boxes, kept } = setup();
    kept.set('passphrase for /home/me/.ssh/id', 'one');
    for (const hop of ['bastion', 'inner']) expect(await questions.answer({ ...PASSPHRASE, hop }, never)).toEqual({ isCancelled: false, answers: ['one'] });
    expect(boxes).toEqual([]);
  });

  it('is asked for where the storage does not work', async () => {
    const broken = { ...createVault(), get: () => Promise.reject(new Error('no keyring')) };
    const { questions } = setup([typed('x')], broken);
    expect(await questions.answer(PASSWORD, never)).toEqual({ isCancelled: false, answers: ['x'] });
  });
});

describe('the vault', () => {
  /** As the editor's: every call takes a turn. */
  function storage() {
    const kept = new Map<string, string>();
    const later = async <T>(action: () => T): Promise<T> => {
      await new Promise((resolve) => setImmediate(resolve));
      return action();
    };
    const get = (key: string) => later(() => kept.get(key));
    const store = (key: string, value: string) => later(() => { kept.set(key, value); });
    const forget = (key: string) => later(() => { kept.delete(key); });
    return { kept, vault: new SecretVault({ get, store, delete: forget } as unknown as ConstructorParameters<typeof SecretVault>[0]) };
  }

  it('keeps, lists and forgets', async () => {
    const { vault, kept } = storage();
    await vault.put('a', '1');
    await vault.put('a', '2');
    expect(await vault.get('a')).toEqual({ secret: '2', isRefused: false });
    expect(await vault.keys()).toEqual(['a']);
    await vault.forget('a');
    expect(await vault.get('a')).toBeUndefined();
    expect(await vault.keys()).toEqual([]);
    expect([...kept.values()].join('')).not.toContain('2');
  });

  it('marks one as refused until it is replaced or forgotten, and leaves no trace of it', async () => {
    const { vault, kept } = storage();
    await vault.put('a', '1');
    await vault.markRefused('a');
    expect(await vault.get('a')).toEqual({ secret: '1', isRefused: true });
    await vault.put('a', '2');
    expect(await vault.get('a')).toEqual({ secret: '2', isRefused: false });
    await vault.markRefused('a');
    await vault.forget('a');
    expect([...kept.keys()]).toEqual(['secrets']);
  });

  it('keeps none that is not listed, and so could not be forgotten, whenever the editor ends', async () => {
    const { vault, kept } = storage();
    const putting = vault.put('a', '1');
    while (!kept.has('secret:a')) await new Promise((resolve) => setImmediate(resolve));
    expect(kept.get('secrets')).toBe('["a"]');
    await putting;
    const forgetting = vault.forget('a');
    while (kept.has('secret:a')) {
      expect(kept.get('secrets')).toBe('["a"]');
      await new Promise((resolve) => setImmediate(resolve));
    }
    await forgetting;
  });

  it('loses none of several that come at once', async () => {
    const { vault } = storage();
    await Promise.all([vault.put('a', '1'), vault.put('b', '2'), vault.put('c', '3')]);
    expect([...await vault.keys()].sort()).toEqual(['a', 'b', 'c']);
    await Promise.all([vault.forget('a'), vault.put('d', '4'), vault.forget('c')]);
    expect([...await vault.keys()].sort()).toEqual(['b', 'd']);
  });
});
