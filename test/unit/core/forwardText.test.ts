import { describe, expect, it } from 'vitest';
import type { HostPort } from '../../../src/core/address.ts';
import { parseForward } from '../../../src/core/forwardParser.ts';
import type { ForwardSpec, LocalSpec, SshDestination, SshSpec } from '../../../src/core/forwardSpec.ts';
import { bindAddresses, connectsToItself, formatDestination, formatForward, formatRule, formatSshCommand, isSameSpec } from '../../../src/core/forwardText.ts';

const HOSTS = ['localhost', 'web', 'db.internal', '10.0.0.1', '127.0.0.1', '::2', 'fe80::1%eth0', 'bücher.example', '__proto__', 'a'.repeat(253)];
const BINDS = [...HOSTS, '*', '0.0.0.0', '::', '::1'];
const TARGETS: readonly SshDestination[] = [
  { host: 'bastion' }, { host: 'bastion', user: 'me' }, { host: 'bastion', port: 2222 }, { host: 'bastion', user: 'me@corp', port: 65535 }, { host: '::2' },
  { host: '2001:db8::1', user: 'CORP\\me', port: 1 }, { host: '10.0.0.1', user: 'constructor' }, { host: 'bastion', user: 'me:SSH:you' },
];

function everySpec(): ForwardSpec[] {
  return BINDS.flatMap((bind) => HOSTS.flatMap((host): ForwardSpec[] => {
    const poles = { listen: { host: bind, port: 8080 }, connect: { host, port: 80 } };
    return [{ kind: 'relay', ...poles }, ...TARGETS.flatMap((target): ForwardSpec[] => [{ kind: 'local', ...poles, target }, { kind: 'remote', ...poles, target }])];
  })).concat(BINDS.flatMap((host) => TARGETS.flatMap((target): ForwardSpec[] => {
    const listen = { host, port: 1080 };
    return [{ kind: 'dynamic', listen, target }, { kind: 'remote-dynamic', listen, target }];
  })));
}

describe('a forward as text', () => {
  it('reads back as itself, whatever its hosts', () => {
    const specs = everySpec();
    expect(specs.length).toBeGreaterThan(1_000);
    for (const spec of specs) {
      const result = parseForward(formatForward(spec), { sshHosts: new Set() });
      expect(result.isValid ? result.readings[0] : result).toEqual({ kind: 'forward', spec });
    }
  });

  it('reads back from its ssh command', () => {
    for (const spec of everySpec()) {
      if (spec.kind === 'relay') continue;
      const result = parseForward(formatSshCommand(spec), { sshHosts: new Set() });
      expect(result).toEqual({ isValid: true, leftOut: [], notTakenOver: [], readings: [{ kind: 'forward', spec }] });
    }
  });

  it.each<[ForwardSpec, string]>([
    [{ kind: 'relay', listen: { host: 'localhost', port: 2323 }, connect: { host: 'localhost', port: 23 } }, '2323:localhost:23'],
    [{ kind: 'relay', listen: { host: '*', port: 0 }, connect: { host: '::1', port: 23 } }, '*:0:[::1]:23'],
    [{ kind: 'relay', listen: { host: '::1', port: 80 }, connect: { host: 'h', port: 23 } }, '[::1]:80:h:23'],
    [{ kind: 'remote', listen: { host: 'localhost', port: 0 }, connect: { host: 'localhost', port: 3000 }, target: { host: 'bastion' } }, '-R 0:localhost:3000'],
    [{ kind: 'dynamic', listen: { host: '::1', port: 1080 }, target: { host: 'bastion' } }, '-D [::1]:1080'],
    [{ kind: 'remote-dynamic', listen: { host: 'localhost', port: 9000 }, target: { host: 'bastion' } }, '-R 9000'],
  ])('is short where the listener is the loopback: %#', (spec, text) => {
    expect(formatRule(spec)).toBe(text);
  });

  it('names the server as people do', () => {
    expect(TARGETS.map(formatDestination)).toEqual([
      'bastion', 'me@bastion', 'bastion:2222', 'me@corp@bastion:65535', '[::2]', 'CORP\\me@[2001:db8::1]:1', 'constructor@10.0.0.1', 'me:SSH:you@bastion',
    ]);
  });
});

