import { describe, expect, it, vi } from 'vitest';
import type { HealthCheck } from '../../../src/core/healthCheck.ts';
import { COMMANDS } from '../../../src/ui/contributions.ts';
import { run, setup, turn } from './commandSetup.ts';
import { editor } from './fakeCommandEditor.ts';
import { define, DYNAMIC, LOCAL, RELAY, type createModel } from './samples.ts';

vi.mock('vscode', async () => (await import('./fakeCommandEditor.ts')).fakeVscode);

describe('Set Health Check', () => {
  const checkOf = (model: ReturnType<typeof createModel>['model']): HealthCheck | undefined => model.get('a')?.definition.healthCheck;

  /** Chooses a row, and answers what is asked then. */
  async function choose(label: string, ...answers: readonly string[]): Promise<void> {
    const done = editor.actions.get(COMMANDS.setHealthCheck)!('a');
    await turn();
    editor.input.box.accept(label);
    for (const answer of answers) {
      await turn();
      editor.input.box.type(answer);
      editor.input.box.accept();
    }
    await done;
  }

  it('connects, asks over HTTP with or without a status, and is off again', async () => {
    const { model } = setup();
    model.put(define('a', { spec: LOCAL }));
    await choose('Connect');
    expect(checkOf(model)).toEqual({ kind: 'connect' });
    await choose('HTTP', '/health 204');
    expect(checkOf(model)).toEqual({ kind: 'http', path: '/health', status: 204 });
    await choose('HTTP', '/');
    expect(checkOf(model)).toEqual({ kind: 'http', path: '/' });
    await choose('Off');
    expect(model.get('a')?.definition).toEqual(define('a', { spec: LOCAL }));
  });

  it('begins with what there is, and keeps its times', async () => {
    const { model } = setup();
    model.put(define('a', { spec: RELAY, healthCheck: { kind: 'http', path: '/a', status: 200, intervalSeconds: 60 } }));
    const done = editor.actions.get(COMMANDS.setHealthCheck)!('a');
    await turn();
    expect(editor.input.box.placeholder).toContain('every 1 min');
    expect(editor.input.box.rows()[2]).toBe('HTTP GET… | as it is now');
    editor.input.box.accept('HTTP');
    await turn();
    expect(editor.input.box.value).toBe('/a 200');
    editor.input.box.type('/a 999');
    editor.input.box.accept();
    expect(editor.input.box.validationMessage).toContain('200 to 599');
    editor.input.box.type('/b');
    editor.input.box.accept();
    await done;
    expect(checkOf(model)).toEqual({ kind: 'http', path: '/b', intervalSeconds: 60 });
  });

  it('says what has no destination, and goes when a forward becomes such', async () => {
    const { model } = setup();
    model.put(define('a', { spec: DYNAMIC }));
    await run(COMMANDS.setHealthCheck, ['a']);
    expect(editor.said).toEqual([expect.stringContaining('no destination')]);
    model.put(define('a', { spec: LOCAL, healthCheck: { kind: 'connect' } }));
    await run(COMMANDS.edit, ['a'], '5433:db:5432 me@bastion');
    expect(checkOf(model)).toEqual({ kind: 'connect' });
    await run(COMMANDS.edit, ['a'], '-D 1080 me@bastion');
    expect(checkOf(model)).toBeUndefined();
  });
});
