import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { HostPort } from '../../../src/core/address.ts';
import { explainListenFailure, proposePort, readPortHint, type OtherWindowsLookup } from '../../../src/ui/localPorts.ts';
import { createModel, define, failure, LOCAL, RANGE, REMOTE, REMOTE_DYNAMIC, RUN_ELSEWHERE, SOCKETS, UDP } from './samples.ts';

/** What the machine is made to say; the modules that ask it are replaced, for the real answers differ from machine to machine. */
const machine = vi.hoisted(() => ({
  first: 1024, isPrivileged: false, taken: new Set<number>(), holders: new Map<string, { program: string; pid: number }>(),
  udpTaken: new Set<number>(), udpHolders: new Map<string, { program: string; pid: number }>(),
}));

vi.mock('../../../src/system/privilegedPorts.ts', () => ({
  firstUnprivilegedPort: async () => machine.first,
  mayBind: async ({ port }: HostPort) => machine.isPrivileged || port === 0 || port >= machine.first,
}));
vi.mock('../../../src/system/freePort.ts', () => ({
  proposePorts: async (_: string, from: number) => {
    for (let port = from; port <= 65535; port += 1) if (!machine.taken.has(port)) return [port];
    return [];
  },
}));
vi.mock('../../../src/system/portHolder.ts', () => ({
  findPortHolder: async ({ host, port }: HostPort) => machine.holders.get(`${host} ${String(port)}`),
  listListeners: async () => [...machine.taken].map((port) => ({ host: '127.0.0.1', port })),
}));
vi.mock('../../../src/system/udpPorts.ts', () => ({
  findUdpHolder: async ({ host, port }: HostPort) => machine.udpHolders.get(`${host} ${String(port)}`),
  listUdpReceivers: async () => [...machine.udpTaken].map((port) => ({ host: '127.0.0.1', port })),
}));

beforeEach(() => {
  machine.first = 1024;
  machine.isPrivileged = false;
  machine.taken.clear();
  machine.holders.clear();
  machine.udpTaken.clear();
  machine.udpHolders.clear();
});

const nowhere: OtherWindowsLookup = { isServed: async () => false, isWindow: () => undefined };
const served: OtherWindowsLookup = { ...nowhere, isServed: async () => true };
const inUse = failure('address-in-use', { host: '127.0.0.1', port: 5432 });

describe('the hint about a port', () => {
  it('is there for reserved ports alone', async () => {
    const hint = await readPortHint();
    expect(hint(80)).toBe('Ports below 1024 are reserved for administrators here. If it is refused, port 8080 is offered.');
    expect([hint(0), hint(1024), hint(5432)]).toEqual([undefined, undefined, undefined]);
  });

  it('is never there for who may use them, nor where none are reserved', async () => {
    machine.isPrivileged = true;
    expect((await readPortHint())(80)).toBeUndefined();
    machine.isPrivileged = false;
    machine.first = 0;
    expect((await readPortHint())(80)).toBeUndefined();
  });
});

describe('the port that is proposed', () => {
  it.each<[number, readonly number[], boolean, number]>([
    [5432, [], false, 5432], [5432, [5432, 5433], false, 5434], [80, [], false, 8080], [80, [8080], false, 8081], [80, [], true, 80], [65535, [65535], false, 65535],
  ])('for %d, with %j taken and all rights: %s, is %d', async (port, taken, isPrivileged, proposed) => {
    for (const each of taken) machine.taken.add(each);
    machine.isPrivileged = isPrivileged;
    expect(await proposePort(port)).toBe(proposed);
  });
});

describe('the ports that are proposed', () => {
  it('for a range are a stretch in which nothing is taken', async () => {
    for (const port of [8005, 8011]) machine.taken.add(port);
    expect(await proposePort(8000, { portCount: 5, isUdp: false })).toBe(8000);
    expect(await proposePort(8000, { portCount: 6, isUdp: false })).toBe(8012);
    expect(await proposePort(65530, { portCount: 10, isUdp: false })).toBe(65530);
    expect(await proposePort(80, { portCount: 3, isUdp: false })).toBe(8080);
  });

  it('for datagrams are free of those, whatever listens for connections', async () => {
    machine.taken.add(5353);
    expect(await proposePort(5353, { portCount: 1, isUdp: true })).toBe(5353);
    machine.udpTaken.add(5353);
    expect(await proposePort(5353, { portCount: 1, isUdp: true })).toBe(5354);
  });
});

