import { describe, expect, it } from 'vitest';
import type { HostPort } from '../../../src/core/address.ts';
import type { CloseReason, Connection, ConnectionPhase } from '../../../src/core/forward.ts';
import { NO_TRAFFIC } from '../../../src/core/forward.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import type { ActiveState, Bound, ForwardState, StartStep } from '../../../src/core/forwardState.ts';
import { describeSpec, isWide } from '../../../src/ui/describeSpec.ts';
import { presentAddresses } from '../../../src/ui/listenRows.ts';
import {
  describeProgress, describeState, formatPoles, localAddress, localEnd, presentConfigGroup, presentConnection, presentForward, presentStatus,
  serverOf, titleOf,
} from '../../../src/ui/present.ts';
import { BOTH_LOOPBACKS, connectionOf, define, failure, DYNAMIC, forwardOf, LOCAL, NOW, RELAY, REMOTE, REMOTE_DYNAMIC, STATES, UDP } from './samples.ts';

const listening = (changes: Partial<Extract<ForwardState, { phase: 'listening' }>>): ForwardState => ({ ...STATES.listening, ...changes } as ForwardState);
const elsewhere = (state: ForwardState): ForwardState => ({ phase: 'elsewhere', since: NOW, running: state as ActiveState });
const listenOn = (listen: HostPort): ForwardSpec => ({ ...LOCAL, listen });
const MISSING: Bound['missing'] = { address: { host: '::1', port: 5432 }, failure: failure('address-in-use', { host: '::1', port: 5432 }) };

describe('the poles and the title', () => {
  it.each<[string, HostPort, Bound | undefined, string]>([
    ['the port alone on the loopback', { host: 'localhost', port: 5432 }, undefined, '5432 → db:5432'],
    ['the whole address elsewhere', { host: '0.0.0.0', port: 5432 }, undefined, '0.0.0.0:5432 → db:5432'],
    ['an IPv6 address in brackets', { host: '::1', port: 5432 }, undefined, '[::1]:5432 → db:5432'],
    ['the port that is still to be had', { host: 'localhost', port: 0 }, undefined, 'any free port → db:5432'],
    ['the port that was got', { host: 'localhost', port: 0 }, { addresses: [{ host: '127.0.0.1', port: 40_001 }] }, '40001 → db:5432'],
  ])('show %s', (_, listen, bound, text) => {
    const state = bound === undefined ? STATES.stopped : listening({ bound });
    const forward = forwardOf(state, { spec: listenOn(listen) });
    expect(formatPoles(forward)).toBe(text);
    expect(titleOf(forward)).toBe(text);
  });

  it.each<[ForwardSpec, string]>([
    [REMOTE, 'bastion:9000 → localhost:3000'],
    [{ ...REMOTE, listen: { host: 'localhost', port: 0 }, target: { host: '::2' } }, '[::2]:any free port → localhost:3000'],
    [{ ...REMOTE, listen: { host: '*', port: 9000 } }, 'bastion *:9000 → localhost:3000'],
    [DYNAMIC, '1080 → any host (SOCKS)'],
    [{ ...DYNAMIC, listen: { host: '::1', port: 1080 } }, '[::1]:1080 → any host (SOCKS)'],
    [REMOTE_DYNAMIC, 'bastion:9000 → any host (SOCKS)'],
  ])('say on which machine, and where a proxy leads: %#', (spec, text) => {
    expect(titleOf(forwardOf(STATES.stopped, { spec }))).toBe(text);
  });

  it('show the port that a server granted', () => {
    const bound: Bound = { addresses: [{ host: 'localhost', port: 34_567 }] };
    expect(formatPoles(forwardOf(listening({ bound }), { spec: { ...REMOTE, listen: { host: 'localhost', port: 0 } } }))).toBe('bastion:34567 → localhost:3000');
  });

  it('give way to the name', () => {
    expect(titleOf(forwardOf(STATES.stopped, { name: 'Database' }))).toBe('Database');
  });
});

