import { describe, expect, it } from 'vitest';
import type { Endpoint, HostPort } from '../../../src/core/address.ts';
import { parseForward } from '../../../src/core/forwardParser.ts';
import { isThroughSsh, portCountOf, type ForwardSpec, type LocalSpec, type SshDestination, type SshSpec } from '../../../src/core/forwardSpec.ts';
import { bindAddresses, connectsToItself, formatDestination, formatForward, formatRule, formatSshCommand, isSameSpec, quotedWord, splitWords } from '../../../src/core/forwardText.ts';

const HOSTS = ['localhost', 'web', 'db.internal', '10.0.0.1', '127.0.0.1', '::2', 'fe80::1%eth0', 'bücher.example', '__proto__', 'a'.repeat(253)];
const BINDS = [...HOSTS, '*', '0.0.0.0', '::', '::1'];
const TARGETS: readonly SshDestination[] = [
  { host: 'bastion' }, { host: 'bastion', user: 'me' }, { host: 'bastion', port: 2222 }, { host: 'bastion', user: 'me@corp', port: 65535 }, { host: '::2' },
  { host: '2001:db8::1', user: 'CORP\\me', port: 1 }, { host: '10.0.0.1', user: 'constructor' }, { host: 'bastion', user: 'me:SSH:you' },
];

const PATHS = ['/run/x.sock', '/run/a:b', '/a,b', '/run/a\\b', '/run/a b', "/it's", '/"quoted"', `/both'"`, '/run/ssh', '/udp:1', '/日本', '/$x', '/~/y'];
const HERE_PATHS = [...PATHS, '~/x.sock', '~/a: b', '\\\\.\\pipe\\x', '\\\\.\\pipe\\a:b, c'];
const TARGET: SshDestination = { host: 'bastion' };

