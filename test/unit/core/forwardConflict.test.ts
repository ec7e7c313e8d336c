import { describe, expect, it } from 'vitest';
import type { Endpoint, HostPort } from '../../../src/core/address.ts';
import type { ForwardDefinition } from '../../../src/core/forward.ts';
import { findConflict, isForwardLoop } from '../../../src/core/forwardConflict.ts';
import type { ForwardSpec, RelaySpec, UdpSpec } from '../../../src/core/forwardSpec.ts';

const at = (host: string, port = 80): HostPort => ({ host, port });
const socket = (path: string): Endpoint => ({ path });
const relay = (listen: Endpoint, connect: Endpoint): RelaySpec => ({ kind: 'relay', listen, connect });
const range = (listen: HostPort, connect: HostPort, portCount: number): RelaySpec => ({ ...relay(listen, connect), portCount });
const udp = (listen: HostPort, connect: HostPort): UdpSpec => ({ kind: 'udp', listen, connect });
const listening = (id: string, listen: HostPort): ForwardDefinition => ({
  id, name: '', spec: relay(listen, at('far', 1)), autoStart: false, origin: 'user',
});

describe('two forwards want the same address', () => {
  it.each([
    ['localhost', 'localhost'], ['localhost', '127.0.0.1'], ['localhost', '::1'], ['localhost', 'LOCALHOST'],
    ['*', 'localhost'], ['0.0.0.0', '127.0.0.1'], ['*', '10.0.0.1'], ['', '::'], ['10.0.0.1', '10.0.0.1'], ['127.0.0.2', '127.0.0.2'], ['Web', 'web'],
  ])('%j and %j', (one, other) => {
    expect(findConflict(listening('a', at(one)), [listening('b', at(other))])?.id).toBe('b');
    expect(findConflict(listening('a', at(other)), [listening('b', at(one))])?.id).toBe('b');
  });

  it.each([['127.0.0.1', '::1'], ['localhost', '127.0.0.2'], ['localhost', '10.0.0.1'], ['10.0.0.1', '10.0.0.2']])('not: %j and %j', (one, other) => {
    expect(findConflict(listening('a', at(one)), [listening('b', at(other))])).toBeUndefined();
    expect(findConflict(listening('a', at(other)), [listening('b', at(one))])).toBeUndefined();
  });

  it('not with another port, with a port that the system chooses, or with itself', () => {
    expect(findConflict(listening('a', at('localhost', 80)), [listening('b', at('localhost', 81))])).toBeUndefined();
    expect(findConflict(listening('a', at('localhost', 0)), [listening('b', at('localhost', 0))])).toBeUndefined();
    expect(findConflict(listening('a', at('localhost', 80)), [listening('a', at('localhost', 80))])).toBeUndefined();
  });

  it('and the first of several is named', () => {
    expect(findConflict(listening('a', at('*')), [listening('b', at('localhost', 1)), listening('c', at('::1')), listening('d', at('*'))])?.id).toBe('c');
  });
});

describe('sockets, ranges and datagrams', () => {
  const far = at('far', 1);
  const there = (listen: Endpoint, host = 'bastion'): ForwardSpec => ({ kind: 'remote', listen, connect: far, target: { host } });

  it.each<[string, ForwardSpec, ForwardSpec, boolean]>([
    ['one path', relay(socket('/a'), far), relay(socket('/a'), far), true],
    ['one path, written otherwise', relay(socket('/run/a'), far), relay(socket('/run//a'), far), true],
    ['one pipe', relay(socket('\\\\.\\pipe\\A'), far), relay(socket('\\\\.\\pipe\\a'), far), true],
    ['two paths', relay(socket('/a'), far), relay(socket('/b'), far), false],
    ['a path and a port', relay(socket('/a'), far), relay(at('localhost'), far), false],
    ['a path here and there', relay(socket('/a'), far), there(socket('/a')), false],
    ['a path on one server', there(socket('/a')), there(socket('/a')), true],
    ['a path on two servers', there(socket('/a')), there(socket('/a'), 'other'), false],
    ['the last port of a range', range(at('localhost', 70), far, 11), relay(at('localhost', 80), far), true],
    ['the first port of a range', range(at('localhost', 80), far, 11), relay(at('127.0.0.1', 80), far), true],
    ['a range and the port above', range(at('localhost', 70), far, 10), relay(at('localhost', 80), far), false],
    ['a range and the port below', range(at('localhost', 81), far, 10), relay(at('localhost', 80), far), false],
    ['a range within a range', range(at('*', 1), far, 100), range(at('localhost', 50), far, 2), true],
    ['a range of another address', range(at('127.0.0.1', 1), far, 100), relay(at('127.0.0.2', 50), far), false],
    ['a range and any free port', range(at('localhost', 1), far, 100), relay(at('localhost', 0), far), false],
    ['UDP and UDP', udp(at('localhost'), far), udp(at('*'), far), true],
    ['UDP and TCP', udp(at('localhost'), far), relay(at('localhost'), far), false],
  ])('%s', (_, one, other, isConflict) => {
    const [a, b] = [{ ...listening('a', at('x')), spec: one }, { ...listening('b', at('x')), spec: other }];
    expect(findConflict(a, [b])?.id).toBe(isConflict ? 'b' : undefined);
    expect(findConflict(b, [a])?.id).toBe(isConflict ? 'a' : undefined);
  });
});

