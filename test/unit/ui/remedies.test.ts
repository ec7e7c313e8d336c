import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ForwardError, type FailureContext } from '../../../src/core/failure.ts';
import { showFailure } from '../../../src/ui/remedies.ts';
import { createModel, define, failure, RANGE, SOCKETS } from './samples.ts';

/** The messages that were shown with their buttons, the button that the user chooses, and the commands that ran. */
const editor = vi.hoisted(() => ({ shown: [] as string[], choice: '', ran: [] as string[] }));
vi.mock('vscode', () => ({
  window: {
    showErrorMessage: async (message: string, ...buttons: { readonly title: string }[]) => {
      editor.shown.push([message, ...buttons.map(({ title }) => title)].join(' | '));
      return buttons.find(({ title }) => title === editor.choice);
    },
  },
  commands: { executeCommand: async (id: string, argument: string) => { editor.ran.push(`${id} ${argument}`); } },
}));

beforeEach(() => {
  editor.shown.length = 0;
  editor.ran.length = 0;
  editor.choice = '';
});

function setup(spec = SOCKETS) {
  const { model } = createModel();
  model.put(define('a', { spec, name: 'app' }));
  const removed: string[] = [];
  const show = (context: FailureContext, remove = async (path: string): Promise<void> => { removed.push(path); }): Promise<void> => (
    showFailure(model, 'a', failure('address-in-use', context), { removeStaleSocket: remove }));
  return { model, removed, show };
}

const STALE = { path: '/home/me/a.sock', isStale: true };

describe('the button that tries again', () => {
  it.each<[string, string | undefined]>([['failed', 'Start Again'], ['retrying', 'Try Again Now'], ['starting', undefined], ['idle', undefined]])('of one that is %s: %s', async (phase, title) => {
    const { model, say } = createModel();
    model.put(define('a'));
    model.start('a', { isPersistent: phase !== 'failed' });
    const lost = failure('connect-refused');
    if (phase === 'idle') {
      say('a', { type: 'bound', bound: { addresses: [{ host: '127.0.0.1', port: 80 }] } });
      say('a', { type: 'idle' });
    } else if (phase !== 'starting') say('a', { type: 'lost', failure: lost });
    expect(model.get('a')?.state.phase).toBe(phase);
    editor.choice = title ?? '';
    await showFailure(model, 'a', lost, { removeStaleSocket: async () => undefined });
    const buttons = editor.shown[0]?.split(' | ').slice(1) ?? [];
    expect(buttons.filter((button) => button.includes('Again'))).toEqual(title === undefined ? [] : [title]);
    expect(editor.ran).toEqual(title === undefined ? [] : ['culvert.start a']);
  });
});

describe('a socket that was left behind', () => {
  it('is removed when the user says so, and the forward starts', async () => {
    const { removed, show } = setup();
    editor.choice = 'Remove It and Start';
    await show(STALE);
    expect(editor.shown).toEqual([expect.stringMatching(/^app: The socket \/home\/me\/a\.sock is there already, .* \| Remove It and Start \| Start Again \| Edit…$/)]);
    expect(removed).toEqual(['/home/me/a.sock']);
    expect(editor.ran).toEqual(['culvert.start a']);
  });

  it.each(['', 'Edit…', 'Start Again'])('stays after "%s"', async (choice) => {
    const { removed, show } = setup();
    editor.choice = choice;
    await show(STALE);
    expect(removed).toEqual([]);
  });

  it('that has come to life again stays, the forward does not start, and that is said', async () => {
    const { show } = setup();
    editor.choice = 'Remove It and Start';
    await show(STALE, () => Promise.reject(new ForwardError('address-in-use', '/home/me/a.sock is there already')));
    expect(editor.ran).toEqual([]);
    expect(editor.shown[1]).toBe('app: that did not work: /home/me/a.sock is there already');
  });
});

it('another stretch of ports is used as a whole', async () => {
  const { model } = createModel();
  model.put(define('a', { spec: RANGE }));
  editor.choice = 'Use Ports 8011-8021';
  await showFailure(model, 'a', failure('address-in-use', { port: 8003, freePort: 8011, portCount: 11 }), { removeStaleSocket: async () => undefined });
  expect(model.get('a')?.definition.spec).toEqual({ ...RANGE, listen: { host: 'localhost', port: 8011 } });
  expect(editor.ran).toEqual(['culvert.start a']);
});

it.each([[true, 'this SSH connection', 'PerServer'], [false, 'all connections', '']])('the setting that bounds what waits in memory is one click away (on one SSH connection: %s)', async (isOfServer, where, suffix) => {
  const { model } = createModel();
  model.put(define('a', { name: 'app' }));
  editor.choice = 'Open the Setting';
  await showFailure(model, 'a', failure('too-much-queued', { limit: 128_000_000, isOfServer }), { removeStaleSocket: async () => undefined });
  expect(editor.shown).toEqual([expect.stringContaining(`app: 128 MB on ${where} waits in memory`.replace('on all', 'in all'))]);
  expect(editor.ran).toEqual([`workbench.action.openSettings culvert.maxQueuedMegabytes${suffix}`]);
});

it('the setting that bounds a forward is one click away', async () => {
  const { model } = createModel();
  model.put(define('a', { name: 'app' }));
  editor.choice = 'Open the Setting';
  await showFailure(model, 'a', failure('too-many-connections', { limit: 1_000 }), { removeStaleSocket: async () => undefined });
  expect(editor.shown).toEqual([expect.stringMatching(/^app: This forward has 1000 connections open, .* \| Open the Setting$/)]);
  expect(editor.ran).toEqual(['workbench.action.openSettings culvert.maxConnections']);
});
