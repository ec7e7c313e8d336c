import { beforeEach, describe, expect, it } from 'vitest';
import type { Wish } from '../../../../src/plane/caller.ts';
import { AskingCaller } from '../../../../src/plane/proxy/askingCaller.ts';
import { FakeClock } from '../../../support/fakeClock.ts';
import { FakeEnd } from '../../../support/fakeEnd.ts';
import { http, socks4, socks5 } from '../../../support/proxyRequests.ts';

const METHOD = Buffer.from([5, 0]).toString('latin1');
const reply5 = (code: number): string => Buffer.from([5, code, 0, 1, 0, 0, 0, 0, 0, 0]).toString('latin1');
const turnedAway = (answer: string): string[] => [`write ${answer}`, 'end', 'linger'];

describe('a caller that asks', () => {
  let end: FakeEnd;
  let clock: FakeClock;
  let gone: number;

  beforeEach(() => {
    end = new FakeEnd();
    clock = new FakeClock();
    gone = 0;
  });

  function ask(permitted?: readonly string[]): { caller: AskingCaller; wish: Promise<Wish> } {
    const caller = new AskingCaller(end, { permitted, credentials: undefined, clock, onGone: () => { gone += 1; } });
    return { caller, wish: caller.ask() };
  }

  it('passes on that a break is looked for', () => {
    ask().caller.join().probe?.();
    expect(end.asked).toEqual(['probe']);
  });

  it('is read up to its request and no further, and told that it was granted before anything else', async () => {
    const { caller, wish } = ask();
    end.receives(socks5('db', 5432));
    expect(await wish).toEqual({ kind: 'destination', destination: { host: 'db', port: 5432 } });
    expect(end.asked).toEqual([`write ${METHOD}`, 'pause']);
    expect(clock.pending).toBe(0);
    const relay = new FakeListener();
    caller.join().attach(relay);
    expect(end.asked.slice(2)).toEqual([`write ${reply5(0)}`, 'resume']);
    end.says('hello');
    end.ends();
    end.closes('ended');
    expect(relay.told).toEqual(['data hello', 'end', 'close ended']);
    expect(gone).toBe(1);
  });

  it('hands over first what came with the request and after it, its end included', async () => {
    const { caller, wish } = ask();
    end.receives(Buffer.concat([http('CONNECT db:5432 HTTP/1.1'), Buffer.from('early ')]));
    end.says('bird');
    end.ends();
    await wish;
    const relay = new FakeListener();
    caller.join().attach(relay);
    expect(relay.told).toEqual(['data early bird', 'end']);
  });

  it('is paused again when the relay has no room for what came early', async () => {
    const { caller, wish } = ask();
    end.receives(Buffer.concat([socks4('10.0.0.1', 80), Buffer.from('early')]));
    await wish;
    const relay = new FakeListener();
    relay.onData = () => { caller.pause(); };
    caller.join().attach(relay);
    expect(end.asked.at(-1)).toBe('pause');
  });

  it('that is closed while its destination is dialled is closed for the relay', async () => {
    const { caller, wish } = ask();
    end.receives(socks5('db', 5432));
    await wish;
    end.closes('lost');
    const relay = new FakeListener();
    caller.join().attach(relay);
    expect(relay.told).toEqual(['close lost']);
    expect(end.asked.at(-1)).not.toBe('resume');
  });

  it('has 10 s for its request, whatever it has sent by then', async () => {
    const { wish } = ask();
    end.receives(socks5('db', 5432).subarray(0, 8));
    clock.advance(9_999);
    expect(end.asked).toEqual([`write ${METHOD}`]);
    clock.advance(1);
    expect(await wish).toMatchObject({ kind: 'nowhere', closeReason: 'not-understood' });
    expect(end.asked.slice(1)).toEqual(turnedAway(reply5(1)));
  });

  it('that says nothing at all is reset after 10 s', async () => {
    const { wish } = ask();
    clock.advance(10_000);
    expect(await wish).toMatchObject({ closeReason: 'not-understood' });
    expect(end.asked).toEqual(['reset']);
  });

  it('that ends before its request does is told so', async () => {
    const { wish } = ask();
    end.receives(socks4('10.0.0.1', 80).subarray(0, 4));
    end.ends();
    expect(await wish).toMatchObject({ closeReason: 'not-understood' });
    expect(end.asked).toEqual(turnedAway(Buffer.from([0, 91, 0, 0, 0, 0, 0, 0]).toString('latin1')));
    expect(clock.pending).toBe(0);
  });

  it('that goes away is gone', async () => {
    const { wish } = ask();
    end.receives(Buffer.from([5]));
    end.closes('reset');
    expect(await wish).toMatchObject({ closeReason: 'client-reset' });
    expect([gone, clock.pending]).toEqual([1, 0]);
  });

  it('is refused in its own words and heard no more', async () => {
    const { caller, wish } = ask();
    end.receives(socks5('db', 5432));
    await wish;
    caller.refuse('destination-refused');
    expect(end.asked.slice(2)).toEqual(turnedAway(reply5(5)));
    end.says('still talking');
    end.ends();
    expect(end.asked).toHaveLength(5);
  });

  it('that is not understood is told so once, whatever it says then', async () => {
    const { wish } = ask();
    end.receives(Buffer.from([5, 1, 2]));
    expect(await wish).toMatchObject({ closeReason: 'not-understood' });
    const told = [...end.asked];
    expect(told).toEqual(turnedAway(Buffer.from([5, 0xff]).toString('latin1')));
    end.receives(socks5('db', 5432));
    end.ends();
    expect(end.asked).toEqual(told);
  });

  it('gets nowhere that is not permitted, and is told by its protocol', async () => {
    const { wish } = ask(['web:80']);
    end.receives(socks5('db', 5432));
    expect(await wish).toMatchObject({ closeReason: 'forwarding-prohibited', failure: { code: 'forwarding-prohibited', context: { destination: 'db:5432' } } });
    expect(end.asked.slice(2)).toEqual(turnedAway(reply5(2)));
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['behind its request', [Buffer.concat([http('POST http://a/ HTTP/1.1', 'Content-Length: 5'), Buffer.from('hello\r\n'), http('GET http://b/ HTTP/1.1')])], []],
    ['later', [http('POST http://a/ HTTP/1.1', 'Content-Length: 5')], ['hel', 'lo', '\r\n', http('GET http://b/ HTTP/1.1').toString()]],
  ])('that wants another page, %s, is cut off, and the server hears nothing of that', async (_, first, later) => {
    const { caller, wish } = ask();
    for (const bytes of first) end.receives(bytes);
    await wish;
    const relay = new FakeListener();
    caller.join().attach(relay);
    for (const text of later) end.says(text);
    expect(end.asked.at(-1)).toBe('reset');
    end.says('GET http://c/ HTTP/1.1');
    end.ends();
    end.closes('ended');
    const told = relay.told.join();
    expect(told).toContain('POST / HTTP/1.1');
    expect(told).not.toContain('GET');
    expect(told.split('\r\n\r\n')[1]!.replaceAll(/,|data |\s/g, '')).toBe('helloendcloseended');
  });

  it('can be reset at any time', async () => {
    const { caller, wish } = ask();
    caller.abort();
    expect(await wish).toMatchObject({ kind: 'nowhere' });
    expect(end.asked).toEqual(['reset']);
    expect(clock.pending).toBe(0);
  });
});

/** A relay that notes what it is told. */
class FakeListener {
  readonly told: string[] = [];
  onData = (chunk: Buffer): void => { this.told.push(`data ${chunk.toString()}`); };
  onDrain(): void { this.told.push('drain'); }
  onEnd(): void { this.told.push('end'); }
  onClose(how: string): void { this.told.push(`close ${how}`); }
}