describe('on servers', () => {
  const on = (id: string, spec: ForwardSpec): ForwardDefinition => ({ ...listening(id, at('localhost')), spec });
  const remote = (host: string, listen = at('localhost')): ForwardSpec => ({ kind: 'remote', listen, connect: at('far', 1), target: { host } });
  const proxy = (host: string, listen = at('localhost')): ForwardSpec => ({ kind: 'remote-dynamic', listen, target: { host, user: 'me', port: 22 } });
  const local: ForwardSpec = { kind: 'local', listen: at('localhost'), connect: at('far', 1), target: { host: 'bastion' } };
  const dynamic: ForwardSpec = { kind: 'dynamic', listen: at('localhost'), target: { host: 'bastion' } };

  it.each<[string, ForwardSpec, ForwardSpec, boolean]>([
    ['two on the same one', remote('bastion'), remote('bastion'), true],
    ['two on the same one, whoever logs in', remote('Bastion'), proxy('bastion'), true],
    ['one everywhere there', remote('bastion', at('*')), proxy('bastion'), true],
    ['on two of them', remote('bastion'), remote('other'), false],
    ['other ports', remote('bastion'), remote('bastion', at('localhost', 81)), false],
    ['there and here', remote('bastion'), local, false],
    ['here, of two kinds', dynamic, local, true],
    ['here, with a relay', dynamic, relay(at('127.0.0.1'), at('far')), true],
    ['a port that the server chooses', remote('bastion', at('localhost', 0)), remote('bastion', at('localhost', 0)), false],
  ])('%s: %#', (_, one, other, isConflict) => {
    expect(findConflict(on('a', one), [on('b', other)])?.id).toBe(isConflict ? 'b' : undefined);
    expect(findConflict(on('a', other), [on('b', one)])?.id).toBe(isConflict ? 'b' : undefined);
  });
});