describe('what will happen, in words', () => {
  it.each<[ForwardSpec, string]>([
    [LOCAL, 'Listen on 127.0.0.1:5432, connect to db:5432 as seen from me@bastion, encrypted (SSH)'],
    [RELAY, 'Listen on 127.0.0.1:8080, connect to far:80 from this computer, not encrypted (local relay)'],
    [{ ...RELAY, listen: { host: '::', port: 0 } }, 'Listen on the next free port of ::, connect to far:80 from this computer, not encrypted (local relay)'],
    [REMOTE, 'me@bastion listens on its own 127.0.0.1:9000, connects to localhost:3000 from this computer, encrypted (SSH)'],
    [{ ...REMOTE, listen: { host: 'localhost', port: 0 } }, 'me@bastion listens on a free port of its own 127.0.0.1, connects to localhost:3000 from this computer, encrypted (SSH)'],
    [{ ...REMOTE, listen: { host: '*', port: 9000 } }, 'me@bastion listens on port 9000 of all its addresses, connects to localhost:3000 from this computer, encrypted (SSH)'],
    [{ ...REMOTE, listen: { host: '192.0.2.7', port: 9000 } }, 'me@bastion listens on its own 192.0.2.7:9000, connects to localhost:3000 from this computer, encrypted (SSH)'],
    [DYNAMIC, 'SOCKS and HTTP proxy on 127.0.0.1:1080; names are looked up at me@bastion, encrypted (SSH)'],
    [{ ...DYNAMIC, listen: { host: '::1', port: 0 } }, 'SOCKS and HTTP proxy on the next free port of ::1; names are looked up at me@bastion, encrypted (SSH)'],
    [REMOTE_DYNAMIC, 'me@bastion gets a SOCKS and HTTP proxy on its own 127.0.0.1:9000; its programs go out from this computer, encrypted (SSH)'],
    [{ ...LOCAL, connect: { host: '::1', port: 1 }, target: { host: 'h', port: 2222 } }, 'Listen on 127.0.0.1:5432, connect to [::1]:1 as seen from h:2222, encrypted (SSH)'],
  ])('%j', (spec, text) => {
    expect(describeSpec(spec)).toBe(text);
  });

  it.each<[ForwardSpec, string]>([[LOCAL, 'me@bastion'], [REMOTE, 'me@bastion'], [DYNAMIC, 'me@bastion'], [RELAY, 'This computer']])('stands under its server: %j', (spec, server) => {
    expect(serverOf(spec)).toBe(server);
  });

  it.each<[string, boolean]>([['localhost', false], ['127.0.0.2', false], ['::1', false], ['*', true], ['', true], ['0.0.0.0', true], ['192.0.2.1', true], ['my-name', true]])(
    'listening on "%s" is open to other machines: %s', (host, expected) => {
      expect(isWide(listenOn({ host, port: 1 }))).toBe(expected);
    });
});

/** Not up for so long; the last failure was a minute ago. */
function downSince(state: ForwardState, downMs: number): ForwardState {
  const outage = { failure: failure('connection-lost'), at: NOW - 60_000, since: NOW - downMs };
  if (state.phase === 'retrying') return { ...state, downSince: outage.since };
  return state.phase === 'idle' ? { ...state, complaint: outage } : { ...state, outage } as ForwardState;
}

