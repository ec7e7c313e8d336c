import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
import { listenForSilence, SILENCE_MS } from '../../../../src/plane/ssh/silence.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

describe('a server that is asked whether it is there', () => {
  let stream: PassThrough;
  let clock: FakeClock;
  let over: AbortController;
  let silences: number;
  let answer: () => void;

  beforeEach(() => {
    stream = new PassThrough();
    clock = new FakeClock();
    over = new AbortController();
    silences = 0;
  });

  function ask(canAsk = true): void {
    const asking = (onAnswer: () => void): boolean => {
      answer = onAnswer;
      return canAsk;
    };
    listenForSilence({ stream, clock, signal: over.signal, ask: asking }, () => { silences += 1; });
  }

  function expectDone(expected: number): void {
    clock.advance(10 * SILENCE_MS);
    expect(silences).toBe(expected);
    expect([clock.pending, stream.listenerCount('data')]).toEqual([0, 0]);
  }

  it('and says nothing is silent, once', () => {
    ask();
    clock.advance(SILENCE_MS - 1);
    expect(silences).toBe(0);
    clock.advance(1);
    expectDone(1);
  });

  it('and answers is not', () => {
    ask();
    clock.advance(SILENCE_MS - 1);
    answer();
    expectDone(0);
  });

  it('is not as long as anything comes, and is when it stops', () => {
    ask();
    for (let times = 0; times < 5; times += 1) {
      clock.advance(SILENCE_MS - 1);
      stream.emit('data', Buffer.from('more'));
    }
    clock.advance(SILENCE_MS - 1);
    expect(silences).toBe(0);
    clock.advance(1);
    expectDone(1);
  });

  it('is no longer listened to when the connection is over, and not where it cannot be asked', () => {
    ask();
    over.abort();
    expectDone(0);
    over = new AbortController();
    ask(false);
    expectDone(0);
  });
});
