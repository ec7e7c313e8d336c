import { describe, expect, it } from 'vitest';
import { parseDestination, parseForward, type ParseContext } from '../../../src/core/forwardParser.ts';
import { marked, meaningOf } from './meaning.ts';

const NO_HOSTS: ParseContext = { sshHosts: new Set() };
const WITH_DB: ParseContext = { sshHosts: new Set(['db', 'bastion']) };
const LONG = 'a'.repeat(300);

describe('a text that says a forward means', () => {
  it.each<[text: string, ...readings: string[]]>([
    // With an SSH server.
    ['2323:localhost:23 remhost', 'localhost 2323 > localhost 23 via host remhost', '-R localhost 2323 > localhost 23 via host remhost'],
    ['2323:localhost:23 user@remhost', 'localhost 2323 > localhost 23 via user user host remhost', '-R localhost 2323 > localhost 23 via user user host remhost'],
    ['2323:localhost:23 user@remhost:2222', 'localhost 2323 > localhost 23 via user user host remhost port 2222', '-R localhost 2323 > localhost 23 via user user host remhost port 2222'],
    ['2323:localhost:23 ssh://user@remhost:2222/', 'localhost 2323 > localhost 23 via user user host remhost port 2222', '-R localhost 2323 > localhost 23 via user user host remhost port 2222'],
    ['2323:localhost:23 ssh://u%40corp@remhost', 'localhost 2323 > localhost 23 via user u@corp host remhost', '-R localhost 2323 > localhost 23 via user u@corp host remhost'],
    ['2323:localhost:23 a%40b@remhost', 'localhost 2323 > localhost 23 via user a%40b host remhost', '-R localhost 2323 > localhost 23 via user a%40b host remhost'],
    ['2323:localhost:23 me@corp.example@remhost', 'localhost 2323 > localhost 23 via user me@corp.example host remhost', '-R localhost 2323 > localhost 23 via user me@corp.example host remhost'],
    ['2323:localhost:23 CORP\\me@remhost', 'localhost 2323 > localhost 23 via user CORP\\me host remhost', '-R localhost 2323 > localhost 23 via user CORP\\me host remhost'],
    ['5432 db', 'localhost 5432 > localhost 5432 via host db', '-D localhost 5432 via host db'],
    ['2323:23 db', 'localhost 2323 > localhost 23 via host db', '-R localhost 2323 > localhost 23 via host db'],
    ['web:80 bastion', 'localhost 80 > web 80 via host bastion', '-R localhost 80 > web 80 via host bastion'],
    ['5432 [2001:db8::1]:2222', 'localhost 5432 > localhost 5432 via host 2001:db8::1 port 2222', '-D localhost 5432 via host 2001:db8::1 port 2222'],
    ['5432 me@[2001:db8::1]', 'localhost 5432 > localhost 5432 via user me host 2001:db8::1', '-D localhost 5432 via user me host 2001:db8::1'],
    ['5432 me@2001:db8::1', 'localhost 5432 > localhost 5432 via user me host 2001:db8::1', '-D localhost 5432 via user me host 2001:db8::1'],
    ['5432 1:2:3:4:5:6:10.0.0.1', 'localhost 5432 > localhost 5432 via host 1:2:3:4:5:6:10.0.0.1', '-D localhost 5432 via host 1:2:3:4:5:6:10.0.0.1'],
    ['5432 1:2:3:4:5:6:7:8', 'localhost 5432 > localhost 5432 via host 1:2:3:4:5:6:7:8', '-D localhost 5432 via host 1:2:3:4:5:6:7:8'],
    ['  5432 \t db  ', 'localhost 5432 > localhost 5432 via host db', '-D localhost 5432 via host db'],
    ['5432\tdb', 'localhost 5432 > localhost 5432 via host db', '-D localhost 5432 via host db'],
    ['"5432:db:5432" \'me@bastion\'', 'localhost 5432 > db 5432 via user me host bastion', '-R localhost 5432 > db 5432 via user me host bastion'],
    ['5432:"db":5432 bastion', 'localhost 5432 > db 5432 via host bastion', '-R localhost 5432 > db 5432 via host bastion'],
    ['0:db:5432 bastion', 'localhost 0 > db 5432 via host bastion', '-R localhost 0 > db 5432 via host bastion'],
    ['5432:bücher.example:5432 bastion', 'localhost 5432 > bücher.example 5432 via host bastion', '-R localhost 5432 > bücher.example 5432 via host bastion'],
    ['5432:my_db-1.internal:05432 bastion', 'localhost 5432 > my_db-1.internal 5432 via host bastion', '-R localhost 5432 > my_db-1.internal 5432 via host bastion'],

    // Said with a flag, as in ssh(1), there is one meaning.
    ['-R 9000:localhost:3000 remhost', '-R localhost 9000 > localhost 3000 via host remhost'],
    ['-R 0:localhost:3000 me@remhost:2222', '-R localhost 0 > localhost 3000 via user me host remhost port 2222'],
    ['-R *:9000:localhost:3000 remhost', '-R * 9000 > localhost 3000 via host remhost'],
    ['-R :9000:localhost:3000 remhost', '-R * 9000 > localhost 3000 via host remhost'],
    ['-R 192.0.2.7:9000:[::1]:3000 remhost', '-R 192.0.2.7 9000 > ::1 3000 via host remhost'],
    ['-R 9000 remhost', '-R localhost 9000 via host remhost'],
    ['-R 0 remhost', '-R localhost 0 via host remhost'],
    ['-R *:9000 remhost', '-R * 9000 via host remhost'],
    ['-R9000 remhost', '-R localhost 9000 via host remhost'],
    ['-D 1080 remhost', '-D localhost 1080 via host remhost'],
    ['-D 0 remhost', '-D localhost 0 via host remhost'],
    ['-D [::1]:1080 remhost', '-D ::1 1080 via host remhost'],
    ['-D Localhost:1080 remhost', '-D localhost 1080 via host remhost'],
    ['-D *:1080 me@remhost', '-D * 1080 via user me host remhost'],
    ['-D :1080 remhost', '-D * 1080 via host remhost'],
    ['-L 5432 db', 'localhost 5432 > localhost 5432 via host db'],
    ['-R 9000:localhost:3000', '-R localhost 9000 > localhost 3000 via ?'],
    ['-R 9000', '-R localhost 9000 via ?'],
    ['-D 1080', '-D localhost 1080 via ?'],

    // Without one: a relay, or the server is still to be chosen.
    ['8080:127.0.0.1:80', 'localhost 8080 > 127.0.0.1 80', 'localhost 8080 > 127.0.0.1 80 via ?'],
    ['2323:localhost:23', 'localhost 2323 > localhost 23', 'localhost 2323 > localhost 23 via ?'],
    ['2323:23', 'localhost 2323 > localhost 23', 'localhost 2323 > localhost 23 via ?'],
    ['0:23', 'localhost 0 > localhost 23', 'localhost 0 > localhost 23 via ?'],
    ['8080:[::1]:80', 'localhost 8080 > ::1 80', 'localhost 8080 > ::1 80 via ?'],
    ['8080:[fe80::1%eth0]:80', 'localhost 8080 > fe80::1%eth0 80', 'localhost 8080 > fe80::1%eth0 80 via ?'],
    ['8080:[::ffff:10.0.0.1]:80', 'localhost 8080 > ::ffff:10.0.0.1 80', 'localhost 8080 > ::ffff:10.0.0.1 80 via ?'],
    ['8080:[web]:80', 'localhost 8080 > web 80', 'localhost 8080 > web 80 via ?'],
    ['127.0.0.2:5432', 'localhost 5432 > 127.0.0.2 5432', 'localhost 5432 > 127.0.0.2 5432 via ?'],
    // What would only connect to itself lacks its server.
    ['5432', 'localhost 5432 > localhost 5432 via ?'],
    ['5432:localhost:5432', 'localhost 5432 > localhost 5432 via ?'],
    ['5432:LOCALHOST:5432', 'localhost 5432 > LOCALHOST 5432 via ?'],
    ['5432:0.0.0.0:5432', 'localhost 5432 > 0.0.0.0 5432 via ?'],
    ['5432:5432', 'localhost 5432 > localhost 5432 via ?'],
    ['localhost:5432', 'localhost 5432 > localhost 5432 via ?'],
    ['[::1]:5432', 'localhost 5432 > ::1 5432 via ?'],
    ['*:80:127.0.0.1:80', '* 80 > 127.0.0.1 80 via ?'],
    // host:port is the destination, or the server itself.
    ['host:5432', 'localhost 5432 > host 5432', 'localhost 5432 > localhost 5432 via host host'],
    ['db:5432', 'localhost 5432 > db 5432', 'localhost 5432 > localhost 5432 via host db'],

    // Bind addresses.
    [':8080:h:80', '* 8080 > h 80', '* 8080 > h 80 via ?'],
    ['*:8080:h:80', '* 8080 > h 80', '* 8080 > h 80 via ?'],
    ['0.0.0.0:8080:h:80', '0.0.0.0 8080 > h 80', '0.0.0.0 8080 > h 80 via ?'],
    ['[::]:8080:h:80', ':: 8080 > h 80', ':: 8080 > h 80 via ?'],
    ['[::1]:8080:[::2]:80', '::1 8080 > ::2 80', '::1 8080 > ::2 80 via ?'],
    ['Localhost:8080:h:80', 'localhost 8080 > h 80', 'localhost 8080 > h 80 via ?'],
    ['192.0.2.7:8080:h:80 bastion', '192.0.2.7 8080 > h 80 via host bastion', '-R 192.0.2.7 8080 > h 80 via host bastion'],

    // Arrows: what the tree shows can be typed back.
    ['2323 -> 23', 'localhost 2323 > localhost 23', 'localhost 2323 > localhost 23 via ?'],
    ['2323→23', 'localhost 2323 > localhost 23', 'localhost 2323 > localhost 23 via ?'],
    ['2323-> 23', 'localhost 2323 > localhost 23', 'localhost 2323 > localhost 23 via ?'],
    ['2323 ->23', 'localhost 2323 > localhost 23', 'localhost 2323 > localhost 23 via ?'],
    ['2323 => 23 remhost', 'localhost 2323 > localhost 23 via host remhost', '-R localhost 2323 > localhost 23 via host remhost'],
    ['2323->23 remhost', 'localhost 2323 > localhost 23 via host remhost', '-R localhost 2323 > localhost 23 via host remhost'],
    ['5432 → db.internal:5432', 'localhost 5432 > db.internal 5432', 'localhost 5432 > db.internal 5432 via ?'],
    ['127.0.0.1:2323 → 23', '127.0.0.1 2323 > localhost 23', '127.0.0.1 2323 > localhost 23 via ?'],
    ['[::1]:2323 → [::1]:23', '::1 2323 > ::1 23', '::1 2323 > ::1 23 via ?'],
    ['*:8080 -> web:80 me@bastion:22', '* 8080 > web 80 via user me host bastion port 22', '-R * 8080 > web 80 via user me host bastion port 22'],
    ['5432 -> 5432', 'localhost 5432 > localhost 5432 via ?'],
  ])('%j', (text, ...readings) => {
    expect(meaningOf(parseForward(text, NO_HOSTS))).toEqual(readings);
  });
});