describe('the state, in words', () => {
  it.each<[ForwardState, string]>([
    [STATES.stopped, 'stopped'],
    [STATES.starting, 'connecting'],
    [STATES.listening, 'listening'],
    [listening({ complaint: { failure: failure('destination-refused'), at: NOW - 10_000 } }), 'listening, destination refuses (10 s ago)'],
    [STATES.retrying, 'retrying in 4 s, server does not answer'],
    [downSince(STATES.retrying, 9_999), 'retrying in 4 s, server does not answer'],
    [downSince(STATES.retrying, 565_000), 'retrying in 4 s, down for 9 min: server does not answer'],
    [downSince(STATES.starting, 3_000), 'connecting, connection lost'],
    [{ ...downSince(STATES.starting, 565_000), attempt: 3 } as ForwardState, 'connecting, 3rd try, down for 9 min: connection lost'],
    [STATES.idle, 'listening, connects on demand'],
    [downSince(STATES.idle, 565_000), 'listening, connects on demand, connection lost (1 min ago)'],
    [STATES.stopping, 'stopping'],
    [STATES.failed, 'login failed'],
    [STATES.elsewhere, 'in another window · listening'],
    [elsewhere(STATES.idle), 'in another window · listening, connects on demand'],
    [elsewhere(STATES.starting), 'in another window · connecting'],
    [elsewhere(STATES.retrying), 'in another window · retrying in 4 s, server does not answer'],
    [elsewhere(STATES.stopping), 'in another window · stopping'],
    [elsewhere(STATES.failed), 'in another window · login failed'],
  ])('%#: %s', (state, text) => {
    expect(describeState(forwardOf(state), NOW)).toBe(text);
  });

  it('counts open connections', () => {
    expect(describeState(forwardOf(STATES.listening, {}, { ...NO_TRAFFIC, openConnections: 2 }), NOW)).toBe('2 connections');
    expect(describeState(forwardOf(STATES.elsewhere, {}, { ...NO_TRAFFIC, openConnections: 2 }), NOW)).toBe('in another window · 2 connections');
  });

  it('never counts down below zero', () => {
    expect(describeState(forwardOf(STATES.retrying), NOW + 60_000)).toBe('retrying in 0 s, down for 1 min: server does not answer');
  });

  it.each<[StartStep, string]>([
    ['resolving', 'reading ssh_config'], ['connecting', 'connecting'], ['handshake', 'SSH handshake'], ['checking-host-key', 'checking the host key'],
    ['logging-in', 'logging in'], ['binding', 'opening the port'],
  ])('the step %s', (step, text) => {
    expect(describeProgress({ step })).toBe(text);
    expect(describeProgress({ step, host: 'jump' })).toBe(`${text} (jump)`);
  });
});

