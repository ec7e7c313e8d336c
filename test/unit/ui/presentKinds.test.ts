import { describe, expect, it } from 'vitest';
import { NO_TRAFFIC, type Connection } from '../../../src/core/forward.ts';
import type { ForwardSpec, RelaySpec } from '../../../src/core/forwardSpec.ts';
import type { Bound, ForwardState } from '../../../src/core/forwardState.ts';
import { describeBound, describeSpec, isWide, warningOf } from '../../../src/ui/describeSpec.ts';
import { presentAddresses } from '../../../src/ui/listenRows.ts';
import { describeState, formatPoles, localAddress, localEnd, presentConnection, presentForward, serverOf, titleOf } from '../../../src/ui/present.ts';
import { connectionOf, DYNAMIC, FAILOVER, failure, forwardOf, LOCAL, NOW, RANGE, RELAY, REMOTE, SOCKETS, STATES, UDP } from './samples.ts';

const listening = (bound: Bound): ForwardState => ({ ...STATES.listening, bound } as ForwardState);
const PIPE = { path: String.raw`\\.\pipe\docker` };
const MANY: RelaySpec = { ...FAILOVER, fallbacks: [2, 3, 4, 5].map((n) => ({ host: `db${String(n)}`, port: 5432 })) };

describe('the poles', () => {
  it.each<[ForwardSpec, string]>([
    [SOCKETS, '~/a.sock → /run/b.sock'],
    [{ ...LOCAL, connect: { path: '/run/docker.sock' } }, '5432 → /run/docker.sock'],
    [{ ...LOCAL, listen: PIPE }, String.raw`\\.\pipe\docker → db:5432`],
    [{ ...REMOTE, listen: { path: '/tmp/x.sock' } }, 'bastion:/tmp/x.sock → localhost:3000'],
    [UDP, 'UDP 5353 → 10.0.0.2:53'],
    [{ ...UDP, listen: { host: '*', port: 0 } }, 'UDP *:any free port → 10.0.0.2:53'],
    [RANGE, '8000-8010 → far:9000-9010'],
    [{ ...RANGE, listen: { host: '::1', port: 8000 }, connect: { host: '::2', port: 9000 } }, '[::1]:8000-8010 → [::2]:9000-9010'],
    [{ ...REMOTE, portCount: 2 }, 'bastion:9000-9001 → localhost:3000-3001'],
    [FAILOVER, '5432 → db1:5432, else db2:5433, else /run/db.sock'],
    [MANY, '5432 → db1:5432, else db2:5432, else db3:5432 and 2 more'],
    [{ ...RELAY, sendsProxyHeader: true }, '8080 → far:80 (PROXY header)'],
    [{ ...SOCKETS, listen: { path: '/run/user/1000/gnupg/S.gpg-agent' }, connect: { path: '/home/me/.gnupg/S.gpg-agent.extra' } }, '…/S.gpg-agent → …/S.gpg-agent.extra'],
    [{ ...LOCAL, listen: { path: String.raw`\\.\pipe\openssh-ssh-agent-of-me` } }, String.raw`…\openssh-ssh-agent-of-me → db:5432`],
    [{ ...REMOTE, listen: { path: '/a-name-that-fills-the-row-alone' } }, 'bastion:…/a-name-that-fills-the-row-alone → localhost:3000'],
    [{ ...FAILOVER, fallbacks: [{ path: '/var/run/postgresql/.s.PGSQL.5432' }] }, '5432 → db1:5432, else …/.s.PGSQL.5432'],
  ])('are short and true: %#', (spec, text) => {
    expect(titleOf(forwardOf(STATES.stopped, { spec }))).toBe(text);
  });

  it('show the path as the user wrote it, and of a range the ports that were got', () => {
    expect(formatPoles(forwardOf(listening({ addresses: [{ path: '/home/me/a.sock' }] }), { spec: SOCKETS }))).toBe('~/a.sock → /run/b.sock');
    expect(formatPoles(forwardOf(listening({ addresses: [{ host: '127.0.0.1', port: 8000 }, { host: '127.0.0.1', port: 8001 }] }), { spec: RANGE }))).toBe('8000-8010 → far:9000-9010');
  });
});

