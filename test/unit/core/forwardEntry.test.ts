import { describe, expect, it } from 'vitest';
import type { ForwardDefinition } from '../../../src/core/forward.ts';
import { readEntries, toEntry, updateEntries } from '../../../src/core/forwardEntry.ts';

const definition = (id: string, changes: Partial<ForwardDefinition> = {}): ForwardDefinition => ({
  id, name: '', autoStart: false, origin: 'user',
  spec: { kind: 'local', listen: { host: 'localhost', port: 5432 }, connect: { host: 'db', port: 5432 }, target: { host: 'bastion', user: 'me', port: 2222 } },
  ...changes,
});
const REMOTE: ForwardDefinition['spec'] = { kind: 'remote', listen: { host: 'localhost', port: 9000 }, connect: { host: 'localhost', port: 3000 }, target: { host: 'remhost' } };
const relay: ForwardDefinition['spec'] = { kind: 'relay', listen: { host: 'localhost', port: 2323 }, connect: { host: 'localhost', port: 23 } };

describe('an entry of the settings', () => {
  it.each<[string, unknown, Partial<ForwardDefinition>]>([
    ['with everything', { id: 'a', name: 'Database', forward: '5432:db:5432', target: 'me@bastion:2222', autoStart: true }, { name: 'Database', autoStart: true }],
    ['with the server in the text', { id: 'a', forward: '5432:db:5432 me@bastion:2222' }, {}],
    ['with a whole command', { id: 'a', forward: 'ssh -N -L 5432:db:5432 -p 2222 me@bastion' }, {}],
    ['with host:port and its server', { id: 'a', forward: 'db:5432', target: 'me@bastion:2222' }, {}],
    ['with what Culvert does not know', { id: 'a', forward: '5432:db:5432', target: 'me@bastion:2222', comment: 'ours' }, {}],
    ['with -L before it', { id: 'a', forward: '-L 5432:db:5432', target: 'me@bastion:2222' }, {}],
    ['of -R', { id: 'a', forward: '-R 9000:localhost:3000', target: 'remhost' }, { spec: REMOTE }],
    ['of -R with the server in the text', { id: 'a', forward: '-R 9000:localhost:3000 remhost' }, { spec: REMOTE }],
    ['of -R with a port that the server chooses', { id: 'a', forward: '-R 0:localhost:3000', target: 'remhost' }, { spec: { ...REMOTE, listen: { host: 'localhost', port: 0 } } }],
    ['of -R without a destination', { id: 'a', forward: '-R *:9000', target: 'remhost' }, { spec: { kind: 'remote-dynamic', listen: { host: '*', port: 9000 }, target: { host: 'remhost' } } }],
    ['of -D', { id: 'a', forward: '-D 1080', target: 'remhost' }, { spec: { kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'remhost' } } }],
    ['of a relay', { id: 'a', forward: '2323:23' }, { spec: relay }],
    ['of a relay, with an arrow', { id: 'a', forward: '2323 → 23' }, { spec: relay }],
    ['of a socket', { id: 'a', forward: '"/run/a b.sock":db:5432', target: 'bastion' },
      { spec: { kind: 'local', listen: { path: '/run/a b.sock' }, connect: { host: 'db', port: 5432 }, target: { host: 'bastion' } } }],
    ['of a socket in the home folder', { id: 'a', forward: '~/a.sock:/run/b.sock', target: 'bastion' },
      { spec: { kind: 'local', listen: { path: '~/a.sock' }, connect: { path: '/run/b.sock' }, target: { host: 'bastion' } } }],
    ['of a socket of the server', { id: 'a', forward: '-R /run/a.sock:~/b.sock', target: 'bastion' },
      { spec: { kind: 'remote', listen: { path: '/run/a.sock' }, connect: { path: '~/b.sock' }, target: { host: 'bastion' } } }],
    ['of a relay between sockets', { id: 'a', forward: '/a.sock:~/b.sock' }, { spec: { kind: 'relay', listen: { path: '/a.sock' }, connect: { path: '~/b.sock' } } }],
    ['of a range', { id: 'a', forward: '8000-8010', target: 'bastion' },
      { spec: { kind: 'local', listen: { host: 'localhost', port: 8000 }, connect: { host: 'localhost', port: 8000 }, portCount: 11, target: { host: 'bastion' } } }],
    ['of a relay with two destinations and a header', { id: 'a', forward: '2323:localhost:23,/x send-proxy-v2' }, { spec: { ...relay, fallbacks: [{ path: '/x' }], sendsProxyHeader: true } }],
    ['of datagrams', { id: 'a', forward: 'udp:5353:10.0.0.2:53' }, { spec: { kind: 'udp', listen: { host: 'localhost', port: 5353 }, connect: { host: '10.0.0.2', port: 53 } } }],
    ['of a proxy with a login', { id: 'a', forward: '-D 1080', target: 'remhost', login: 'mé' },
      { spec: { kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'remhost' } }, login: 'mé' }],
    ['of a proxy on the server with the longest login', { id: 'a', forward: '-R 9000 remhost', login: 'é'.repeat(127) + 'x' },
      { spec: { kind: 'remote-dynamic', listen: { host: 'localhost', port: 9000 }, target: { host: 'remhost' } }, login: 'é'.repeat(127) + 'x' }],
    ['of a port of the server itself', { id: 'a', forward: '5432', target: 'bastion' },
      { spec: { kind: 'local', listen: { host: 'localhost', port: 5432 }, connect: { host: 'localhost', port: 5432 }, target: { host: 'bastion' } } }],
  ])('%s is a forward', (_, raw, changes) => {
    expect(readEntries([raw])).toEqual({ definitions: [definition('a', changes)], problems: [] });
  });

  it.each<[string, unknown, string, string]>([
    ['nothing', null, 'An entry must be an object with "forward".', 'entry 2'],
    ['a text', '2323:23', 'An entry must be an object with "forward".', 'entry 2'],
    ['a list', ['2323:23'], 'An entry must be an object with "forward".', 'entry 2'],
    ['an object without a forward', { name: 'web' }, '"forward" must be a text such as "5432:localhost:5432".', 'web'],
    ['a forward that is a number', { forward: 5432 }, '"forward" must be a text such as "5432:localhost:5432".', 'entry 2'],
    ['a port too high', { forward: '70000:h:80' }, '"forward": Port 70000 is above 65535.', '70000:h:80'],
    ['a wrong id', { id: 7, forward: '2323:23' }, '"id" must be a text.', '2323:23'],
    ['an empty id', { id: '', forward: '2323:23' }, '"id" must be a text.', '2323:23'],
    ['a wrong name', { name: 7, forward: '2323:23' }, '"name" must be a text.', '2323:23'],
    ['a wrong autoStart', { autoStart: 'yes', forward: '2323:23' }, '"autoStart" must be true or false.', '2323:23'],
    ['a wrong target', { target: {}, forward: '2323:23' }, '"target" must be a text such as "me@bastion".', '2323:23'],
    ['a target that is no server', { target: 'a;b', forward: '2323:23' }, '"target": A host cannot contain ";".', '2323:23'],
    ['an empty target', { target: '', forward: '2323:23' }, '"target": A host is missing here.', '2323:23'],
    ['two servers', { target: 'a', forward: '2323:23 b' }, 'The server is named twice: in "forward" and in "target".', '2323:23 b'],
    ['itself as the destination', { forward: '5432' }, 'This forward would connect to itself: add "target" with the SSH server.', '5432'],
    ['-R without its server', { forward: '-R 9000:localhost:3000' }, 'The SSH server is missing: add "target" with the SSH server.', '-R 9000:localhost:3000'],
    ['-D with two servers', { forward: '-D 1080 a', target: 'b' }, 'The server is named twice: in "forward" and in "target".', '-D 1080 a'],
    ['several forwards', { forward: 'ssh -L 1:a:1 -D 1080 b' }, '"forward": This command means several forwards: write an entry for each.', 'ssh -L 1:a:1 -D 1080 b'],
    ['several forwards without their server', { forward: '-L 1:a:1 -D 1080', target: 'b' }, '"forward": This command means several forwards: write an entry for each.', '-L 1:a:1 -D 1080'],
    ['what cannot be taken over', { forward: 'ssh -J jump -L 1:a:1 b' }, '"forward": -J jump (ProxyJump) cannot be taken over from a command: put it into ~/.ssh/config for this server.', 'ssh -J jump -L 1:a:1 b'],
    ['a command without its server', { forward: '-L 5432:db:5432' }, 'The SSH server is missing: add "target" with the SSH server.', '-L 5432:db:5432'],
    ['datagrams through a server', { forward: 'udp:53:h:53', target: 'a' }, '"forward": SSH carries no UDP, only streams: leave the server out for a UDP relay on this computer.', 'udp:53:h:53'],
    ['two destinations through a server', { forward: '1:a:1,b:1', target: 'a' }, '"forward": SSH leads to one destination: only a relay, without a server, tries several.', '1:a:1,b:1'],
    ['a header through a server', { forward: '1:a:1 send-proxy-v2', target: 'a' }, '"forward": SSH sends no PROXY header: only a relay, without a server, does.', '1:a:1 send-proxy-v2'],
    ['the home folder of a server', { forward: '1:~/x', target: 'a' }, '"forward": The server does not expand "~": write the whole path, as in "/home/me/x.sock".', '1:~/x'],
    ['a socket that leads to itself', { forward: '/a:/a' }, 'This forward would connect to itself: add "target" with the SSH server.', '/a:/a'],
    ['a login that is a number', { forward: '-D 1080 a', login: 7 }, '"login" must be a text: the user name that clients of the proxy log in with.', '-D 1080 a'],
    ['an empty login', { forward: '-D 1080 a', login: '' }, '"login" must be a text: the user name that clients of the proxy log in with.', '-D 1080 a'],
    ['a login that is too long', { forward: '-D 1080 a', login: 'é'.repeat(128) }, '"login" has at most 255 bytes.', '-D 1080 a'],
    ['a login that hides something', { forward: '-D 1080 a', login: 'a\0b' }, '"login" cannot contain a control character.', '-D 1080 a'],
    ['a login with a colon', { forward: '-D 1080 a', login: 'a:b' }, '"login" cannot contain a colon: over HTTP, the password would begin there.', '-D 1080 a'],
    ['a login for what is no proxy', { forward: '2323:23', login: 'me' }, '"login" is for proxies alone: for -D, and for -R without a destination.', '2323:23'],
    ['a name that forges the display', { name: 'a\u202eb\nc', forward: 'x' }, '"forward": "x" is not a port: a port is a number from 1 to 65535.', 'a b c'],
  ])('with %s is reported by its place, and its neighbours work', (_, raw, message, label) => {
    const { definitions, problems } = readEntries([{ id: 'a', forward: '1:2' }, raw, { id: 'b', forward: '3:4' }]);
    expect(problems).toEqual([{ index: 1, message, label }]);
    expect(definitions.map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it.each([[undefined], [null], [[]]])('is not there in %j', (value) => {
    expect(readEntries(value)).toEqual({ definitions: [], problems: [] });
  });

  it.each([[{}], ['2323:23'], [7], [true]])('is not there in %j, which is reported', (value) => {
    expect(readEntries(value)).toEqual({ definitions: [], problems: [{ index: 0, message: 'The setting must be a list of forwards.', label: 'culvert.forwards' }] });
  });
});

describe('an entry without an id', () => {
  const idsOf = (value: unknown): string[] => readEntries(value).definitions.map(({ id }) => id);

  it('has the same one at every reading, wherever it stands', () => {
    const entry = { forward: '2323:23', name: 'telnet' };
    const [id] = idsOf([entry]);
    expect(id).toMatch(/^settings-[0-9a-f]+$/);
    expect(idsOf([{ forward: '1:2' }, { ...entry }])[1]).toBe(id);
    expect(idsOf([{ autoStart: true, ...entry, name: 'other' }])[0]).toBe(id);
    expect(idsOf([{ ...entry, target: 'bastion' }])[0]).not.toBe(id);
  });

  it('differs from its twins, and so do equal ids', () => {
    const twin = { forward: '2323:23' };
    const [first] = idsOf([twin]);
    expect(idsOf([twin, twin, twin])).toEqual([first, `${first}-2`, `${first}-3`]);
    expect(idsOf([{ id: 'a', ...twin }, { id: 'a', forward: '1:2' }, { id: 'a-2', forward: '3:4' }])).toEqual(['a', 'a-2', 'a-2-2']);
  });

  it('may be called anything', () => {
    const names = ['__proto__', 'constructor', 'toString', ' ', '💥'];
    expect(idsOf(names.map((id) => ({ id, forward: '1:2' })))).toEqual(names);
  });

  it.each([1_000, 5_000])('is found quickly among %i', (count) => {
    const ids = idsOf(Array.from({ length: count }, (_, index) => ({ forward: `${1 + index}:h:80` })));
    expect(new Set(ids).size).toBe(count);
  });
});

describe('an entry that is written', () => {
  it.each<[ForwardDefinition, unknown]>([
    [definition('a'), { id: 'a', forward: '5432:db:5432', target: 'me@bastion:2222' }],
    [definition('a', { name: 'DB', autoStart: true }), { id: 'a', name: 'DB', forward: '5432:db:5432', target: 'me@bastion:2222', autoStart: true }],
    [definition('a', { spec: relay }), { id: 'a', forward: '2323:localhost:23' }],
    [definition('__proto__', { spec: { ...relay, listen: { host: '*', port: 0 } } }), { id: '__proto__', forward: '*:0:localhost:23' }],
    [definition('a', { spec: { kind: 'udp', listen: { host: '*', port: 5353 }, connect: { host: '::1', port: 53 } } }), { id: 'a', forward: 'udp:*:5353:[::1]:53' }],
    [definition('a', { spec: { ...relay, fallbacks: [{ path: '/x' }], sendsProxyHeader: true } }), { id: 'a', forward: '2323:localhost:23,/x send-proxy-v2' }],
    [definition('a', { spec: { kind: 'relay', listen: { path: '~/a b' }, connect: { path: '/c:d' } } }), { id: 'a', forward: '"~/a b:[/c:d]"' }],
    [definition('a', { spec: { ...REMOTE, portCount: 2 } as ForwardDefinition['spec'] }), { id: 'a', forward: '-R 9000-9001:localhost:3000-3001', target: 'remhost' }],
    [definition('a', { spec: { kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'remhost' } }, login: 'me' }), { id: 'a', forward: '-D 1080', target: 'remhost', login: 'me' }],
  ])('says only what must be said and reads back: %#', (forward, entry) => {
    expect(toEntry(forward)).toEqual(entry);
    expect(readEntries(JSON.parse(JSON.stringify([toEntry(forward)])))).toEqual({ definitions: [forward], problems: [] });
  });
});