describe('a text that is wrong is refused with the reason and the place', () => {
  it.each<[marked: string, message: string]>([
    ['⟦⟧', 'Type a port, host:port or port:host:port.'],
    // Ports.
    ['2323:localhost:⟦70000⟧ remhost', 'Port 70000 is above 65535.'],
    ['⟦70000⟧', 'Port 70000 is above 65535.'],
    ['⟦65536⟧:h:80', 'Port 65536 is above 65535.'],
    [`⟦${'9'.repeat(400)}⟧`, `Port ${'9'.repeat(19)}… is above 65535.`],
    ['⟦0⟧', 'Port 0 cannot be connected to.'],
    ['8080:h:⟦0⟧ bastion', 'Port 0 cannot be connected to.'],
    ['2323:⟦0⟧', 'Port 0 cannot be connected to.'],
    ['⟦-1⟧:h:80', '"-1" is not a port: a port is a number from 1 to 65535.'],
    ['⟦-5432⟧', '"-5432" is not a port: a port is a number from 1 to 65535.'],
    ['⟦remhost⟧', '"remhost" is not a port: a port is a number from 1 to 65535.'],
    ['⟦x⟧:h:80 bastion', '"x" is not a port: a port is a number from 1 to 65535.'],
    ['8080:h:⟦8o⟧', '"8o" is not a port: a port is a number from 1 to 65535.'],
    ['8080:h:⟦+80⟧', '"+80" is not a port: a port is a number from 1 to 65535.'],
    ['8080:h:⟦0x50⟧', '"0x50" is not a port: a port is a number from 1 to 65535.'],
    ['8080:h:⟦８０⟧', '"８０" is not a port: a port is a number from 1 to 65535.'],
    ['8080:⟦db⟧', '"db" is not a port: a port is a number from 1 to 65535.'],
    ['⟦[80]⟧:h:80', '"[80]" is not a port: a port is a number from 1 to 65535.'],
    ['8080:h:⟦⟧', 'A port is missing here.'],
    ['8080:⟦⟧', 'A port is missing here.'],
    ['⟦⟧:h:80', 'A port is missing here.'],
    // Hosts.
    ['8080:⟦⟧:80', 'A host is missing here.'],
    ['8080:⟦[]⟧:80', 'A host is missing here.'],
    ['⟦⟧:80', 'A host is missing here.'],
    ['8080:⟦-oProxyCommand=x⟧:80', 'A host cannot begin with "-".'],
    ['8080:h:80 ⟦-oProxyCommand=x⟧', 'A host cannot begin with "-".'],
    ['8080:⟦a;reboot⟧:80', 'A host cannot contain ";".'],
    ['8080:⟦$(id)⟧:80', 'A host cannot contain "$".'],
    ['8080:⟦`id`⟧:80', 'A host cannot contain "`".'],
    ['8080:⟦a|b⟧:80', 'A host cannot contain "|".'],
    ['8080:⟦a\\b⟧:80', 'A host cannot contain "\\".'],
    ['8080:⟦a/b⟧:80', 'A host cannot contain "/".'],
    ['8080:⟦me@h⟧:80', 'A host cannot contain "@".'],
    ['8080:⟦*⟧:80', 'A host cannot contain "*".'],
    ['-L 8080:⟦a→b⟧:80 host', 'A host cannot contain "→".'],
    ['-L 8080:h:80 ⟦a→b⟧@host', 'A user name cannot contain "→".'],
    ['⟦*⟧:80', 'A host cannot contain "*".'],
    ['"8080:⟦a b⟧:80"', 'A host cannot contain " ".'],
    ['8080:⟦a\u0007b⟧:80', 'A host cannot contain a control character.'],
    ['8080:⟦a\u0000⟧:80', 'A host cannot contain a control character.'],
    ['8080:⟦moc.\u202elive⟧:80', 'A host cannot contain a control character.'],
    ['8080:⟦a\u200bb⟧:80', 'A host cannot contain a control character.'],
    ['8080:⟦a\ud800⟧:80', 'A host cannot contain a control character.'],
    ['8080:h:80 ⟦a\u202eb⟧', 'A host cannot contain a control character.'],
    [`8080:⟦${LONG}⟧:80`, 'A host name has at most 253 characters.'],
    [`8080:h:80 ⟦${LONG}⟧`, 'A host name has at most 253 characters.'],
    ['8080:⟦[::1⟧', 'The brackets around this address do not match.'],
    ['8080:⟦[::1:80⟧', 'The brackets around this address do not match.'],
    ['8080:⟦h]⟧:80', 'The brackets around this address do not match.'],
    ['8080:⟦[::1]x⟧:80', 'The brackets around this address do not match.'],
    ['8080:⟦[[::1]]⟧:80', 'The brackets around this address do not match.'],
    ['8080:⟦[not:v6]⟧:80', '"not:v6" is not an IPv6 address.'],
    ['⟦8080:::1:80⟧', 'Too many parts. An IPv6 address needs brackets, as in [::1].'],
    ['⟦a:8080:b:80:c⟧ bastion', 'Too many parts. An IPv6 address needs brackets, as in [::1].'],
    // Proxies: whoever uses them says where to go.
    ['-D ⟦1080⟧:80 remhost', '"1080" is not an address to listen on: did you mean "-D 1080"?'],
    ['-R ⟦9000⟧:80 remhost', '"9000" is not an address to listen on: did you mean "-R 9000:localhost:80"?'],
    ['-R ⟦9000⟧:', 'Write -R port:host:port, or -R port alone for a proxy on the server.'],
    ['-R ⟦9000⟧:localhost', 'Write -R port:host:port, or -R port alone for a proxy on the server.'],
    ['-D ⟦1080⟧:', '"1080" is not an address to listen on: did you mean "-D 1080"?'],
    ['-D ⟦1080:web:80⟧ remhost', '-D takes a port, or address:port: whoever uses the proxy says where to go.'],
    ['-D ⟦70000⟧ remhost', 'Port 70000 is above 65535.'],
    ['-R ⟦⟧"" remhost', 'A port is missing here.'],
    ['-R 9000:localhost:⟦0⟧ remhost', 'Port 0 cannot be connected to.'],
    ['-R 9000:⟦*⟧:80 remhost', 'A host cannot contain "*".'],
    ['-D ⟦a;b⟧:1080 remhost', 'A host cannot contain ";".'],
    ['-D ⟦/run/x.sock⟧ remhost', 'A proxy listens on a port, not on a path.'],
    // Servers.
    ['5432 ⟦⟧@bastion', 'A user name is missing here.'],
    ['5432 ⟦-l⟧@bastion', 'A user name cannot begin with "-".'],
    ['5432 ⟦a;b⟧@bastion', 'A user name cannot contain ";".'],
    ['5432 ⟦a\u202eb⟧@bastion', 'A user name cannot contain a control character.'],
    ['5432 ssh://⟦a%3bb⟧@bastion', 'A user name cannot contain ";".'],
    ['5432 ssh://⟦a%b⟧@bastion', 'This is not an SSH server: "%" must be followed by two hexadecimal digits.'],
    ['5432 me@⟦⟧', 'A host is missing here.'],
    ['5432 ⟦⟧""', 'A host is missing here.'],
    ['5432 me@bastion:⟦⟧', 'A port is missing here.'],
    ['5432 me@bastion:⟦ssh⟧', '"ssh" is not a port: a port is a number from 1 to 65535.'],
    ['5432 me@bastion:⟦70000⟧', 'Port 70000 is above 65535.'],
    ['5432 ssh://⟦bastion/x⟧', 'A host cannot contain "/".'],
    ['5432 ⟦1:2:3:4:5:6⟧', 'This is not an SSH server: write user@host:port.'],
    ['5432 ⟦a:b:c⟧', 'This is not an SSH server: write user@host:port.'],
    ['5432 db ⟦now⟧', '"now" is one word too many: write the forward, a space, and the SSH server.'],
    ['5432 db ⟦-p⟧ 2222', '"-p" is one word too many: write the forward, a space, and the SSH server.'],
    // Arrows.
    ['2323 ⟦->⟧', 'A port is missing after the arrow.'],
    ['2323⟦→⟧', 'A port is missing after the arrow.'],
    ['⟦->⟧ 23', 'A port is missing before the arrow.'],
    ['2323 -> ⟦70000⟧', 'Port 70000 is above 65535.'],
    ['2323→db:⟦70000⟧', 'Port 70000 is above 65535.'],
    ['2323 -> ⟦db⟧', '"db" is not a port: a port is a number from 1 to 65535.'],
    ['2323 -> ⟦a:b:80⟧', 'After the arrow belongs a port, or host:port.'],
    ['⟦2323:a:80⟧ -> 23', 'Before the arrow belongs a port, or address:port.'],
    ['2323 ⟦x⟧-> 23', 'Before the arrow belongs a port, or address:port.'],
    ['2323 -> 23 db ⟦now⟧', '"now" is one word too many: write the forward, a space, and the SSH server.'],
    // What is something else.
    ['⟦http://localhost:3000/x⟧', '"http://localhost:3000/x" is a web address: write only its host:port.'],
    // Quotes, and where the blame falls when they are gone.
    ['5432:⟦"⟧db:80', 'This quote is not closed.'],
    ["5432:⟦'⟧db", 'This quote is not closed.'],
    ['"5432:db:⟦70000⟧" bastion', 'Port 70000 is above 65535.'],
    ['5432:"db":⟦70000⟧ bastion', 'Port 70000 is above 65535.'],
    ['5432:db:⟦7"000"0⟧ bastion', 'Port 70000 is above 65535.'],
    // Messages carry nothing that forges the display.
    ['⟦\u202e5432⟧', '"5432" is not a port: a port is a number from 1 to 65535.'],
    [`⟦${'x'.repeat(100)}⟧`, `"${'x'.repeat(59)}…" is not a port: a port is a number from 1 to 65535.`],
  ])('%j', (text, message) => {
    const { text: typed, start, end } = marked(text);
    expect(parseForward(typed, NO_HOSTS)).toEqual({ isValid: false, problem: { message, start, end } });
  });

  it('but not for its length alone up to 4000 characters', () => {
    expect(parseForward('5432 db'.padEnd(4_000), NO_HOSTS)).toMatchObject({ isValid: true });
    expect(parseForward('5432 db'.padEnd(4_001), NO_HOSTS)).toMatchObject({ isValid: false });
  });

  it('a text that is far too long, at once', () => {
    const text = `${'['.repeat(200_000)}${'"a" '.repeat(200_000)}`;
    const result = parseForward(text, NO_HOSTS);
    expect(result).toMatchObject({ isValid: false, problem: { message: 'This text is too long: at most 4000 characters.', start: 0, end: text.length } });
  });
});

