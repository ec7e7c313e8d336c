import { EventEmitter } from 'node:events';
import type { Channel } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { acknowledge } from '../../../../src/plane/ssh/internals.ts';
import { ReceiveWindow, WindowBudget } from '../../../../src/plane/ssh/receiveWindow.ts';
import { FakeClock } from '../../../support/fakeClock.ts';

const MiB = 1024 * 1024;

/** A channel as ssh2 1.17 has it, as far as its window goes; the server always has something to send. */
class FakeChannel extends EventEmitter {
  readonly incoming = { window: 2 * MiB, state: 'open' };
  readonly outgoing = { id: 7, state: 'open' };
  readonly credits: number[] = [];
  /** What has come and waits for its reader. */
  readableLength = 0;
  readonly _client = { _protocol: { channelWindowAdjust: (_id: number, bytes: number) => { this.credits.push(bytes); } } };

  /** Takes what comes within a while and hands it on; gives how much that was. */
  receive(window: ReceiveWindow, bytes: number): void {
    this.incoming.window -= bytes;
    // What ssh2 does by itself.
    if (this.incoming.window <= MiB) this.incoming.window = Math.max(this.incoming.window, 2 * MiB);
    window.took(bytes);
  }
}

function setup(roundTripMs: number | undefined, budget = new WindowBudget()) {
  const clock = new FakeClock();
  const channel = new FakeChannel();
  const window = new ReceiveWindow(channel as unknown as Channel, { clock, budget, roundTripMs: () => roundTripMs });
  /** A transfer at a rate for a time. */
  const transfer = (bytesPerMs: number, spanMs: number): void => {
    for (let passedMs = 0; passedMs < spanMs; passedMs += 5) {
      clock.advance(5);
      channel.receive(window, bytesPerMs * 5);
    }
  };
  return { clock, channel, window, transfer };
}

describe('the window of a channel', () => {
  it('grows to the most that it may have while a transfer fills it within each round trip', () => {
    const { channel, transfer } = setup(50);
    transfer(2 * MiB / 50, 100);
    expect(channel.incoming.window).toBeGreaterThan(2 * MiB);
    transfer(32 * MiB / 50, 2_000);
    expect(channel.incoming.window).toBeGreaterThan(23 * MiB);
    expect(channel.incoming.window).toBeLessThanOrEqual(24 * MiB);
  });

  it('is little more than what the link takes in a round trip, so that a server has little to read ahead', () => {
    for (const inRoundTrip of [3 * MiB, 10 * MiB]) {
      const { channel, transfer } = setup(50);
      transfer(2 * inRoundTrip / 50, 1_000);
      transfer(inRoundTrip / 50, 5_000);
      expect(channel.incoming.window).toBeGreaterThan(inRoundTrip);
      expect(channel.incoming.window).toBeLessThan(inRoundTrip + Math.min(inRoundTrip / 2, 3 * MiB) + MiB);
    }
  });

  it('is granted in small steps, each as soon as so much has been taken', () => {
    const { channel, transfer } = setup(50);
    transfer(10 * MiB / 50, 1_000);
    channel.credits.length = 0;
    transfer(MiB / 50, 100);
    transfer(10 * MiB / 50, 1_000);
    expect(Math.max(...channel.credits)).toBeLessThan(4 * MiB);
    expect(channel.credits.length).toBeGreaterThan(100);
  });

  it('survives a pause of the link', () => {
    const { clock, channel, transfer } = setup(50);
    transfer(20 * MiB / 50, 1_000);
    clock.advance(100);
    transfer(20 * MiB / 50, 45);
    expect(channel.incoming.window).toBeGreaterThan(18 * MiB);
  });

  it('grants nothing for what waits here: a reader that becomes slow has one window of it before it', () => {
    const { channel, window, transfer } = setup(50);
    transfer(32 * MiB / 50, 1_000);
    channel.readableLength = channel.incoming.window;
    channel.incoming.window = 0;
    for (let taken = 0; taken < 8 * MiB; taken += 64 * 1024) {
      channel.readableLength -= 64 * 1024;
      window.took(64 * 1024);
      // The server sends all that it may.
      channel.readableLength += channel.incoming.window;
      channel.incoming.window = 0;
      expect(channel.readableLength).toBeLessThanOrEqual(24 * MiB);
    }
    channel.readableLength = 0;
    window.took(0);
    expect(channel.incoming.window).toBeGreaterThan(16 * MiB);
  });

  it('is given back after a small packet but for what waits', () => {
    const { channel } = setup(50);
    channel.incoming.window = MiB;
    channel.readableLength = MiB - 100;
    acknowledge(channel as unknown as Channel);
    channel.readableLength = 2 * MiB;
    acknowledge(channel as unknown as Channel);
    expect(channel.credits).toEqual([100, 0]);
  });

  it('stays as it is where the link is short, however fast it is', () => {
    const { channel, transfer } = setup(1);
    transfer(500_000, 2_000);
    expect(channel.incoming.window).toBeLessThanOrEqual(2 * MiB);
    expect(channel.credits).toEqual([]);
  });

  it('stays as it is for a transfer that does not fill it, and as long as nobody knows how far the server is', () => {
    for (const [roundTripMs, rate] of [[50, 0.5 * MiB / 50], [undefined, 2 * MiB / 50]] as const) {
      const { channel, transfer } = setup(roundTripMs);
      transfer(rate, 2_000);
      expect(channel.credits).toEqual([]);
    }
  });

  it('takes from what all channels of a connection have together, and gives it back', () => {
    const budget = new WindowBudget();
    const channels = Array.from({ length: 4 }, () => setup(50, budget));
    for (const { transfer } of channels) transfer(32 * MiB / 50, 4_000);
    const sizes = channels.map(({ channel }) => channel.incoming.window);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(4 * 2 * MiB + 64 * MiB);
    expect(budget.take(32 * MiB)).toBe(false);
    for (const { channel } of channels) channel.emit('close');
    expect(budget.take(64 * MiB)).toBe(true);
    expect(budget.take(1)).toBe(false);
  });

  it('counts as taken what the server may still send by a window that has shrunk since', () => {
    const budget = new WindowBudget();
    const { clock, channel, window, transfer } = setup(50, budget);
    transfer(32 * MiB / 50, 2_000);
    channel.readableLength = channel.incoming.window;
    channel.incoming.window = 0;
    for (let passed = 0; passed < 50; passed += 1) {
      clock.advance(50);
      window.took(1);
    }
    expect(budget.take(43 * MiB)).toBe(false);
    channel.readableLength = 0;
    clock.advance(50);
    window.took(1);
    expect(budget.take(43 * MiB)).toBe(true);
  });

  it('is ssh2\'s own where ssh2 is not as expected', () => {
    const { channel, transfer } = setup(50);
    Reflect.deleteProperty(channel._client._protocol, 'channelWindowAdjust');
    transfer(2 * MiB / 50, 500);
    expect(channel.incoming.window).toBeLessThanOrEqual(2 * MiB);
  });
});
