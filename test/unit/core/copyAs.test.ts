import { describe, expect, it } from 'vitest';
import { copyForms, type CopyFormId } from '../../../src/core/copyAs.ts';
import type { ForwardSpec, RelaySpec, UdpSpec } from '../../../src/core/forwardSpec.ts';
import { ipVersion } from '../../../src/core/ipVersion.ts';

const HOME = '/home/me';
const BASTION = { host: 'bastion', user: 'me', port: 2222 };
const local = (changes: object): ForwardSpec => ({ kind: 'local', listen: { host: 'localhost', port: 5432 }, connect: { host: 'db', port: 5432 }, target: BASTION, ...changes });
const relay = (listen: string, connect: string, changes: Partial<RelaySpec> = {}): RelaySpec => (
  { kind: 'relay', listen: { host: listen, port: 8080 }, connect: { host: connect, port: 80 }, ...changes });
const udp = (listen: string, connect: string): UdpSpec => ({ kind: 'udp', listen: { host: listen, port: 5353 }, connect: { host: connect, port: 53 } });
const ids = (spec: ForwardSpec): CopyFormId[] => copyForms(spec, HOME).map(({ id }) => id);
const text = (id: CopyFormId, spec: ForwardSpec): string | undefined => copyForms(spec, HOME).find((form) => form.id === id)?.text;
/** Without the lines for people. */
const bare = (id: CopyFormId, spec: ForwardSpec): string[] => (text(id, spec) ?? '').split('\n').filter((line) => !/^(?:#|rem )/.test(line));

describe('what a forward can be copied as', () => {
  it.each<[string, ForwardSpec, CopyFormId[]]>([
    ['-L', local({}), ['ssh', 'ssh-config']],
    ['-R', { kind: 'remote', listen: { host: 'localhost', port: 0 }, connect: { host: 'localhost', port: 3000 }, target: BASTION }, ['ssh', 'ssh-config']],
    ['-D', { kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: BASTION }, ['ssh', 'ssh-config']],
    ['-L on any free port, which ssh does not know', local({ listen: { host: 'localhost', port: 0 } }), []],
    ['-L on a named pipe', local({ listen: { path: String.raw`\\.\pipe\x` } }), []],
    ['-L to a path that ssh would read otherwise', local({ connect: { path: '/run/${X}.sock' } }), []],
    ['a relay', relay('localhost', '10.0.0.2'), ['socat', 'nftables', 'netsh']],
    ['a relay on this computer', relay('localhost', '127.0.0.1'), ['socat', 'nftables', 'pf', 'netsh']],
    ['a relay to a name', relay('localhost', 'web'), ['socat', 'netsh']],
    ['a relay on a name', relay('this.example', '10.0.0.2'), ['socat']],
    ['a relay on any free port', { ...relay('localhost', 'web'), listen: { host: 'localhost', port: 0 } }, []],
    ['a relay to another version of IP', relay('::1', '127.0.0.1'), ['socat', 'netsh']],
    ['a relay between sockets', { kind: 'relay', listen: { path: '/a' }, connect: { path: '/b' } }, ['socat']],
    ['a relay from a named pipe', { kind: 'relay', listen: { path: String.raw`\\.\pipe\x` }, connect: { host: 'web', port: 80 } }, []],
    ['a relay that tries several', relay('localhost', '10.0.0.2', { fallbacks: [{ host: '10.0.0.3', port: 80 }] }), []],
    ['a relay with a header', relay('localhost', '10.0.0.2', { sendsProxyHeader: true }), []],
    ['a row of ports to the same ones', { ...relay('*', '10.0.0.2', { portCount: 3 }), connect: { host: '10.0.0.2', port: 8080 } }, ['nftables', 'pf']],
    ['a row of ports to others', relay('*', '10.0.0.2', { portCount: 3 }), []],
    ['UDP', udp('localhost', '10.0.0.2'), ['socat', 'nftables']],
  ])('%s', (_, spec, expected) => {
    expect(ids(spec)).toEqual(expected);
  });

  it('says in one line of each what it needs', () => {
    for (const { title, detail } of [...copyForms(local({}), HOME), ...copyForms(relay('localhost', '127.0.0.1'), HOME)]) {
      expect(title).toMatch(/^\w+ [A-Z]/);
      expect(detail).toMatch(/^[A-Z][^.\n]+$/);
    }
    for (const id of ['ssh-config', 'socat', 'nftables', 'pf', 'netsh'] as const) expect(text(id, id === 'ssh-config' ? local({}) : relay('localhost', '127.0.0.1'))).toMatch(/^(?:#|rem) /);
  });
});

describe('ssh_config lines', () => {
  it.each<[ForwardSpec, string[]]>([
    [local({}), ['Host bastion', '  User me', '  Port 2222', '  LocalForward 5432 db:5432']],
    [local({ listen: { host: '*', port: 80 }, connect: { host: '::1', port: 80 }, target: { host: 'bastion' } }), ['Host bastion', '  LocalForward *:80 [::1]:80']],
    [local({ portCount: 2 }), ['Host bastion', '  User me', '  Port 2222', '  LocalForward 5432 db:5432', '  LocalForward 5433 db:5433']],
    [local({ listen: { path: '~/a b.sock' }, connect: { path: '/50%/"x"\\y' }, target: { host: 'b' } }), ['Host b', String.raw`  LocalForward "/home/me/a b.sock" "/50%%/\"x\"\\\\y"`]],
    [{ kind: 'remote', listen: { host: '::', port: 9000 }, connect: { path: '~/b.sock' }, target: { host: 'b' } }, ['Host b', '  RemoteForward [::]:9000 /home/me/b.sock']],
    [{ kind: 'dynamic', listen: { host: '192.0.2.7', port: 1080 }, target: { host: 'b' } }, ['Host b', '  DynamicForward 192.0.2.7:1080']],
    [{ kind: 'remote-dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'b' } }, ['Host b', '  RemoteForward 1080']],
  ])('%#', (spec, lines) => {
    expect(bare('ssh-config', spec)).toEqual(lines);
  });
});

describe('a socat command', () => {
  it.each<[ForwardSpec, string[]]>([
    [relay('localhost', 'web'), ['socat TCP4-LISTEN:8080,bind=127.0.0.1,reuseaddr,fork TCP:web:80 &', "socat 'TCP6-LISTEN:8080,bind=[::1],ipv6only=1,reuseaddr,fork' TCP:web:80"]],
    [relay('*', '::1'), ["socat TCP4-LISTEN:8080,bind=0.0.0.0,reuseaddr,fork 'TCP6:[::1]:80' &", "socat 'TCP6-LISTEN:8080,bind=[::],ipv6only=1,reuseaddr,fork' 'TCP6:[::1]:80'"]],
    [{ kind: 'relay', listen: { path: "~/it's, a:b" }, connect: { path: '/run/x.sock' } }, [String.raw`socat 'UNIX-LISTEN:/home/me/it\'\''s\,\ a\:b,mode=0600,fork' UNIX-CONNECT:/run/x.sock`]],
    [udp('127.0.0.1', '10.0.0.2'), ['socat -T 120 -b 65507 UDP4-LISTEN:5353,bind=127.0.0.1,reuseaddr,fork UDP4:10.0.0.2:53']],
  ])('%#', (spec, lines) => {
    expect(bare('socat', spec)).toEqual(lines);
  });
});

describe('nftables rules', () => {
  it('on this computer touch no setting of it', () => {
    expect(text('nftables', relay('localhost', 'localhost'))).toBe([
      '# Needs Linux, nftables and a root shell; lasts until the next boot. Does not cover ::1. Passes only what the other rules of the firewall let pass.',
      '# Remove it with: nft delete table ip culvert_8080',
      "nft -f - <<'EOF'",
      'table ip culvert_8080 {',
      '  chain output {',
      '    type nat hook output priority -100;',
      '    ip daddr 127.0.0.1 tcp dport 8080 dnat to 127.0.0.1:80',
      '  }',
      '}',
      'EOF',
    ].join('\n'));
    expect(bare('nftables', relay('::1', '::1'))).toContain('    ip6 daddr ::1 tcp dport 8080 dnat to [::1]:80');
  });

  it('to another machine let programs here out, and nobody in to the loopback', () => {
    const lines = bare('nftables', relay('localhost', '10.0.0.2'));
    expect(lines).toContain('sysctl -w net.ipv4.conf.all.route_localnet=1');
    expect(lines).toContain('    iifname != "lo" ip daddr 127.0.0.0/8 drop');
    expect(lines).toContain('    ct status dnat ip daddr 10.0.0.2 tcp dport 80 ct original proto-dst 8080 masquerade');
    expect(lines.join()).not.toMatch(/ip_forward|chain prerouting/);
    // The setting outlives the guard.
    expect(text('nftables', relay('localhost', '10.0.0.2'))).toContain('# and, unless something else needs it: sysctl -w net.ipv4.conf.all.route_localnet=0');
  });

  it('for other machines forward, for a row of ports as well', () => {
    const lines = bare('nftables', { ...relay('*', '10.0.0.2', { portCount: 3 }), connect: { host: '10.0.0.2', port: 8080 } });
    expect(lines).toContain('sysctl -w net.ipv4.ip_forward=1');
    expect(lines.filter((line) => line === '    fib daddr type local tcp dport 8080-8082 dnat to 10.0.0.2')).toHaveLength(2);
    expect(lines).toContain('    ct status dnat ip daddr 10.0.0.2 tcp dport 8080-8082 ct original proto-dst 8080-8082 masquerade');
  });
});

describe('pf rules', () => {
  it('on this computer', () => {
    expect(text('pf', relay('localhost', '127.0.0.1'))).toBe([
      '# Needs macOS, or a BSD whose pf.conf has the anchor, and sudo; lasts until the next boot. Does not cover ::1.',
      '# Remove it with: sudo pfctl -a com.apple/culvert_8080 -F all',
      "sudo pfctl -a com.apple/culvert_8080 -E -f - <<'EOF'",
      'rdr pass on lo0 inet proto tcp from any to 127.0.0.1 port 8080 -> 127.0.0.1 port 80',
      'EOF',
    ].join('\n'));
  });

  it('to another machine', () => {
    expect(bare('pf', udp('*', '10.0.0.2'))).toEqual([
      'sudo sysctl -w net.inet.ip.forwarding=1',
      "sudo pfctl -a com.apple/culvert_udp_5353 -E -f - <<'EOF'",
      'out = "en0"',
      'nat on $out inet proto udp from any to 10.0.0.2 port 53 -> ($out)',
      'rdr pass inet proto udp from any to self port 5353 -> 10.0.0.2 port 53',
      'EOF',
    ]);
    const row: RelaySpec = { ...relay('*', '10.0.0.2', { portCount: 3 }), connect: { host: '10.0.0.2', port: 8080 } };
    expect(bare('pf', row)).toContain('rdr pass inet proto tcp from any to self port 8080:8082 -> 10.0.0.2 port 8080:*');
  });
});

describe('netsh commands', () => {
  it('are one for each address, whatever version of IP is behind it', () => {
    expect(text('netsh', relay('localhost', '2001:db8::1'))).toBe([
      'rem Needs Windows, a prompt as administrator and the service "IP Helper"; stays, over restarts too, until it is removed.',
      'rem Remove it with: netsh interface portproxy delete v4tov6 listenaddress=127.0.0.1 listenport=8080',
      'rem Remove it with: netsh interface portproxy delete v6tov6 listenaddress=::1 listenport=8080',
      'netsh interface portproxy add v4tov6 listenaddress=127.0.0.1 listenport=8080 connectaddress=2001:db8::1 connectport=80',
      'netsh interface portproxy add v6tov6 listenaddress=::1 listenport=8080 connectaddress=2001:db8::1 connectport=80',
    ].join('\n'));
    expect(text('netsh', relay('*', 'web'))).toContain('until it is removed. The firewall must let the port in.\n');
  });
});

it.each([['127.0.0.1', 4], ['255.255.255.255', 4], ['256.0.0.1', undefined], ['1.2.3', undefined], ['1.2.3.4.', undefined], ['::1', 6], ['fe80::1%eth0', undefined], ['db', undefined], ['a:b; drop', undefined]] as const)(
  '%s is an address of IP version %s', (host, version) => { expect(ipVersion(host)).toBe(version); });

describe('whatever a forward names', () => {
  it('nothing of it ends a line or a word of another program', () => {
    for (const evil of ['a b', "a'b", 'a"b', 'a`id`', '$(id)', 'a;id', 'a\nb', '-x', 'a\\']) {
      for (const { id, text: made } of copyForms(relay('localhost', evil), HOME)) expect(made, id).not.toContain(evil === '-x' ? ' -x' : evil);
    }
  });
});