describe('a host that ssh_config knows', () => {
  it('is the server before it is a destination', () => {
    expect(meaningOf(parseForward('db:5432', WITH_DB))).toEqual(['localhost 5432 > localhost 5432 via host db', 'localhost 5432 > db 5432']);
  });

  it('does not change what a whole forward means', () => {
    expect(meaningOf(parseForward('5432:db:5432', WITH_DB))).toEqual(['localhost 5432 > db 5432', 'localhost 5432 > db 5432 via ?']);
  });

  it('lacks its port when it stands alone', () => {
    expect(parseForward('db', WITH_DB)).toEqual({
      isValid: false, problem: { message: 'Which port of "db"? Write the port first, as in "5432 db".', start: 0, end: 2 },
    });
  });
});

describe('parseDestination', () => {
  it.each([
    ['bastion', { host: 'bastion' }],
    ['me@bastion:2222', { host: 'bastion', user: 'me', port: 2222 }],
    ['ssh://me@bastion:2222', { host: 'bastion', user: 'me', port: 2222 }],
    ['SSH://bastion', { host: 'bastion' }],
    ['::1', { host: '::1' }],
    ['[::1]:22', { host: '::1', port: 22 }],
    ['__proto__', { host: '__proto__' }],
  ])('reads %s', (text, destination) => {
    expect(parseDestination(text)).toEqual({ isValid: true, destination });
  });

  it.each([
    ['⟦⟧', 'A host is missing here.'],
    ['⟦ bastion⟧', 'A host cannot contain " ".'],
    ['⟦a b⟧', 'A host cannot contain " ".'],
    ['me@⟦bastion/⟧', 'A host cannot contain "/".'],
    ['me@[::1]:⟦x⟧', '"x" is not a port: a port is a number from 1 to 65535.'],
    ['ssh://me@⟦[::1⟧', 'The brackets around this address do not match.'],
  ])('refuses %s', (text, message) => {
    const { text: typed, start, end } = marked(text);
    expect(parseDestination(typed)).toEqual({ isValid: false, problem: { message, start, end } });
  });
});