describe('a relay that leads back to itself', () => {
  it.each<[string, HostPort, HostPort]>([
    ['to its own loopback', at('localhost'), at('127.0.0.1')],
    ['to its own loopback, IPv6', at('localhost'), at('::1')],
    ['to its own name', at('127.0.0.1'), at('localhost')],
    ['from everywhere to the loopback', at('*'), at('127.0.0.5')],
    ['to no address, which means this machine', at('localhost'), at('0.0.0.0')],
    ['to no address, IPv6', at('127.0.0.1'), at('::')],
    ['to the same address', at('10.0.0.1'), at('10.0.0.1')],
  ])('%s', (_, listen, connect) => {
    expect(isForwardLoop(relay(listen, connect), [])).toBe(true);
  });

  it.each<[string, HostPort, HostPort]>([
    ['to another port', at('localhost', 80), at('localhost', 81)],
    ['to another loopback address', at('localhost'), at('127.0.0.2')],
    ['from IPv4 to IPv6', at('127.0.0.1'), at('::1')],
    ['to another machine', at('localhost'), at('10.0.0.1')],
    ['from a port that the system chooses', at('localhost', 0), at('localhost', 0)],
  ])('not: %s', (_, listen, connect) => {
    expect(isForwardLoop(relay(listen, connect), [])).toBe(false);
  });

  const chain = (length: number): (RelaySpec & { readonly listen: HostPort })[] =>
    Array.from({ length }, (_, index) => ({ kind: 'relay', listen: at('localhost', 1000 + index), connect: at('localhost', 1000 + ((index + 1) % length)) }));

  it.each([2, 3, 9])('through a chain of %i', (length) => {
    for (const spec of chain(length)) expect(isForwardLoop(spec, chain(length).filter(({ listen }) => listen.port !== spec.listen.port))).toBe(true);
  });

  it('not when the chain is open, or the circle is one of others', () => {
    const [first, ...others] = chain(4);
    expect(isForwardLoop(first!, others.slice(0, -1))).toBe(false);
    expect(isForwardLoop(relay(at('localhost', 5), at('localhost', 1001)), [...chain(3)])).toBe(false);
  });

  it('through a server and back, and not through two of them', () => {
    const there: ForwardSpec = { kind: 'local', listen: at('localhost', 1), connect: at('localhost', 2), target: { host: 'bastion' } };
    const back = (host: string): ForwardSpec => ({ kind: 'remote', listen: at('localhost', 2), connect: at('localhost', 1), target: { host } });
    expect(isForwardLoop(there, [back('bastion')])).toBe(true);
    expect(isForwardLoop(back('bastion'), [there])).toBe(true);
    expect(isForwardLoop(there, [back('other')])).toBe(false);
    const byRelay: ForwardSpec = { kind: 'remote', listen: at('localhost', 2), connect: at('localhost', 3), target: { host: 'bastion' } };
    expect(isForwardLoop(there, [byRelay, relay(at('localhost', 3), at('localhost', 1))])).toBe(true);
  });

  it('not through a proxy, which goes where it is asked to', () => {
    const proxy: ForwardSpec = { kind: 'remote-dynamic', listen: at('localhost', 2), target: { host: 'bastion' } };
    const there: ForwardSpec = { kind: 'local', listen: at('localhost', 1), connect: at('localhost', 2), target: { host: 'bastion' } };
    expect(isForwardLoop(there, [proxy])).toBe(false);
    expect(isForwardLoop(proxy, [there])).toBe(false);
  });

  it.each<[string, boolean, ForwardSpec, ...ForwardSpec[]]>([
    ['through a socket', true, relay(socket('/a'), socket('/b')), relay(socket('/b'), socket('/a'))],
    ['through a socket and a port', true, relay(socket('/a'), at('localhost', 1)), relay(at('localhost', 1), socket('/a'))],
    ['through a socket of another name', false, relay(socket('/a'), socket('/b')), relay(socket('/c'), socket('/a'))],
    ['through a socket of a server', false, { kind: 'local', listen: socket('/a'), connect: socket('/b'), target: { host: 'bastion' } }, relay(socket('/b'), socket('/a'))],
    ['by a fallback', true, { ...relay(at('localhost', 1), at('far')), fallbacks: [at('farther'), at('localhost', 2)] }, relay(at('localhost', 2), at('localhost', 1))],
    ['by a fallback of another', true, relay(at('localhost', 2), at('localhost', 1)), { ...relay(at('localhost', 1), at('far')), fallbacks: [socket('/x'), at('localhost', 2)] }],
    ['by its own fallback', true, { ...relay(at('localhost', 1), at('far')), fallbacks: [at('127.0.0.1', 1)] }],
    ['through two that listen alike', true, relay(at('localhost', 1), at('localhost', 2)), relay(at('localhost', 2), at('far')), relay(at('127.0.0.1', 2), at('localhost', 1))],
    ['by all ports of a range', true, range(at('localhost', 1), at('localhost', 101), 100), range(at('localhost', 101), at('localhost', 1), 100)],
    ['by one port of a range', true, range(at('localhost', 1), at('localhost', 101), 100), relay(at('localhost', 150), at('localhost', 50))],
    ['by no port of a range', false, range(at('localhost', 1), at('localhost', 101), 100), relay(at('localhost', 150), at('localhost', 1000))],
    // 1 leads to 2, 2 to 3 …, and 1001 to nobody.
    ['by a range that is shifted', false, range(at('localhost', 1), at('localhost', 2), 1_000)],
    ['by a range that is shifted there and back', true, range(at('localhost', 1), at('localhost', 102), 100), range(at('localhost', 102), at('localhost', 1), 50)],
    ['by a range that comes back higher each time', false, range(at('localhost', 1), at('localhost', 101), 100), range(at('localhost', 101), at('localhost', 2), 99)],
    ['of datagrams', true, udp(at('localhost', 1), at('localhost', 2)), udp(at('localhost', 2), at('localhost', 1))],
    ['of datagrams and streams', false, udp(at('localhost', 1), at('localhost', 2)), relay(at('localhost', 2), at('localhost', 1))],
  ])('%s: %s', (_, isLoop, spec, ...others) => {
    expect(isForwardLoop(spec, others)).toBe(isLoop);
  });

  it('not through SSH', () => {
    const local: ForwardSpec = { kind: 'local', listen: at('localhost', 1), connect: at('localhost', 2), target: { host: 'bastion' } };
    expect(isForwardLoop(local, [relay(at('localhost', 2), at('localhost', 1))])).toBe(false);
    expect(isForwardLoop(relay(at('localhost', 2), at('localhost', 1)), [local])).toBe(false);
  });
});
