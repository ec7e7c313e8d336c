import { describe, expect, it } from 'vitest';
import { assertDestination, hostComplaint, userComplaint } from '../../../src/openssh/sshNames.ts';

describe('hostComplaint', () => {
  it.each([
    'web', 'web.example.com', 'WEB', 'under_score', 'work/server', '10.0.0.1', '::1', 'fe80::1%eth0', 'a-b', 'bücher.example', '*', 'a+b', '~x', 'h=1',
  ])('lets %s pass', (host) => {
    expect(hostComplaint(host)).toBeUndefined();
  });

  it.each(Array.from('\'`"$\\;&<>|(){},'))('refuses %s as OpenSSH does', (character) => {
    expect(hostComplaint(`a${character}b`)).toContain(character);
  });
});

describe('userComplaint', () => {
  it.each(['bob', 'DOMAIN\\bob', 'some body', 'bob@corp.example', 'b-b', 'ünal', 'a/b', 'x%y'])('lets %s pass', (user) => {
    expect(userComplaint(user)).toBeUndefined();
  });

  it.each(['', '-l', 'a -oProxyCommand=x', 'a\\', 'a;b', 'a`b', 'a\nb', 'a\u202eb', 'x'.repeat(256)])('refuses %j', (user) => {
    expect(userComplaint(user)).toBeTypeOf('string');
  });
});

describe('assertDestination', () => {
  it.each([0, -1, 65536, 1.5, Number.NaN])('refuses port %d', (port) => {
    expect(() => assertDestination({ host: 'web', port })).toThrow(expect.objectContaining({ code: 'config-invalid', context: expect.objectContaining({ what: 'port' }) as unknown }));
  });

  it('shows what it refuses without its control characters', () => {
    expect(() => assertDestination({ host: 'a\u001b[31mb' })).toThrow(expect.objectContaining({ context: expect.objectContaining({ value: 'a [31mb' }) as unknown }));
  });
});
