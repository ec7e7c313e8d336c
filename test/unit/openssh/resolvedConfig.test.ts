import { describe, expect, it } from 'vitest';
import { canonicalHost, splitUserHostPort } from '../../../src/openssh/hostPort.ts';
import { parseJumpHosts } from '../../../src/openssh/jumpHosts.ts';
import { parseSshDashG, splitFileList } from '../../../src/openssh/resolvedConfig.ts';

describe('parseSshDashG', () => {
  it('keeps every value, keywords in small letters', () => {
    const config = parseSshDashG('host web\nidentityfile ~/a\nidentityfile ~/b c\ncanonicalizePermittedcnames none\r\nproxycommand nc %h %p\n');
    expect(config.all('identityfile')).toEqual(['~/a', '~/b c']);
    expect(config.get('canonicalizepermittedcnames')).toBe('none');
    expect(config.get('proxycommand')).toBe('nc %h %p');
    expect(config.get('absent')).toBeUndefined();
  });

  it('tells what is set from what is default, and nothing where the defaults are unknown', () => {
    const config = parseSshDashG('ciphers a,b\nmacs c\nidentityfile x\nidentityfile y\nproxyjump z\n', 'ciphers a,b\nmacs d\nidentityfile x\n');
    expect(['ciphers', 'macs', 'identityfile', 'proxyjump', 'absent'].map((keyword) => config.isSet(keyword))).toEqual([false, true, true, true, false]);
    expect(parseSshDashG('ciphers a,b\n').isSet('ciphers')).toBe(false);
  });

  it('knows both spellings of yes', () => {
    const config = parseSshDashG('a yes\nb true\nc no\nd false\n');
    expect(['a', 'b', 'c', 'd', 'e'].map((keyword) => config.isYes(keyword))).toEqual([true, true, false, false, false]);
  });

  it.each([
    ['/a /b', ['/a', '/b']],
    ['~/.ssh/known_hosts ~/.ssh/known_hosts2', ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']],
    ['/with space/x /b', ['/with space/x', '/b']],
    ['C:\\Users\\A B\\.ssh\\known_hosts D:/x', ['C:\\Users\\A B\\.ssh\\known_hosts', 'D:/x']],
    ['__PROGRAMDATA__\\ssh/ssh_known_hosts __PROGRAMDATA__\\ssh/ssh_known_hosts2', ['__PROGRAMDATA__\\ssh/ssh_known_hosts', '__PROGRAMDATA__\\ssh/ssh_known_hosts2']],
    ['none', ['none']],
    ['%d/x ${A}/y', ['%d/x', '${A}/y']],
  ])('splits the list of files %j', (value, files) => {
    expect(splitFileList(value)).toEqual(files);
  });
});

describe('parseJumpHosts', () => {
  it.each([
    ['a', [{ host: 'a' }]],
    ['joe@a:22,b', [{ host: 'a', user: 'joe', port: 22 }, { host: 'b' }]],
    ['joe@corp@a', [{ host: 'a', user: 'joe@corp' }]],
    ['[::1]:22', [{ host: '::1', port: 22 }]],
    ['ssh://joe%40corp@a:22', [{ host: 'a', user: 'joe@corp', port: 22 }]],
    ['ssh://joe;x=1@[::1]:22/', [{ host: '::1', user: 'joe', port: 22 }]],
  ])('reads %j', (value, hosts) => {
    expect(parseJumpHosts(value)).toEqual(hosts);
  });

  it.each(['', ',', 'a,', '@a', 'a:0', 'a:x', 'a:70000', '[::1', 'a:1:2', 'ssh://a/path', 'ssh://%zz@a', 'ssh://@a'])('refuses %j', (value) => {
    expect(parseJumpHosts(value)).toBeUndefined();
  });
});

describe('canonicalHost', () => {
  it.each([
    ['WEB', 'web'], ['127.1', '127.0.0.1'], ['2130706433', '127.0.0.1'], ['::0001', '::1'], ['2001:DB8:0:0::1', '2001:db8::1'], ['fe80::1%eth0', 'fe80::1%eth0'],
    ['not:an:address', 'not:an:address'], ['1.2.3.4.5', '1.2.3.4.5'],
  ])('%s is %s', (host, canonical) => {
    expect(canonicalHost(host)).toBe(canonical);
  });

  it('splits like ssh', () => {
    expect(splitUserHostPort('a:')).toEqual({ host: 'a' });
  });
});