/** Every kind with paths, ranges, further destinations and the header. */
function everyOtherSpec(): ForwardSpec[] {
  const port: HostPort = { host: 'localhost', port: 8080 };
  const web: HostPort = { host: 'web', port: 80 };
  const at = (path: string): Endpoint => ({ path });
  const relays = HERE_PATHS.flatMap((path): ForwardSpec[] => [
    { kind: 'relay', listen: at(path), connect: web }, { kind: 'relay', listen: port, connect: at(path) }, { kind: 'relay', listen: at(path), connect: at('/far') },
    { kind: 'relay', listen: port, connect: at(path), fallbacks: [web, at(path), { host: '::1', port: 1 }], sendsProxyHeader: true },
  ]);
  const tunnels = HERE_PATHS.flatMap((path): ForwardSpec[] => [
    { kind: 'local', listen: at(path), connect: web, target: TARGET }, { kind: 'local', listen: at(path), connect: at('/far'), target: TARGET },
    { kind: 'remote', listen: port, connect: at(path), target: TARGET }, { kind: 'remote', listen: at('/near'), connect: at(path), target: TARGET },
  ]);
  const onServer = PATHS.flatMap((path): ForwardSpec[] => [{ kind: 'local', listen: port, connect: at(path), target: TARGET }, { kind: 'remote', listen: at(path), connect: web, target: TARGET }]);
  const ports = BINDS.flatMap((host): ForwardSpec[] => {
    const poles = { listen: { host, port: 8000 }, connect: { host: 'web', port: 9000 }, portCount: 1_000 };
    return [{ kind: 'relay', ...poles }, { kind: 'relay', ...poles, sendsProxyHeader: true }, { kind: 'local', ...poles, target: TARGET }, { kind: 'remote', ...poles, target: TARGET },
      { kind: 'udp', listen: { host, port: 0 }, connect: web }];
  });
  return [...relays, ...tunnels, ...onServer, ...ports];
}

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
    const specs = [...everySpec(), ...everyOtherSpec()];
    expect(specs.length).toBeGreaterThan(1_000);
    for (const spec of specs) {
      const result = parseForward(formatForward(spec), { sshHosts: new Set() });
      expect(result.isValid ? result.readings[0] : result).toEqual({ kind: 'forward', spec });
    }
  });

  it('reads back from its ssh command', () => {
    for (const spec of [...everySpec(), ...everyOtherSpec()]) {
      if (!isThroughSsh(spec) || portCountOf(spec) > 1) continue;
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
    [{ kind: 'udp', listen: { host: 'localhost', port: 5353 }, connect: { host: '10.0.0.2', port: 53 } }, 'udp:5353:10.0.0.2:53'],
    [{ kind: 'udp', listen: { host: '::1', port: 5353 }, connect: { host: '::2', port: 53 } }, 'udp:[::1]:5353:[::2]:53'],
    [{ kind: 'relay', listen: { path: '~/a.sock' }, connect: { path: '/b' }, fallbacks: [{ host: 'web', port: 80 }, { path: '/c,d' }], sendsProxyHeader: true }, '~/a.sock:/b,web:80,[/c,d] send-proxy-v2'],
    [{ kind: 'relay', listen: { host: 'localhost', port: 8000 }, connect: { host: '::1', port: 9000 }, portCount: 11 }, '8000-8010:[::1]:9000-9010'],
    [{ kind: 'remote', listen: { path: '/a b' }, connect: { host: 'localhost', port: 3000 }, target: { host: 'bastion' } }, '-R "/a b:localhost:3000"'],
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
    [{ ...spec('localhost', 'web', { host: 'bastion' }), listen: { path: '/a.sock' }, connect: { path: '/b c' } }, "ssh -N -L '/a.sock:/b c' bastion"],
    // A shell replaces ~ only where a word begins.
    [{ ...spec('localhost', 'web', { host: 'bastion' }), listen: { path: '~/a.sock' } }, 'ssh -N -L "$HOME"/a.sock:web:80 bastion'],
    [{ ...spec('localhost', 'web', { host: 'bastion' }), listen: { path: '~/a:~/b c' } }, `ssh -N -L '['"$HOME"'/a:~/b c]:web:80' bastion`],
    [{ ...spec('localhost', 'web', { host: 'bastion' }), kind: 'remote', connect: { path: '~/b' } }, 'ssh -N -R 8080:"$HOME"/b bastion'],
    // ssh knows no ranges.
    [{ ...spec('localhost', 'web', { host: 'bastion', port: 2222 }), portCount: 3 }, 'ssh -N -L 8080:web:80 -L 8081:web:81 -L 8082:web:82 -p 2222 bastion'],
    [{ ...spec('*', 'web', { host: 'bastion' }), kind: 'remote', portCount: 2 }, "ssh -N -R '*:8080:web:80' -R '*:8081:web:81' bastion"],
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
    const { kind, connect } = spec;
    expect(isSameSpec(spec, { target: { user: 'me', host: 'bastion' }, connect, listen: { port: 1, host: 'localhost' }, kind })).toBe(true);
  });

  it.each<[string, ForwardSpec]>([
    ['server', { ...spec, target: { host: 'bastion' } }],
    ['server port', { ...spec, target: { ...spec.target, port: 22 } }],
    ['kind', { kind: 'relay', listen: spec.listen, connect: spec.connect }],
    ['direction', { ...spec, kind: 'remote' }],
    ['freedom', { kind: 'dynamic', listen: { host: 'localhost', port: 1 }, target: spec.target }],
    ['bind address', { ...spec, listen: { host: '*', port: 1 } }],
    ['destination', { ...spec, connect: { host: 'web', port: 3 } }],
    ['number of ports', { ...spec, portCount: 2 }],
    ['listening socket', { ...spec, listen: { path: '/a' } }],
    ['transport', { kind: 'udp', listen: { host: 'localhost', port: 1 }, connect: { host: 'web', port: 2 } }],
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

it('a relay with other fallbacks or another header is another one', () => {
  const relay = { kind: 'relay', listen: { host: 'localhost', port: 1 }, connect: { path: '/a' } } as const;
  const fallbacks = [{ path: '/b' }];
  expect(isSameSpec({ ...relay, fallbacks }, { ...relay, fallbacks: [{ path: '/b' }] })).toBe(true);
  expect(isSameSpec({ ...relay, fallbacks }, relay)).toBe(false);
  expect(isSameSpec({ ...relay, fallbacks }, { ...relay, fallbacks: [{ path: '/c' }] })).toBe(false);
  expect(isSameSpec({ ...relay, sendsProxyHeader: true }, relay)).toBe(false);
});

it.each(['plain', 'two words', "it's", '"said"', `it's "said"`, 'back\\slash', '\\', `\\'`, ' '])('the word %j reads back as itself among others', (word) => {
  expect(splitWords(`a ${quotedWord(word)} b`).map(({ text }) => text)).toEqual(word === '\\' ? ['a', 'b'] : ['a', word, 'b']);
});

it.each<[Endpoint, Endpoint, boolean]>([
  [{ path: '/a' }, { path: '/a' }, true], [{ path: '/run/a' }, { path: '/run//./a' }, true], [{ path: '\\\\.\\pipe\\Docker' }, { path: '\\\\.\\pipe\\docker' }, true],
  [{ path: '/a' }, { path: '/b' }, false], [{ path: '/a' }, { path: '/A' }, false], [{ path: '/a' }, { host: 'localhost', port: 1 }, false], [{ host: 'localhost', port: 1 }, { path: '/a' }, false],
])('whether a listener connects to itself is seen at sockets too: %j %j', (listen, connect, isItself) => {
  expect(connectsToItself(listen, connect)).toBe(isItself);
});

it('a listener that connects to itself is seen through the case of its name', () => {
  expect(connectsToItself({ host: 'Web', port: 80 }, { host: 'web', port: 80 })).toBe(true);
});
