import { describe, expect, it } from 'vitest';
import { PrefacedEnd } from '../../../src/plane/prefacedEnd.ts';
import { proxyHeader } from '../../../src/plane/proxyHeader.ts';
import { relay } from '../../../src/plane/relay.ts';
import { FakeEnd } from '../../support/fakeEnd.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';

function hexOf(header: Buffer): string {
  return header.toString('hex');
}

/** The layout of proxy-protocol.txt, section 2.2, written down by hand. */
describe('the header of the PROXY protocol', () => {
  it('has IPv4 in twelve bytes: source, destination, source port, destination port', () => {
    const header = proxyHeader({ host: '192.0.2.33', port: 0xabcd }, { host: '127.0.0.1', port: 8080 });
    expect(hexOf(header)).toBe([SIGNATURE, '21', '11', '000c', 'c0000221', '7f000001', 'abcd', '1f90'].join(''));
  });

  it('has IPv6 in thirty-six bytes', () => {
    const header = proxyHeader({ host: '2001:db8::7:1', port: 1 }, { host: '::1', port: 65_535 });
    expect(hexOf(header)).toBe([SIGNATURE, '21', '21', '0024', '20010db8000000000000000000070001', '00000000000000000000000000000001', '0001', 'ffff'].join(''));
  });

  it.each([
    ['::', '00000000000000000000000000000000'],
    ['fe80::1%eth0', 'fe800000000000000000000000000001'],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['64:ff9b::192.0.2.1', '0064ff9b0000000000000000c0000201'],
    ['ab::', '00ab0000000000000000000000000000'],
  ])('writes %s as the address that it is', (host, hex) => {
    const header = proxyHeader({ host, port: 1 }, { host: '::1', port: 2 });
    expect(hexOf(header.subarray(16, 32))).toBe(hex);
  });

  it('takes an IPv4 address within IPv6 for the IPv4 address', () => {
    const plain = proxyHeader({ host: '192.0.2.1', port: 1 }, { host: '127.0.0.1', port: 2 });
    expect(proxyHeader({ host: '::ffff:192.0.2.1', port: 1 }, { host: '::ffff:7f00:1', port: 2 })).toEqual(plain);
  });

  it('writes both as IPv6 where they are of two families', () => {
    const header = proxyHeader({ host: '192.0.2.1', port: 1 }, { host: '2001:db8::1', port: 2 });
    expect(hexOf(header.subarray(13))).toBe(['21', '0024', '00000000000000000000ffffc0000201', '20010db8000000000000000000000001', '0001', '0002'].join(''));
  });

  it('has a Unix socket in twice 108 bytes, of which the client has no name', () => {
    const header = proxyHeader({ path: '/run/a.sock' }, { path: '/run/a.sock' });
    expect(header).toHaveLength(16 + 216);
    expect(hexOf(header.subarray(0, 16))).toBe([SIGNATURE, '21', '31', '00d8'].join(''));
    expect(header.subarray(16, 124).every((byte) => byte === 0)).toBe(true);
    expect(header.subarray(124).toString()).toBe('/run/a.sock'.padEnd(108, '\0'));
  });

  it.each([
    ['a name', { host: 'localhost', port: 1 }, { host: '127.0.0.1', port: 2 }],
    ['a named pipe', { path: '\\\\.\\pipe\\x' }, { path: '\\\\.\\pipe\\x' }],
    ['a path that is too long', { path: '/x' }, { path: `/${'x'.repeat(108)}` }],
  ])('says LOCAL of %s, without addresses', (_what, origin, accepted) => {
    expect(hexOf(proxyHeader(origin, accepted))).toBe([SIGNATURE, '20', '00', '0000'].join(''));
  });
});

describe('an end with a preface', () => {
  it('sends it once, before the data and without any, and counts it nowhere', () => {
    const [origin, destination] = [new FakeEnd(), new FakeEnd()];
    const counters = { bytesUp: 0, bytesDown: 0 };
    relay(origin, new PrefacedEnd(destination, Buffer.from('preface')), counters, () => undefined);
    expect(destination.asked).toEqual(['write preface']);
    origin.says('hello');
    origin.ends();
    expect(destination.asked).toEqual(['write preface', 'write hello', 'end']);
    expect(counters).toEqual({ bytesUp: 5, bytesDown: 0 });
  });

  it('sends it first when data or an end comes before the end is attached', () => {
    const [one, two] = [new FakeEnd(), new FakeEnd()];
    new PrefacedEnd(one, Buffer.from('preface')).write(Buffer.from('early'));
    new PrefacedEnd(two, Buffer.from('preface')).end();
    expect([one.asked, two.asked]).toEqual([['write preface', 'write early'], ['write preface', 'end']]);
  });
});