describe('the row of a forward', () => {
  it('has the name, the poles, the server and the state', () => {
    const row = presentForward(forwardOf(STATES.listening, { name: 'Database' }), NOW, false);
    expect(row).toMatchObject({ label: 'Database', description: '5432 → db:5432  ·  via me@bastion  ·  listening' });
    expect(row.spoken).toBe('Database, port 5432 to db:5432 through me@bastion, listening');
  });

  it('leaves out the server under its heading, and the poles without a name', () => {
    expect(presentForward(forwardOf(STATES.stopped), NOW, true)).toMatchObject({ label: '5432 → db:5432', description: 'stopped' });
  });

  it('says, to the eye and to the ear, that other machines can connect', () => {
    const row = presentForward(forwardOf(STATES.stopped, { spec: { ...RELAY, listen: { host: '*', port: 80 } } }), NOW, false);
    expect(row.description).toContain('reachable from other machines');
    expect(row.spoken).toContain('reachable from other machines');
  });

  it.each<[ForwardSpec, string]>([
    [{ ...REMOTE, listen: { host: '*', port: 9000 } }, 'reachable from other machines if GatewayPorts allows'],
    [{ ...REMOTE_DYNAMIC, listen: { host: '192.0.2.7', port: 9000 } }, 'reachable from other machines if GatewayPorts allows'],
    [{ ...DYNAMIC, listen: { host: '*', port: 1080 } }, 'reachable from other machines'],
  ])('says what a server decides about that: %#', (spec, text) => {
    const row = presentForward(forwardOf(STATES.stopped, { spec }), NOW, true);
    expect(row.description).toBe(`${text}  ·  stopped`);
    expect(row.spoken).toContain(`, ${text}, stopped`);
  });

  it.each<[ForwardSpec, string]>([
    [REMOTE, 'bastion:9000 → localhost:3000, port 9000 of me@bastion to localhost:3000 of this computer, stopped'],
    [DYNAMIC, '1080 → any host (SOCKS), proxy on port 1080 through me@bastion, stopped'],
    [REMOTE_DYNAMIC, 'bastion:9000 → any host (SOCKS), proxy on port 9000 of me@bastion through this computer, stopped'],
    [RELAY, '8080 → far:80, port 8080 to far:80 local relay, stopped'],
  ])('is one sentence for a screen reader: %#', (spec, spoken) => {
    expect(presentForward(forwardOf(STATES.stopped, { spec }), NOW, true).spoken).toBe(spoken);
  });

  it('says that a proxy has a login, and of nothing else', () => {
    expect(presentForward(forwardOf(STATES.stopped, { spec: DYNAMIC, login: 'me' }), NOW, true)).toMatchObject({
      description: 'login needed  ·  stopped', spoken: '1080 → any host (SOCKS), proxy on port 1080 through me@bastion, login needed, stopped',
    });
    expect(presentForward(forwardOf(STATES.stopped, { spec: RELAY, login: 'me' }), NOW, true).description).toBe('stopped');
  });

  it('speaks the port that was got', () => {
    const spec = listenOn({ host: 'localhost', port: 0 });
    expect(presentForward(forwardOf(STATES.stopped, { spec }), NOW, true).spoken).toContain('the next free port to db:5432');
    expect(presentForward(forwardOf(STATES.listening, { spec }), NOW, true).spoken).toContain('port 5432 to db:5432');
  });

  it('begins with the window, where that is another, in the colour of what goes on there', () => {
    const row = presentForward(forwardOf(STATES.elsewhere, { name: 'db' }), NOW, true);
    expect(row).toMatchObject({ description: 'in another window · listening  ·  5432 → db:5432', icon: { id: 'multiple-windows', color: 'charts.green' } });
    expect(presentForward(forwardOf(elsewhere(STATES.retrying)), NOW, true).icon).toEqual({ id: 'multiple-windows', color: 'charts.yellow' });
  });

  it('begins with what is wrong while it comes back, and is no well one where the last client did not get through', () => {
    expect(presentForward(forwardOf(downSince(STATES.starting, 20_000), { name: 'db' }), NOW, true).description).toBe('connecting, down for 20 s: connection lost  ·  5432 → db:5432');
    expect(presentForward(forwardOf(downSince(STATES.idle, 20_000)), NOW, true).icon).toEqual({ id: 'warning', color: 'charts.yellow' });
  });

  it('has a shape of its own for each state that matters, colour or not', () => {
    const complaining = listening({ complaint: { failure: failure('destination-refused'), at: NOW } });
    const iconOf = (state: ForwardState): string => presentForward(forwardOf(state), NOW, true).icon.id;
    const shapes = [STATES.stopped, STATES.starting, STATES.listening, complaining, STATES.retrying, STATES.failed, STATES.elsewhere].map(iconOf);
    expect(new Set(shapes).size).toBe(shapes.length);
  });
});

describe('the row of the addresses', () => {
  it('is there only while something is bound', () => {
    expect(presentAddresses(forwardOf(STATES.starting))).toEqual([]);
    expect(presentAddresses(forwardOf(STATES.listening))).toMatchObject([{ label: 'LISTEN', description: '127.0.0.1:5432  [::1]:5432' }]);
  });

  it('says on which server, with what that granted', () => {
    const bound: Bound = { addresses: [{ host: 'localhost', port: 34_567 }] };
    for (const spec of [REMOTE, REMOTE_DYNAMIC]) {
      expect(presentAddresses(forwardOf(listening({ bound }), { spec }))).toEqual([{
        label: 'LISTEN on me@bastion', description: 'localhost:34567', icon: { id: 'server' }, spoken: 'Listening on me@bastion, on localhost:34567',
      }]);
    }
    expect(presentAddresses(forwardOf(STATES.listening, { spec: DYNAMIC }))[0]?.label).toBe('LISTEN');
  });

  it('names what could not be had, and why', () => {
    const bound: Bound = { addresses: [{ host: '127.0.0.1', port: 5432 }], missing: MISSING };
    expect(presentAddresses(forwardOf(listening({ bound })))).toMatchObject([{
      description: '127.0.0.1:5432  ·  without [::1]:5432: port in use', icon: { id: 'warning' }, spoken: 'Listening on 127.0.0.1:5432, without [::1]:5432: port in use',
    }]);
  });
});