describe('a failure to listen for datagrams', () => {
  const taken = failure('address-in-use', { host: '127.0.0.1', port: 5353 });
  const asking = define('a', { spec: UDP });

  it('names the program that receives them, and the next free port', async () => {
    machine.holders.set('127.0.0.1 5353', { program: 'not-this-one', pid: 1 });
    machine.udpHolders.set('::1 5353', { program: 'avahi-daemon', pid: 7 });
    machine.udpTaken.add(5354);
    expect((await explainListenFailure(taken, asking, createModel().model, nowhere)).context).toEqual({
      host: '127.0.0.1', port: 5353, freePort: 5355, isUdp: true, program: 'avahi-daemon', pid: 7,
    });
  });

  it('is not the user\'s forward of connections with that port, but may be another of datagrams', async () => {
    const { model, comeUp } = createModel();
    model.put(define('tcp', { name: 'tcp' }));
    model.put(define('udp', { name: 'udp', spec: UDP }));
    model.start('tcp');
    comeUp('tcp', { addresses: [{ host: '127.0.0.1', port: 5353 }] });
    expect((await explainListenFailure(taken, asking, model, nowhere)).context.heldBy).toBeUndefined();
    model.start('udp');
    comeUp('udp', { addresses: [{ host: '127.0.0.1', port: 5353 }] });
    expect((await explainListenFailure(taken, asking, model, nowhere)).context.heldBy).toBe('your forward udp');
  });
});

describe('a failure to listen on a range', () => {
  const taken = failure('address-in-use', { host: '127.0.0.1', port: 8003 });
  const asking = define('a', { spec: RANGE });

  it('says which port is taken, by whom, and where as many are free', async () => {
    machine.holders.set('127.0.0.1 8003', { program: 'node', pid: 7 });
    for (const port of [8003, 8006]) machine.taken.add(port);
    expect((await explainListenFailure(taken, asking, createModel().model, nowhere)).context).toEqual({
      host: '127.0.0.1', port: 8003, freePort: 8007, portCount: 11, program: 'node', pid: 7,
    });
  });

  it('names the user\'s own range, whose first port is another', async () => {
    const { model, comeUp } = createModel();
    model.put(define('other', { name: 'other', spec: { ...RANGE, listen: { host: 'localhost', port: 7998 }, portCount: 6 } }));
    model.start('other');
    comeUp('other', { addresses: [{ host: '127.0.0.1', port: 7998 }] });
    expect((await explainListenFailure(taken, asking, model, nowhere)).context.heldBy).toBe('your forward other');
    const next = failure('address-in-use', { host: '127.0.0.1', port: 8004 });
    expect((await explainListenFailure(next, asking, model, nowhere)).context.heldBy).toBeUndefined();
  });
});

describe('a failure to listen on a socket', () => {
  const taken = failure('address-in-use', { path: '/home/me/a.sock' });
  const asking = define('a', { spec: SOCKETS });

  it('names the user\'s own forward, if it is that one', async () => {
    const { model, comeUp } = createModel();
    model.put(define('other', { name: 'other', spec: SOCKETS }));
    model.start('other');
    comeUp('other', { addresses: [{ path: '/home/me/b.sock' }] });
    expect(await explainListenFailure(taken, asking, model, nowhere)).toBe(taken);
    model.stop('other');
    model.start('other');
    comeUp('other', { addresses: [{ path: '/home/me/a.sock' }] });
    expect((await explainListenFailure(taken, asking, model, nowhere)).context).toEqual({ path: '/home/me/a.sock', heldBy: 'your forward other' });
  });

  it('is none where another window serves it', async () => {
    expect(await explainListenFailure(taken, asking, createModel().model, served)).toMatchObject({ code: 'running-elsewhere', context: { path: '/home/me/a.sock' } });
  });

  it.each([{ isStale: true }, { isFile: true }])('is nobody\'s where nobody listens: %j', async (found) => {
    const given = failure('address-in-use', { path: '/home/me/a.sock', ...found });
    expect(await explainListenFailure(given, asking, createModel().model, served)).toBe(given);
  });
});

