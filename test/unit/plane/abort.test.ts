import { describe, expect, it } from 'vitest';
import { untilAborted } from '../../../src/plane/abort.ts';

describe('waiting until it is aborted', () => {
  it('gives the outcome, or the reason of the signal when that comes first', async () => {
    const controller = new AbortController();
    expect(await untilAborted(Promise.resolve(1), controller.signal)).toBe(1);
    await expect(untilAborted(Promise.reject(new Error('broken')), controller.signal)).rejects.toThrow('broken');
    const waiting = untilAborted(new Promise(() => undefined), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });

  it('leaves no failure behind that nobody hears of, be it aborted before or after', async () => {
    const unheard: unknown[] = [];
    const listen = (reason: unknown): void => { unheard.push(reason); };
    process.on('unhandledRejection', listen);
    const controller = new AbortController();
    let fail: (error: Error) => void = () => undefined;
    const waiting = untilAborted(new Promise((_resolve, reject) => { fail = reject; }), controller.signal);
    controller.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    fail(new Error('late'));
    await expect(untilAborted(Promise.reject(new Error('early')), controller.signal)).rejects.toThrow('enough');
    await new Promise((resolve) => { setImmediate(resolve); });
    process.off('unhandledRejection', listen);
    expect(unheard).toEqual([]);
  });
});