describe('the row of a connection', () => {
  const traffic = '↑ 12 kB  ↓ 1.4 MB';
  const rowOf = (phase: ConnectionPhase, changes: Partial<Connection> = {}) => presentConnection(connectionOf({ phase, ...changes }), NOW);

  it('says who, how much and for how long', () => {
    const row = presentConnection(connectionOf(), NOW, { program: 'psql', pid: 4211 });
    expect(row.label).toBe('ESTABLISHED');
    for (const part of ['64384', 'psql', traffic, '3 min']) expect(row.description).toContain(part);
    for (const part of ['127.0.0.1:64384', 'psql', '4211', '3 min', '12 kB sent', '1.4 MB received']) expect(row.spoken).toContain(part);
  });

  it('of a proxy says where it asked to go', () => {
    const row = presentConnection(connectionOf({ destination: 'db:5432' }), NOW, { program: 'curl', pid: 7 }, DYNAMIC);
    expect(row.description).toBe(`:64384 curl → db:5432  ${traffic}  3 min`);
    expect(row.spoken).toContain('from 127.0.0.1:64384 (curl, pid 7) to db:5432, 3 min');
    expect(presentConnection(connectionOf({ phase: 'dialing', bytesUp: 0, bytesDown: 0 }), NOW, undefined, DYNAMIC).description).toBe(':64384  3 min');
  });

  it('that came in on a server says so: its loopback is not this one', () => {
    const row = presentConnection(connectionOf(), NOW, undefined, REMOTE);
    expect(row.description).toContain('bastion:64384');
    expect(row.spoken).toContain('connection from 127.0.0.1:64384 of bastion,');
    expect(presentConnection(connectionOf({ origin: { host: '192.0.2.9', port: 5 } }), NOW, undefined, REMOTE).description).toContain('192.0.2.9:5');
    expect(presentConnection(connectionOf(), NOW, undefined, LOCAL).description.startsWith(':64384')).toBe(true);
  });

  it('that was forbidden says by whom', () => {
    const closed = connectionOf({ phase: 'closed', closedAt: NOW, closeReason: 'forwarding-prohibited', destination: 'db:5432' });
    expect(presentConnection(closed, NOW, undefined, DYNAMIC).description).toContain('the server forbids it');
    expect(presentConnection(closed, NOW, undefined, REMOTE_DYNAMIC).description).toContain('PermitRemoteOpen forbids it');
  });

  it('shows the whole origin when it is another machine', () => {
    expect(rowOf('established', { origin: { host: '192.0.2.9', port: 5 } }).description).toContain('192.0.2.9:5');
  });

  it.each<[ConnectionPhase, string, string]>([['parked', 'PARKED', 'waiting for the tunnel, 3 min'], ['dialing', 'CONNECTING', '3 min'], ['established', 'ESTABLISHED', '3 min']])(
    'of one that is %s', (phase, label, age) => {
      const row = rowOf(phase, { bytesUp: 0, bytesDown: 0 });
      expect(row.label).toBe(label);
      expect(row.description).toContain(age);
      expect(row.description.includes('↑')).toBe(phase === 'established');
    });

  it.each<[CloseReason | undefined, string]>([
    ['client-ended', 'closed by the client'], ['destination-ended', 'closed by the destination'], ['client-reset', 'reset by the client'],
    ['destination-reset', 'reset by the destination'], ['destination-refused', 'the destination refused'], ['destination-unreachable', 'the destination could not be reached'], ['forwarding-prohibited', 'the server forbids it'], ['tunnel-lost', 'the SSH connection was lost'],
    ['too-many-connections', 'too many connections are open'], ['too-much-queued', 'too much waits to be read'], ['not-served', 'the tunnel did not come back in time'], ['too-many-parked', 'too many wait for the tunnel'], ['idle', 'nothing came for a while'], ['stopped', 'stopped'], [undefined, 'stopped'],
  ])('of one that ended: %s', (closeReason, text) => {
    const row = rowOf('closed', { closedAt: NOW - 12_000, ...(closeReason === undefined ? {} : { closeReason }) });
    expect(row.label).toBe('CLOSED');
    expect(row.description).toContain(`${text}, 10 s ago`);
    expect(row.description).toContain(traffic);
  });
});

