import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WriteBudget } from '../../../../src/plane/ssh/writeBudget.ts';

const MiB = 1024 * 1024;

/** A transport that takes nothing until it is told to. */
function stuck(): { transport: Writable; release: () => void } {
  let done: (() => void) | undefined;
  const transport = new Writable({ write: (_chunk, _encoding, callback) => { done = callback; } });
  return { transport, release: () => done?.() };
}

describe('the write budget of an SSH connection', () => {
  it('is used up at 4 MiB in any transport of the chain, and tells each waiter once when there is room', async () => {
    const budget = new WriteBudget();
    const [first, second] = [stuck(), stuck()];
    budget.add(first.transport);
    budget.add(second.transport);
    second.transport.write(Buffer.alloc(4 * MiB));
    expect(budget.isCongested).toBe(false);
    second.transport.write(Buffer.alloc(1));
    expect(budget.isCongested).toBe(true);
    let told = 0;
    const waiter = (): void => { told += 1; };
    budget.onceDrained(waiter);
    budget.onceDrained(waiter);
    second.release();
    await new Promise(setImmediate);
    second.release();
    await new Promise(setImmediate);
    expect([budget.isCongested, told]).toEqual([false, 1]);
  });
});