describe('what will happen, in words', () => {
  it.each<[ForwardSpec, string]>([
    [SOCKETS, 'Listen on the socket ~/a.sock, connect to the socket /run/b.sock from this computer, not encrypted (local relay)'],
    [{ ...LOCAL, listen: PIPE, connect: { path: '/run/docker.sock' } },
      String.raw`Listen on the named pipe \\.\pipe\docker, connect to the socket /run/docker.sock as seen from me@bastion, encrypted (SSH)`],
    [{ ...REMOTE, listen: { path: '/tmp/x.sock' } }, 'me@bastion listens on its own socket /tmp/x.sock, connects to localhost:3000 from this computer, encrypted (SSH)'],
    [UDP, 'Relay datagrams (UDP) from 127.0.0.1:5353 to 10.0.0.2:53, not encrypted'],
    [RANGE, 'Listen on 127.0.0.1:8000-8010, connect port by port to far:9000-9010 from this computer, not encrypted (local relay)'],
    [{ ...REMOTE, portCount: 2 }, 'me@bastion listens on its own 127.0.0.1:9000-9001, connects port by port to localhost:3000-3001 from this computer, encrypted (SSH)'],
    [{ ...REMOTE, listen: { host: '*', port: 9000 }, portCount: 2 },
      'me@bastion listens on ports 9000-9001 of all its addresses, connects port by port to localhost:3000-3001 from this computer, encrypted (SSH)'],
    [FAILOVER, 'Listen on 127.0.0.1:5432, connect to db1:5432, else to db2:5433, else to the socket /run/db.sock from this computer, not encrypted (local relay)'],
    [{ ...RELAY, sendsProxyHeader: true }, 'Listen on 127.0.0.1:8080, connect to far:80 from this computer, saying in a PROXY header who connected, not encrypted (local relay)'],
  ])('%#', (spec, text) => {
    expect(describeSpec(spec)).toBe(text);
  });

  it('warns of other machines, never of a socket', () => {
    for (const spec of [SOCKETS, { ...REMOTE, listen: { path: '/tmp/x.sock' } }]) expect([isWide(spec), warningOf(spec)]).toEqual([false, undefined]);
    expect(warningOf({ ...UDP, listen: { host: '*', port: 53 } })).toBe('You are asked first: other machines can send to it.');
    expect(warningOf({ ...REMOTE, listen: { host: 'localhost', port: 1000 }, portCount: 50 })).toContain('need a login as root');
  });

  it('is of this computer where no server has to do with it', () => {
    expect([UDP, SOCKETS, RANGE, FAILOVER].map(serverOf)).toEqual(Array.from({ length: 4 }, () => 'This computer'));
  });

  it('says what is bound', () => {
    expect(describeBound(SOCKETS, [{ path: '/home/me/a.sock' }])).toBe('/home/me/a.sock');
    expect(describeBound(RANGE, [{ host: '127.0.0.1', port: 8000 }, { host: '::1', port: 8000 }])).toBe('127.0.0.1:8000-8010 and [::1]:8000-8010');
    expect(describeBound({ ...REMOTE, portCount: 2 }, [{ host: 'localhost', port: 9001 }, { host: 'localhost', port: 9000 }])).toBe('localhost:9000-9001 of me@bastion');
  });
});