describe('the local address', () => {
  const at = (listen: HostPort, bound: Bound): string => localAddress(forwardOf(listening({ bound }), { spec: listenOn(listen) }));

  it.each<[string, HostPort, Bound, string]>([
    ['a name for both loopbacks', { host: 'localhost', port: 5432 }, BOTH_LOOPBACKS, 'localhost:5432'],
    ['the port that was got', { host: 'localhost', port: 0 }, { addresses: [{ host: '127.0.0.1', port: 40_001 }] }, 'localhost:40001'],
    ['a loopback for everywhere', { host: '*', port: 1 }, { addresses: [{ host: '0.0.0.0', port: 1 }, { host: '::', port: 1 }] }, 'localhost:1'],
    ['the address that was asked for', { host: '192.0.2.1', port: 1 }, { addresses: [{ host: '192.0.2.1', port: 1 }] }, '192.0.2.1:1'],
    // A name would lead to ::1, where another program listens.
    ['no name where one loopback is somebody else\'s', { host: 'localhost', port: 5432 }, { addresses: [{ host: '127.0.0.1', port: 5432 }], missing: MISSING }, '127.0.0.1:5432'],
    ['a name where there is no IPv6 at all', { host: 'localhost', port: 5432 },
      { addresses: [{ host: '127.0.0.1', port: 5432 }], missing: { ...MISSING, failure: failure('address-not-available') } }, 'localhost:5432'],
    ['no name where IPv4 is somebody else\'s', { host: '*', port: 5432 }, { addresses: [{ host: '::', port: 5432 }], missing: MISSING }, '[::1]:5432'],
    ['no name where IPv6 is somebody else\'s', { host: '*', port: 5432 }, { addresses: [{ host: '0.0.0.0', port: 5432 }], missing: MISSING }, '127.0.0.1:5432'],
  ])('is %s', (_, listen, bound, text) => {
    expect(at(listen, bound)).toBe(text);
  });

  it.each<[string, ForwardSpec, Bound, string]>([
    ['a proxy, which looks names up itself', DYNAMIC, { addresses: [{ host: '127.0.0.1', port: 1080 }, { host: '::1', port: 1080 }] }, 'socks5h://127.0.0.1:1080'],
    ['a proxy where IPv4 is not to be had', DYNAMIC, { addresses: [{ host: '::1', port: 1080 }], missing: { address: { host: '127.0.0.1', port: 1080 }, failure: failure('address-not-available') } },
      'socks5h://[::1]:1080'],
    ['a proxy where IPv4 is somebody else\'s', DYNAMIC, { addresses: [{ host: '::1', port: 1080 }], missing: { address: { host: '127.0.0.1', port: 1080 }, failure: failure('address-in-use') } },
      'socks5h://[::1]:1080'],
    ['a proxy for everybody', { ...DYNAMIC, listen: { host: '*', port: 1080 } }, { addresses: [{ host: '0.0.0.0', port: 1080 }, { host: '::', port: 1080 }] }, 'socks5h://127.0.0.1:1080'],
    ['a proxy at an address', { ...DYNAMIC, listen: { host: '192.0.2.1', port: 0 } }, { addresses: [{ host: '192.0.2.1', port: 4000 }] }, 'socks5h://192.0.2.1:4000'],
    ['what a program on the server dials', { ...REMOTE, listen: { host: 'localhost', port: 0 } }, { addresses: [{ host: 'localhost', port: 34_567 }] }, 'localhost:34567'],
    ['the proxy of a program on the server', REMOTE_DYNAMIC, { addresses: [{ host: 'localhost', port: 9000 }] }, 'socks5h://127.0.0.1:9000'],
  ])('is %s', (_, spec, bound, text) => {
    expect(localAddress(forwardOf(listening({ bound }), { spec }))).toBe(text);
  });

  it('is what was asked for while nothing is bound', () => {
    expect(localAddress(forwardOf(STATES.stopped, { spec: DYNAMIC }))).toBe('socks5h://127.0.0.1:1080');
    expect(localEnd(forwardOf(STATES.stopped))).toEqual({ host: 'localhost', port: 5432 });
  });
});