describe('the ssh command', () => {
  const spec = (listenHost: string, connectHost: string, target: SshDestination): LocalSpec =>
    ({ kind: 'local', listen: { host: listenHost, port: 8080 }, connect: { host: connectHost, port: 80 }, target });

  it.each<[SshSpec, string]>([
    [spec('localhost', 'web', { host: 'bastion' }), 'ssh -N -L 8080:web:80 bastion'],
    [spec('localhost', 'web', { host: 'bastion', user: 'me', port: 2222 }), 'ssh -N -L 8080:web:80 -p 2222 me@bastion'],
    [spec('*', 'web', { host: 'bastion' }), "ssh -N -L '*:8080:web:80' bastion"],
    [spec('localhost', '::1', { host: '::2', user: 'me' }), "ssh -N -L '8080:[::1]:80' me@::2"],
    [{ ...spec('*', '::1', { host: 'bastion' }), kind: 'remote' }, "ssh -N -R '*:8080:[::1]:80' bastion"],
    [{ ...spec('localhost', 'web', { host: 'bastion', port: 2222 }), kind: 'remote' }, 'ssh -N -R 8080:web:80 -p 2222 bastion'],
    [{ kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'bastion', user: 'me' } }, 'ssh -N -D 1080 me@bastion'],
    [{ kind: 'dynamic', listen: { host: '::1', port: 1080 }, target: { host: 'bastion' } }, "ssh -N -D '[::1]:1080' bastion"],
    [{ kind: 'remote-dynamic', listen: { host: 'localhost', port: 9000 }, target: { host: 'bastion' } }, 'ssh -N -R 9000 bastion'],
    [spec('localhost', 'web', { host: 'bastion', user: 'CORP\\me' }), "ssh -N -L 8080:web:80 'CORP\\me@bastion'"],
    // No parser lets these in; the command must be safe to paste all the same.
    [spec('localhost', '$(id)', { host: 'x y' }), "ssh -N -L '8080:$(id):80' 'x y'"],
    [spec('localhost', 'a', { host: "it's" }), "ssh -N -L 8080:a:80 'it'\\''s'"],
    [spec('localhost', 'a', { host: 'a\nb' }), "ssh -N -L 8080:a:80 'a\nb'"],
    [spec('localhost', 'a', { host: 'a\n' }), "ssh -N -L 8080:a:80 'a\n'"],
    [spec('localhost', 'a', { host: '' }), "ssh -N -L 8080:a:80 ''"],
  ])('%#: %j', (local, command) => {
    expect(formatSshCommand(local)).toBe(command);
  });
});

describe('the same forward', () => {
  const spec: LocalSpec = { kind: 'local', listen: { host: 'localhost', port: 1 }, connect: { host: 'web', port: 2 }, target: { host: 'bastion', user: 'me' } };

  it('is the same whatever the order of its fields', () => {
    const { kind, listen, connect } = spec;
    expect(isSameSpec(spec, { target: { user: 'me', host: 'bastion' }, connect, listen: { port: listen.port, host: listen.host }, kind })).toBe(true);
  });

  it.each<[string, ForwardSpec]>([
    ['server', { ...spec, target: { host: 'bastion' } }],
    ['server port', { ...spec, target: { ...spec.target, port: 22 } }],
    ['kind', { kind: 'relay', listen: spec.listen, connect: spec.connect }],
    ['direction', { ...spec, kind: 'remote' }],
    ['freedom', { kind: 'dynamic', listen: spec.listen, target: spec.target }],
    ['bind address', { ...spec, listen: { host: '*', port: 1 } }],
    ['destination', { ...spec, connect: { host: 'web', port: 3 } }],
  ])('is another one with another %s', (_, other) => {
    expect(isSameSpec(spec, other)).toBe(false);
  });
});

describe('what a listen host binds', () => {
  it.each<[string, string[]]>([
    ['localhost', ['127.0.0.1', '::1']], ['*', ['0.0.0.0', '::']], ['', ['0.0.0.0', '::']], ['127.0.0.1', ['127.0.0.1']], ['::', ['::']], ['web', ['web']],
  ])('%j', (host, hosts) => {
    expect(bindAddresses({ host, port: 8080 })).toEqual(hosts.map((each): HostPort => ({ host: each, port: 8080 })));
  });
});

it('a listener that connects to itself is seen through the case of its name', () => {
  expect(connectsToItself({ host: 'Web', port: 80 }, { host: 'web', port: 80 })).toBe(true);
});