describe('the setting after a change', () => {
  const value = [
    { forward: '70000:h:80', note: 'broken' },
    { id: 'a', forward: 'ssh -L 5432:db:5432 -p 2222 me@bastion', color: 'red' },
    'nonsense',
    { forward: '2323 -> 23' },
    { id: 'c', forward: '1:2', name: 'c', autoStart: true },
  ];
  const read = (): ForwardDefinition[] => [...readEntries(value).definitions];

  it('is the same to the letter when nothing changed', () => {
    const before = structuredClone(value);
    const after = updateEntries(value, read());
    expect(after).toEqual(before);
    expect(after.every((entry, index) => entry === value[index])).toBe(true);
  });

  it('keeps what could not be read where it is, whatever is removed', () => {
    expect(updateEntries(value, [])).toEqual([value[0], value[2]]);
  });

  it('has a changed entry in its place, with the fields that Culvert does not know', () => {
    const [a, b, c] = read();
    const after = updateEntries(value, [{ ...a!, name: 'Database' }, b!, c!]);
    expect(after[1]).toEqual({ id: 'a', name: 'Database', forward: '5432:db:5432', target: 'me@bastion:2222', color: 'red' });
    expect(after.filter((_, index) => index !== 1)).toEqual(value.filter((_, index) => index !== 1));
  });

  it('writes down the id of an entry that had none, so that the forward stays the same', () => {
    const definitions = read();
    const id = definitions[1]!.id;
    const after = updateEntries(value, definitions.map((each) => (each.id === id ? { ...each, name: 'telnet' } : each)));
    expect(after[3]).toEqual({ id, name: 'telnet', forward: '2323:localhost:23' });
    expect(readEntries(after).definitions[1]).toEqual({ ...definitions[1], name: 'telnet' });
  });

  it('loses the server, the name and autoStart with the forward that had them', () => {
    const before = [{ id: 'a', name: 'x', forward: '5432:db:5432', target: 'bastion', autoStart: true }];
    expect(updateEntries(before, [definition('a', { spec: relay })])).toEqual([{ id: 'a', forward: '2323:localhost:23' }]);
  });

  it('gains and loses the login of a proxy', () => {
    const spec: ForwardDefinition['spec'] = { kind: 'dynamic', listen: { host: 'localhost', port: 1080 }, target: { host: 'remhost' } };
    const without = [{ id: 'a', forward: '-D 1080 remhost', color: 'red' }];
    const withLogin = updateEntries(without, [definition('a', { spec, login: 'me' })]);
    expect(withLogin).toEqual([{ id: 'a', forward: '-D 1080', target: 'remhost', login: 'me', color: 'red' }]);
    expect(updateEntries(withLogin, [definition('a', { spec, login: 'me' })])[0]).toBe(withLogin[0]);
    expect(updateEntries(withLogin, [definition('a', { spec })])).toEqual([{ id: 'a', forward: '-D 1080', target: 'remhost', color: 'red' }]);
    expect(updateEntries(withLogin, [definition('a', { spec: relay, login: 'me' })])).toEqual([{ id: 'a', forward: '2323:localhost:23', color: 'red' }]);
  });

  it('has new forwards at its end', () => {
    const after = updateEntries(value, [...read(), definition('new')]);
    expect(after.slice(0, -1)).toEqual(value);
    expect(after.at(-1)).toEqual({ id: 'new', forward: '5432:db:5432', target: 'me@bastion:2222' });
  });

  it('changes the right one of two with the same id', () => {
    const twins = [{ id: 'a', forward: '1:2' }, { id: 'a', forward: '3:4' }];
    const { definitions } = readEntries(twins);
    expect(updateEntries(twins, [definitions[0]!, { ...definitions[1]!, name: 'second' }])).toEqual([twins[0], { id: 'a-2', name: 'second', forward: '3:localhost:4' }]);
  });

  it('does not take one of two with the same id for the other when that one goes', () => {
    const twins = [{ id: 'a', forward: '1:2' }, { id: 'a', forward: '3:4' }, { forward: '5:6' }, { forward: '5:6' }];
    const { definitions } = readEntries(twins);
    const left = [definitions[1]!, definitions[3]!];
    expect(readEntries(updateEntries(twins, left)).definitions).toEqual(left);
  });

  it('starts a list where there was none', () => {
    expect(updateEntries(undefined, [definition('a')])).toEqual([toEntry(definition('a'))]);
  });

  it('reads back as what was wanted', () => {
    const wanted = [...read().slice(1), definition('new', { name: 'n' }), definition('__proto__', { spec: relay })];
    expect(readEntries(updateEntries(value, wanted)).definitions).toEqual(wanted);
  });
});

