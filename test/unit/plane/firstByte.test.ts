import { describe, expect, it } from 'vitest';
import { ForwardError } from '../../../src/core/failure.ts';
import { observeFirstByte } from '../../../src/plane/firstByte.ts';
import { FakeClock } from '../../support/fakeClock.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';

function setup() {
  const end = new FakeEnd();
  const clock = new FakeClock();
  const controller = new AbortController();
  return { end, clock, controller, observed: observeFirstByte(end, clock, controller.signal) };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a destination', () => {
  it('that speaks first is quoted, cleaned and bounded, and then left in good order', async () => {
    const { end, clock, observed } = setup();
    end.says(`SSH-2.0-x\r\n\u001b[2J\u202e${'y'.repeat(500)}`);
    await turn();
    expect(end.asked).toEqual(['end']);
    end.ends();
    const { how, text } = await observed;
    expect({ how, begin: text.slice(0, 14), length: text.length }).toEqual({ how: 'speaks', begin: 'SSH-2.0-x [2J ', length: 100 });
    expect(end.asked).toEqual(['end', 'reset']);
    expect(clock.pending).toBe(0);
  });

  it('that says nothing is waited for 2 s, and its goodbye not for long', async () => {
    const { end, clock, observed } = setup();
    clock.advance(1_999);
    await turn();
    expect(end.asked).toEqual([]);
    clock.advance(1);
    await turn();
    clock.advance(1_000);
    expect(await observed).toEqual({ kind: 'first-byte', how: 'waits', text: '' });
    expect(clock.pending).toBe(0);
  });

  it.each([['ended', 'ends'], ['reset', 'resets']] as const)('whose connection is %s at once %s', async (how, expected) => {
    const { end, observed } = setup();
    end.closes(how);
    expect(await observed).toMatchObject({ how: expected });
  });

  it('is not blamed for an SSH connection that breaks', async () => {
    const { end, clock, observed } = setup();
    end.closes('lost');
    await expect(observed).rejects.toMatchObject({ code: 'connection-lost' });
    expect(clock.pending).toBe(0);
  });

  it('is left at once when nobody wants to know any more', async () => {
    const { end, clock, controller, observed } = setup();
    controller.abort(new ForwardError('cancelled', 'enough'));
    await expect(observed).rejects.toMatchObject({ code: 'cancelled' });
    expect(end.asked).toEqual(['reset']);
    expect(clock.pending).toBe(0);
  });
});
