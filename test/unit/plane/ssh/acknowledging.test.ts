import type { Channel } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { Acknowledging } from '../../../../src/plane/ssh/acknowledging.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

/** A channel as ssh2 1.17 has it, whose SSH connection counts its packets. */
function createChannel(cipher: { outSeqno?: number } = { outSeqno: 5 }) {
  const credits: number[] = [];
  const channel = {
    readableLength: 0,
    incoming: { window: 2 * 1024 * 1024, state: 'open' },
    outgoing: { id: 7, state: 'open' },
    _client: { _protocol: { _cipher: cipher, channelWindowAdjust: (_id: number, bytes: number) => { credits.push(bytes); } } },
  };
  return { channel: channel as unknown as Channel, outgoing: channel.outgoing, cipher, credits };
}

function setup() {
  const clock = new FakeClock();
  return { clock, acknowledging: new Acknowledging(clock) };
}

describe('the acknowledging of small packets', () => {
  it('sends one packet for all that came within a moment, and another one for what comes later', () => {
    const { clock, acknowledging } = setup();
    const { channel, credits } = createChannel();
    acknowledging.expect(channel);
    acknowledging.expect(channel);
    expect(credits).toEqual([]);
    clock.advance(1);
    expect(credits).toEqual([0]);
    acknowledging.expect(channel);
    clock.advance(1);
    expect(credits).toEqual([0, 0]);
  });

  it('sends none when another packet has gone meanwhile', () => {
    const { clock, acknowledging } = setup();
    const { channel, cipher, credits } = createChannel();
    acknowledging.expect(channel);
    cipher.outSeqno = 6;
    clock.advance(1);
    expect(credits).toEqual([]);
  });

  it('sends one when that packet went before the last that came', () => {
    const { clock, acknowledging } = setup();
    const { channel, cipher, credits } = createChannel();
    acknowledging.expect(channel);
    cipher.outSeqno = 6;
    acknowledging.expect(channel);
    clock.advance(1);
    expect(credits).toEqual([0]);
  });

  it('sends one where ssh2 does not count its packets, and none on a channel that is closed by then', () => {
    const { clock, acknowledging } = setup();
    const uncounted = createChannel({});
    acknowledging.expect(uncounted.channel);
    clock.advance(1);
    expect(uncounted.credits).toEqual([0]);
    const closed = createChannel({});
    acknowledging.expect(closed.channel);
    closed.outgoing.state = 'closed';
    clock.advance(1);
    expect(closed.credits).toEqual([]);
  });
});