describe('when the tunnel opens, and when the forward ends', () => {
  const read = (entry: object) => readEntries([{ forward: '5432:db:5432', target: 'bastion', ...entry }]);

  it('is read and written back', () => {
    const entry = { onDemand: true, stopAfterMinutes: 30 };
    const [definition] = read(entry).definitions;
    expect(definition).toMatchObject({ isOnDemand: true, stopAfterMinutes: 30 });
    expect(toEntry(definition!)).toMatchObject(entry);
    expect(toEntry(read({}).definitions[0]!)).not.toHaveProperty('onDemand');
    expect(read({ onDemand: false }).definitions[0]).not.toHaveProperty('isOnDemand');
  });

  it('is taken out of the entry when it is taken away, and nothing else is', () => {
    const raw = { forward: '5432:db:5432', target: 'bastion', onDemand: true, stopAfterMinutes: 5, colour: 'blue', id: 'db' };
    const [{ isOnDemand: _, stopAfterMinutes: __, ...plain }] = readEntries([raw]).definitions as [ForwardDefinition];
    expect(updateEntries([raw], [plain])).toEqual([{ id: 'db', forward: '5432:db:5432', target: 'bastion', colour: 'blue' }]);
  });

  it.each<[object, string]>([
    [{ onDemand: 'yes' }, '"onDemand" must be true or false.'],
    [{ forward: '-R 9000:localhost:80', onDemand: true }, '"onDemand" is for forwards that listen on this computer and go through SSH.'],
    [{ stopAfterMinutes: 0 }, '"stopAfterMinutes" must be a number of minutes, at most 10080.'],
    [{ stopAfterMinutes: '5' }, '"stopAfterMinutes" must be a number of minutes, at most 10080.'],
    [{ stopAfterMinutes: 10_081 }, '"stopAfterMinutes" must be a number of minutes, at most 10080.'],
  ])('is refused as %j', (entry, message) => {
    expect(read(entry).problems).toMatchObject([{ message }]);
  });
});