describe('a failure to listen', () => {
  it('names the program and the next free port', async () => {
    machine.holders.set('127.0.0.1 5432', { program: 'postgres', pid: 812 });
    machine.taken.add(5433);
    expect(await explainListenFailure(inUse, define('a'), createModel().model, nowhere)).toEqual({
      ...inUse, context: { host: '127.0.0.1', port: 5432, freePort: 5434, program: 'postgres', pid: 812 },
    });
  });

  it('looks on both loopbacks', async () => {
    machine.holders.set('::1 5432', { program: 'node', pid: 7 });
    expect((await explainListenFailure(inUse, define('a'), createModel().model, nowhere)).context).toMatchObject({ program: 'node' });
  });

  it('names no program where the system does not tell, and no port where there is none', async () => {
    for (let port = 5433; port <= 65535; port += 1) machine.taken.add(port);
    expect(await explainListenFailure(inUse, define('a'), createModel().model, nowhere)).toEqual(inUse);
  });

  it('names the user\'s own forward, if it is that one', async () => {
    const { model, comeUp } = createModel();
    for (const id of ['a', 'other', 'elsewhere']) model.put(define(id, { name: id }));
    model.start('elsewhere');
    comeUp('elsewhere', { addresses: [{ host: '127.0.0.2', port: 5432 }] });
    machine.holders.set('127.0.0.1 5432', { program: 'code', pid: 1 });
    expect((await explainListenFailure(inUse, define('a'), model, nowhere)).context).toMatchObject({ program: 'code' });
    model.start('other');
    comeUp('other');
    expect((await explainListenFailure(inUse, define('a'), model, nowhere)).context).toEqual({ host: '127.0.0.1', port: 5432, freePort: 5433, heldBy: 'your forward other' });
  });

  it('that another window has is said to be there, also where that hangs and cannot say what it runs', async () => {
    machine.holders.set('127.0.0.1 5432', { program: 'node', pid: 7 });
    const explained = async (window: ReturnType<OtherWindowsLookup['isWindow']>) => explainListenFailure(inUse, define('a'), createModel().model, { ...nowhere, isWindow: (pid) => (pid === 7 ? window : undefined) });
    expect(await explained('silent')).toMatchObject({ code: 'running-elsewhere', context: { port: 5432, isSilent: true } });
    const { code, context } = await explained('answering');
    expect({ code, context }).toEqual({ code: 'address-in-use', context: { host: '127.0.0.1', port: 5432, freePort: 5433, heldBy: 'another forward, in another window' } });
    expect((await explained(undefined)).context).toMatchObject({ program: 'node', pid: 7 });
    const { model } = createModel();
    model.put(define('other', { name: 'other' }));
    model.setElsewhere('other', RUN_ELSEWHERE);
    expect((await explainListenFailure(inUse, define('a'), model, nowhere)).context.heldBy).toBe('your forward other in another window');
  });

  it('is not a forward that listens on a server', async () => {
    const { model, comeUp } = createModel();
    model.put(define('there', { spec: { ...REMOTE, listen: { host: 'localhost', port: 5432 } } }));
    model.start('there');
    comeUp('there');
    expect((await explainListenFailure(inUse, define('a'), model, nowhere)).context.heldBy).toBeUndefined();
  });

  it('is none where another window of the editor serves the port', async () => {
    expect(await explainListenFailure(inUse, define('a'), createModel().model, { ...nowhere, isServed: async (text) => text.startsWith('5432:') })).toMatchObject({ code: 'running-elsewhere', context: { port: 5432 } });
  });

  it('for want of rights tells the limit, and on Linux the recipe', async () => {
    machine.taken.add(8080);
    const denied = failure('permission-denied', { host: '127.0.0.1', port: 80 });
    const { context } = await explainListenFailure(denied, define('a', { spec: { ...LOCAL, listen: { host: 'localhost', port: 80 } } }), createModel().model, nowhere);
    expect(context).toMatchObject({ port: 80, firstUnprivileged: 1024, freePort: 8081 });
    expect(context.recipe).toBe(process.platform === 'linux' ? 'sudo sysctl -w net.ipv4.ip_unprivileged_port_start=80' : undefined);
    const other = await explainListenFailure(failure('permission-denied', { port: 5432 }), define('a'), createModel().model, nowhere);
    expect(other.context.recipe).toBeUndefined();
  });

  it.each([failure('connect-refused', { port: 22 }), failure('address-in-use', {}), failure('address-in-use', { port: '5432' })])('leaves %j alone', async (given) => {
    machine.holders.set('127.0.0.1 22', { program: 'sshd', pid: 1 });
    expect(await explainListenFailure(given, define('a'), createModel().model, nowhere)).toBe(given);
  });
});

describe('what the server refused to listen on', () => {
  const refused = failure('remote-bind-refused', { hop: 'bastion', address: 'localhost:9000' });
  const asking = define('a', { spec: REMOTE });

  it('may be another forward of the user\'s, on the same server and running', async () => {
    const { model, comeUp } = createModel();
    model.put(define('other', { name: 'other', spec: { ...REMOTE_DYNAMIC, target: { host: 'elsewhere' } } }));
    model.put(define('same', { name: 'same', spec: REMOTE_DYNAMIC }));
    model.start('other');
    comeUp('other');
    expect(await explainListenFailure(refused, asking, model, nowhere)).toEqual(refused);
    model.start('same');
    comeUp('same');
    expect(await explainListenFailure(refused, asking, model, nowhere)).toEqual({ ...refused, context: { ...refused.context, heldBy: 'your forward same' } });
  });

  it('may be served by another window of the editor', async () => {
    const elsewhere: OtherWindowsLookup = { ...nowhere, isServed: async (text) => text === '-R 9000:localhost:3000 me@bastion' };
    expect(await explainListenFailure(refused, asking, createModel().model, elsewhere)).toMatchObject({ code: 'running-elsewhere' });
  });
});
