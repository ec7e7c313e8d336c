import type { TreeView } from 'vscode';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { Forward } from '../../../src/core/forward.ts';
import { ForwardPicker } from '../../../src/ui/forwardPicker.ts';
import type { TreeNode } from '../../../src/ui/forwardsTree.ts';
import { createModel, define, DYNAMIC, LOCAL } from './samples.ts';

interface Choice {
  readonly label: string;
}

/** What the user is offered, whether several at once, and what they choose. */
const editor = vi.hoisted(() => ({ offered: [] as string[], isMany: false, choice: undefined as string | undefined, said: [] as string[] }));
vi.mock('vscode', () => ({
  window: {
    showQuickPick: async (items: readonly Choice[], { canPickMany = false }: { canPickMany?: boolean }) => {
      editor.offered = items.map(({ label }) => label);
      editor.isMany = canPickMany;
      const chosen = items.filter(({ label }) => label === editor.choice);
      return canPickMany ? chosen : chosen[0];
    },
    showInformationMessage: async (message: string) => { editor.said.push(message); },
  },
}));

beforeEach(() => {
  editor.choice = undefined;
  editor.said.length = 0;
});

const row = (forwardId: string): TreeNode => ({ kind: 'forward', id: `forward:${forwardId}`, forwardId });
const isAny = (): boolean => true;

function setup(selection: readonly TreeNode[] = [], visible = true) {
  const { model, clock } = createModel();
  for (const id of ['a', 'b']) model.put(define(id, { name: id }));
  model.put(define('proxy', { name: 'proxy', spec: DYNAMIC }));
  const picker = new ForwardPicker(model, { selection, visible } as unknown as TreeView<TreeNode>, clock);
  return { model, picker };
}

const ids = (forwards: readonly Forward[]): string[] => forwards.map(({ definition }) => definition.id);

describe('the forwards that a command is about', () => {
  it('are those of the rows that are selected, or of the one that was clicked', async () => {
    const { picker } = setup([row('a'), row('b')]);
    expect(ids(await picker.resolve([row('b'), [row('a'), row('b')]], isAny, 'Stop'))).toEqual(['a', 'b']);
    expect(ids(await picker.resolve([row('b')], isAny, 'Stop'))).toEqual(['b']);
    expect(ids(await picker.resolve([], isAny, 'Stop'))).toEqual(['a', 'b']);
  });

  it('are one, the clicked, where one at a time is changed', async () => {
    const { picker } = setup([row('a'), row('b')]);
    expect(ids(await picker.resolveOne([row('b'), [row('a'), row('b')]], isAny, 'Edit'))).toEqual(['b']);
    expect(ids(await picker.resolveOne([], isAny, 'Edit'))).toEqual(['a']);
    expect(ids(await picker.resolveOne(['b'], isAny, 'Edit'))).toEqual(['b']);
  });

  it('are all of a server, from its row', async () => {
    const { picker } = setup();
    expect(ids(await picker.resolve([{ kind: 'group', id: 'group', server: 'me@bastion' }], isAny, 'Stop'))).toEqual(['a', 'b', 'proxy']);
  });

  it('are asked for where nothing is selected that anybody sees: several, or one', async () => {
    const { picker } = setup([row('a')], false);
    editor.choice = 'b';
    expect(ids(await picker.resolve([], ({ definition }) => definition.spec === LOCAL, 'Stop'))).toEqual(['b']);
    expect([editor.offered, editor.isMany]).toEqual([['a', 'b'], true]);
    expect(ids(await picker.resolveOne([], isAny, 'Edit'))).toEqual(['b']);
    expect([editor.offered, editor.isMany]).toEqual([['a', 'b', 'proxy'], false]);
    editor.choice = undefined;
    expect(await picker.resolveOne([], isAny, 'Edit')).toEqual([]);
  });

  it('are none where none fits, and that is said', async () => {
    const { picker } = setup();
    expect(await picker.resolve([], () => false, 'Set Proxy Login')).toEqual([]);
    expect(editor.said).toEqual(['Set Proxy Login: there is no forward that this fits now.']);
  });
});
