import type * as vscode from 'vscode';
import { describe, expect, it } from 'vitest';
import { RecentForwards } from '../../../src/ui/recentForwards.ts';
import { formatForward } from '../../../src/core/forwardText.ts';
import { definition, setup } from '../core/modelSetup.ts';
import { LOCAL, REMOTE } from './samples.ts';

function memento(): vscode.Memento {
  const values = new Map<string, unknown>();
  return {
    keys: () => [...values.keys()],
    get: (key: string, fallback?: unknown) => values.get(key) ?? fallback,
    update: async (key: string, value: unknown) => { values.set(key, value); },
  } as vscode.Memento;
}

/** Runs forwards through these servers, one after another. */
function forwardedThrough(...hosts: readonly string[]) {
  const { model, comeUp } = setup();
  const recent = new RecentForwards(memento(), model);
  for (const [index, host] of hosts.entries()) {
    const id = `f${String(index)}`;
    model.put(definition(id, 80, { spec: { ...(index % 2 === 0 ? LOCAL : REMOTE), target: { host, user: 'me' } } }));
    model.start(id);
    comeUp(id);
  }
  return { model, recent };
}

describe('what was forwarded lately', () => {
  it('is offered once it is no longer in the view, the latest first', () => {
    const { model, recent } = forwardedThrough('one', 'two');
    expect(recent.list()).toEqual([]);
    model.remove('f0');
    model.remove('f1');
    expect(recent.list().map(formatForward)).toEqual([formatForward({ ...REMOTE, target: { host: 'two', user: 'me' } }), formatForward({ ...LOCAL, target: { host: 'one', user: 'me' } })]);
  });

  it('puts its hosts before the others, the latest first, and leaves those in the order of ssh_config', () => {
    const { recent } = forwardedThrough('staging', 'elsewhere.example', 'lab', 'staging');
    const hosts = ['bastion', 'lab', 'remhost', 'staging'].map((alias) => ({ alias, detail: '' }));
    expect(recent.recentFirst(hosts).map(({ alias }) => alias)).toEqual(['staging', 'lab', 'bastion', 'remhost']);
  });
});