describe('the row of the forward', () => {
  it.each<[ForwardSpec, string]>([
    [SOCKETS, 'a, socket ~/a.sock to /run/b.sock local relay, stopped'],
    [{ ...REMOTE, listen: { path: '/tmp/x.sock' } }, 'a, socket /tmp/x.sock of me@bastion to localhost:3000 of this computer, stopped'],
    [UDP, 'a, UDP port 5353 to 10.0.0.2:53 datagram relay, stopped'],
    [RANGE, 'a, ports 8000 to 8010 to far:9000-9010 local relay, stopped'],
    [FAILOVER, 'a, port 5432 to db1:5432, else db2:5433, else /run/db.sock local relay, stopped'],
    [{ ...RELAY, sendsProxyHeader: true }, 'a, port 8080 to far:80 local relay with a PROXY header, stopped'],
  ])('is one sentence for a screen reader: %#', (spec, spoken) => {
    const row = presentForward(forwardOf(STATES.stopped, { spec, name: 'a' }), NOW, false);
    expect(row.spoken).toBe(spoken);
    expect(row.description.includes('via')).toBe(spec.kind === 'remote');
  });

  it('counts flows where there are no connections', () => {
    const traffic = { ...NO_TRAFFIC, openConnections: 2 };
    expect(describeState(forwardOf(STATES.listening, { spec: UDP }, traffic), NOW)).toBe('2 flows');
    expect(describeState(forwardOf(STATES.listening, { spec: RANGE }, traffic), NOW)).toBe('2 connections');
  });
});

describe('the rows of what listens', () => {
  const rowsOf = (spec: ForwardSpec, bound: Bound) => presentAddresses(forwardOf(listening(bound), { spec }));

  it('are the path of a socket, spelt out', () => {
    expect(rowsOf(SOCKETS, { addresses: [{ path: '/home/me/a.sock' }] })).toEqual([{ label: 'LISTEN', description: '/home/me/a.sock', icon: { id: 'plug' }, spoken: 'Listening on /home/me/a.sock' }]);
    expect(rowsOf({ ...REMOTE, listen: { path: '/x' } }, { addresses: [{ path: '/x' }] })).toMatchObject([{ label: 'LISTEN on me@bastion', description: '/x', icon: { id: 'server' } }]);
  });

  // The plane may name the first port of each address, or every one.
  it.each<[string, Bound]>([
    ['its first ports', { addresses: [{ host: '127.0.0.1', port: 8000 }, { host: '::1', port: 8000 }] }],
    ['all its ports', { addresses: [8001, 8000, 8002].flatMap((port) => [{ host: '127.0.0.1', port }, { host: '::1', port }]) }],
  ])('are every port of a range and where it leads, told %s', (_, bound) => {
    const rows = rowsOf({ ...RANGE, portCount: 3 }, bound);
    expect(rows.map(({ description }) => description)).toEqual([
      '8000 → far:9000', '8001 → far:9001', '8002 → far:9002',
    ]);
    expect(rows[1]).toMatchObject({ label: 'LISTEN', spoken: 'Listening on 127.0.0.1:8001  [::1]:8001 to far:9001' });
  });

  it('of a range name the addresses where they are not just both loopbacks', () => {
    const descriptionsOf = (...hosts: readonly string[]) => rowsOf({ ...RANGE, portCount: 2 }, { addresses: hosts.map((host) => ({ host, port: 8000 })) }).map(({ description }) => description);
    expect(descriptionsOf('::1', '127.0.0.1')).toEqual(['8000 → far:9000', '8001 → far:9001']);
    expect(descriptionsOf('::1')).toEqual(['[::1]:8000 → far:9000', '[::1]:8001 → far:9001']);
    expect(descriptionsOf('0.0.0.0', '::')[0]).toBe('0.0.0.0:8000  [::]:8000 → far:9000');
  });

  it('are one row for all of a long range that is left', () => {
    const rows = rowsOf({ ...RANGE, portCount: 1000 }, { addresses: [{ host: '127.0.0.1', port: 8000 }] });
    expect(rows).toHaveLength(101);
    expect(rows[99]?.description).toBe('127.0.0.1:8099 → far:9099');
    expect(rows[100]?.description).toBe('127.0.0.1:8100-8999 → far:9100-9999');
    expect(rowsOf({ ...RANGE, portCount: 100 }, { addresses: [{ host: '127.0.0.1', port: 8000 }] })).toHaveLength(100);
  });

  it('say once what a range had to do without', () => {
    const missing = { address: { host: '::1', port: 8001 }, failure: failure('address-in-use', { host: '::1', port: 8001 }) };
    expect(rowsOf({ ...RANGE, portCount: 2 }, { addresses: [{ host: '127.0.0.1', port: 8000 }], missing }).map(({ description }) => description)).toEqual([
      '127.0.0.1:8000 → far:9000  ·  without [::1]:8001: port in use', '127.0.0.1:8001 → far:9001',
    ]);
  });
});

