import { describe, expect, it } from 'vitest';
import { bracketed, dialableHost, formatHostPort, isLoopback, isWildcard } from '../../../src/core/address.ts';

describe('an address as people read it', () => {
  it.each([
    ['localhost', 80, 'localhost:80'],
    ['10.0.0.1', 65535, '10.0.0.1:65535'],
    ['::1', 22, '[::1]:22'],
    ['fe80::1%eth0', 22, '[fe80::1%eth0]:22'],
    ['*', 8080, '*:8080'],
  ])('%s and port %i', (host, port, text) => {
    expect(formatHostPort({ host, port })).toBe(text);
  });

  it('has brackets only where there is IPv6', () => {
    expect([bracketed('::1'), bracketed('web')]).toEqual(['[::1]', 'web']);
  });
});

describe('loopback', () => {
  it.each(['localhost', 'LocalHost', 'web.localhost', '127.0.0.1', '127.255.255.254', '::1', '0:0:0:0:0:0:0:1', '::0001', '::ffff:127.0.0.1'])('is %s', (host) => {
    expect(isLoopback(host)).toBe(true);
  });

  it.each(['', '*', '0.0.0.0', '::', '10.0.0.1', '128.0.0.1', '1127.0.0.1', '127.0.0.1.example', 'localhost.example', 'notlocalhost', '::11', '::2', '1::1', '::ffff:10.0.0.1'])('is not %j', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe('every interface', () => {
  it.each(['*', '', '0.0.0.0', '::', '0:0:0:0:0:0:0:0', '0'])('is %j, which a client here dials as localhost', (host) => {
    expect(isWildcard(host)).toBe(true);
    expect(dialableHost(host)).toBe('localhost');
  });

  it.each(['localhost', '::1', '10.0.0.0', '1::'])('is not %s, which a client here dials as it is', (host) => {
    expect(isWildcard(host)).toBe(false);
    expect(dialableHost(host)).toBe(host);
  });
});
