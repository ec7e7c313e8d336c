import { describe, expect, it } from 'vitest';
import { PromptQueue } from '../../../src/ui/promptQueue.ts';
import { deferred } from './samples.ts';

const never = new AbortController().signal;
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the queue of questions', () => {
  it('shows one at a time, in the order of asking', async () => {
    const queue = new PromptQueue();
    const [first, second] = [deferred<string>(), deferred<string>()];
    const shown: string[] = [];
    const answers = [
      queue.run(() => { shown.push('first'); return first.promise; }, never),
      queue.run(() => { shown.push('second'); return second.promise; }, never),
    ];
    await turn();
    expect(shown).toEqual(['first']);
    first.resolve('yes');
    await turn();
    expect(shown).toEqual(['first', 'second']);
    second.resolve('no');
    expect(await Promise.all(answers)).toEqual(['yes', 'no']);
  });

  it('does not show one that nobody waits for any more', async () => {
    const queue = new PromptQueue();
    const first = deferred<string>();
    const controller = new AbortController();
    const answers = [queue.run(() => first.promise, never), queue.run(() => { throw new Error('shown'); }, controller.signal)];
    controller.abort();
    first.resolve('yes');
    expect(await Promise.all(answers)).toEqual(['yes', undefined]);
  });

  it.each<[string, () => Promise<string>]>([
    ['rejects', () => Promise.reject(new Error('gone'))],
    ['throws', () => { throw new Error('gone'); }],
  ])('goes on after a question that %s', async (_, ask) => {
    const queue = new PromptQueue();
    const failed = queue.run(ask, never);
    const next = queue.run(() => Promise.resolve('yes'), never);
    await expect(failed).rejects.toThrow('gone');
    expect(await next).toBe('yes');
  });
});