describe('the row of a connection', () => {
  const bytes = '↑ 12 kB  ↓ 1.4 MB';
  const rowOf = (spec: ForwardSpec, changes: Partial<Connection> = {}) => presentConnection(connectionOf(changes), NOW, undefined, spec);
  const socket = { origin: { path: '/tmp/x.sock' }, accepted: { path: '/tmp/x.sock' } };

  it('at a socket has nobody to name, but to the ear', () => {
    expect(rowOf(SOCKETS, socket)).toMatchObject({ label: 'ESTABLISHED', description: `${bytes}  3 min` });
    expect(rowOf(SOCKETS, socket).spoken).toContain('Established connection from a program of this computer, 3 min');
    expect(rowOf({ ...REMOTE, listen: { path: '/tmp/x.sock' } }, socket).spoken).toContain('from a program of bastion, ');
    expect(rowOf(SOCKETS, { ...socket, phase: 'dialing', bytesUp: 0, bytesDown: 0 }).description).toBe('3 min');
    expect(rowOf({ ...FAILOVER, listen: SOCKETS.listen }, { ...socket, destination: 'db2:5433' }).description).toBe(`→ db2:5433  ${bytes}  3 min`);
  });

  it('of datagrams is a flow', () => {
    expect(rowOf(UDP)).toMatchObject({ label: 'FLOW', description: `:64384  ${bytes}  3 min`, spoken: 'Flow from 127.0.0.1:64384, 3 min, 12 kB sent, 1.4 MB received' });
    expect(rowOf(UDP, { origin: { host: '192.0.2.9', port: 5 } }).description).toContain('192.0.2.9:5');
    expect(rowOf(UDP, { phase: 'closed', closedAt: NOW, closeReason: 'stopped' })).toMatchObject({ label: 'CLOSED', spoken: expect.stringContaining('Closed flow from') as string });
  });

  it('of a range says at which port it arrived', () => {
    const row = rowOf(RANGE, { accepted: { host: '127.0.0.1', port: 8003 }, destination: 'far:9003' });
    expect(row.description).toBe(`:64384 at 8003  ${bytes}  3 min`);
    expect(row.spoken).toContain('from 127.0.0.1:64384 at port 8003 to far:9003, 3 min');
    expect(rowOf(RELAY).description).not.toContain(' at ');
  });

  it('says which destination it got when that is not the first', () => {
    expect(rowOf(FAILOVER, { destination: 'db2:5433' }).description).toContain(':64384 → db2:5433 ');
    expect(rowOf(FAILOVER, { destination: 'db1:5432' }).description).not.toContain('→');
    expect(rowOf(FAILOVER).description).not.toContain('→');
    expect(rowOf(DYNAMIC, { destination: 'db1:5432' }).description).toContain('→ db1:5432');
  });
});

describe('the local address', () => {
  it.each<[ForwardSpec, ForwardState, string]>([
    [SOCKETS, listening({ addresses: [{ path: '/home/me/a.sock' }] }), '/home/me/a.sock'],
    [SOCKETS, STATES.stopped, '~/a.sock'],
    [RANGE, listening({ addresses: [{ host: '127.0.0.1', port: 8000 }] }), 'localhost:8000-8010'],
    [UDP, listening({ addresses: [{ host: '127.0.0.1', port: 5353 }] }), 'localhost:5353'],
  ])('%#', (spec, state, text) => {
    expect(localAddress(forwardOf(state, { spec }))).toBe(text);
  });

  it('of a range begins at its first port', () => {
    expect(localEnd(forwardOf(STATES.stopped, { spec: RANGE }))).toEqual({ host: 'localhost', port: 8000 });
  });
});
