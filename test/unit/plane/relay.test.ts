import { beforeEach, describe, expect, it } from 'vitest';
import type { CloseReason } from '../../../src/core/forward.ts';
import { relay, type Relay } from '../../../src/plane/relay.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';

describe('a relay', () => {
  let origin: FakeEnd;
  let destination: FakeEnd;
  let counters: { bytesUp: number; bytesDown: number };
  let outcomes: CloseReason[];
  let running: Relay;

  beforeEach(() => {
    origin = new FakeEnd();
    destination = new FakeEnd();
    counters = { bytesUp: 0, bytesDown: 0 };
    outcomes = [];
    running = relay(origin, destination, counters, (reason) => outcomes.push(reason));
  });

  it('passes and counts both directions', () => {
    origin.says('hello');
    destination.says('ok');
    expect(destination.asked).toEqual(['write hello']);
    expect(origin.asked).toEqual(['write ok']);
    expect(counters).toEqual({ bytesUp: 5, bytesDown: 2 });
  });

  it('stops the fast side until the slow side has room', () => {
    destination.isFull = true;
    origin.says('a');
    expect(origin.asked).toEqual(['pause']);
    destination.drains();
    expect(origin.asked).toEqual(['pause', 'resume']);
  });

  it.each([['client-ended', 0], ['destination-ended', 1]] as const)('ends each direction on its own: %s', (reason, first) => {
    const ends = [origin, destination] as const;
    const [one, other] = [ends[first], ends[1 - first]!];
    one.ends();
    expect(other.asked).toEqual(['end']);
    other.says('still here');
    expect(one.asked).toEqual(['write still here']);
    other.ends();
    expect(one.asked).toEqual(['write still here', 'end']);
    one.closes('ended');
    expect(outcomes).toEqual([]);
    other.closes('ended');
    expect(outcomes).toEqual([reason]);
  });

  it.each([['client-reset', 'reset'], ['tunnel-lost', 'lost']] as const)('resets the other side when one breaks off: %s', (reason, how) => {
    origin.closes(how);
    expect(destination.asked).toEqual(['reset']);
    destination.closes('ended');
    expect(outcomes).toEqual([reason]);
  });

  it('still delivers what an orderly side sent before it broke, and throws away the answers', () => {
    origin.says('all of it');
    origin.ends();
    origin.closes('reset');
    expect(destination.asked).toEqual(['write all of it', 'end', 'linger']);
    destination.says('to nobody');
    expect(origin.asked).toEqual([]);
    expect(counters.bytesDown).toBe(0);
    destination.closes('ended');
    expect(outcomes).toEqual(['client-ended']);
  });

  it('blames a break more than an orderly end of the other direction', () => {
    origin.ends();
    destination.closes('lost');
    expect(origin.asked).toEqual(['reset']);
    origin.closes('ended');
    expect(outcomes).toEqual(['tunnel-lost']);
  });

  it('resets both sides when it is aborted, and says so once', () => {
    origin.ends();
    running.abort();
    expect([origin.asked, destination.asked]).toEqual([['reset'], ['end', 'reset']]);
    origin.closes('ended');
    destination.closes('reset');
    running.abort();
    expect(outcomes).toEqual(['stopped']);
  });
});