describe('a forward that ssh_config offers', () => {
  const offered = (phase: ForwardState['phase']) => forwardOf(STATES[phase], { origin: 'ssh-config', source: { file: '/c', line: 3 } });

  it('says so to the ear', () => {
    expect(presentForward(offered('stopped'), NOW, false).spoken).toBe('5432 → db:5432, port 5432 to db:5432 through me@bastion, from ssh_config, stopped');
  });

  it('does not count in the status bar until it was started', () => {
    expect(presentStatus([offered('stopped')])).toBeUndefined();
    expect(presentStatus([offered('stopped'), offered('listening')])).toMatchObject({ text: '$(plug) 1', lines: ['5432 → db:5432: listening'] });
    expect(presentStatus([offered('failed')])).toMatchObject({ isWarning: true });
  });

  it('is counted in its heading by what it does', () => {
    expect(presentConfigGroup([offered('stopped'), offered('listening'), offered('failed'), offered('failed')])).toMatchObject({
      description: '4 forwards  ·  1 listening  ·  2 failed', spoken: 'From ssh_config, 4 forwards, 1 listening, 2 failed',
    });
  });
});

describe('the status bar', () => {
  const status = (...phases: ForwardState['phase'][]) => presentStatus(phases.map((phase) => forwardOf(STATES[phase])));

  it('is hidden without forwards', () => {
    expect(status()).toBeUndefined();
  });

  it.each<[ForwardState['phase'][], string, boolean, string]>([
    [['listening', 'listening', 'stopped'], '$(plug) 2', false, 'Culvert: 2 forwards listening'],
    [['stopped'], '$(plug) 0', false, 'Culvert: 0 forwards listening'],
    [['listening', 'retrying'], '$(sync~spin) 1/2', false, 'Culvert: 1 forward listening, 1 on the way'],
    [['listening', 'elsewhere'], '$(plug) 2', false, 'Culvert: 2 forwards listening'],
    [['starting'], '$(sync~spin) 0/1', false, 'Culvert: 0 forwards listening, 1 on the way'],
    [['listening', 'failed', 'starting'], '$(warning) 1/3', true, 'Culvert: 1 forward listening, 1 on the way, 1 failed'],
  ])('of %j', (phases, text, isWarning, spoken) => {
    expect(status(...phases)).toMatchObject({ text, isWarning, spoken });
  });

  it('lists every forward with its state', () => {
    expect(status('listening', 'failed')?.lines).toEqual(['5432 → db:5432: listening', '5432 → db:5432: login failed']);
    // Without a count: it is not drawn again for each connection.
    expect(status('elsewhere')?.lines).toEqual(['5432 → db:5432: in another window · listening']);
  });

  it('is hidden while another window runs what ssh_config offers', () => {
    expect(presentStatus([forwardOf(STATES.elsewhere, { origin: 'ssh-config' })])).toBeUndefined();
  });
});

describe('a forward that waits for its first connection, or for its last', () => {
  it('says so', () => {
    expect(describeState(forwardOf(STATES.idle), NOW)).toBe('listening, connects on demand');
    expect(presentForward(forwardOf(STATES.idle), NOW, false).icon.id).toBe('debug-pause');
    const draining = forwardOf({ phase: 'stopping', generation: 1, since: NOW, drainUntil: NOW + 60_000 });
    expect(describeState({ ...draining, traffic: { ...NO_TRAFFIC, openConnections: 2 } }, NOW)).toBe('stopping, 2 connections left');
    expect(describeState({ ...draining, definition: define('a', { spec: UDP }), traffic: { ...NO_TRAFFIC, openConnections: 1 } }, NOW)).toBe('stopping, 1 flow left');
    expect(describeState(draining, NOW)).toBe('stopping');
    expect(presentForward({ ...draining, traffic: { ...NO_TRAFFIC, openConnections: 1 } }, NOW, false).description).toBe('stopping, 1 connection left  ·  via me@bastion');
  });

  it('counts as listening in the status bar', () => {
    expect(presentStatus([forwardOf(STATES.idle)])).toMatchObject({ text: '$(plug) 1', isWarning: false });
  });
});
