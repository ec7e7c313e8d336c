import { describe, expect, it } from 'vitest';
import { parseForward, type ParseContext } from '../../../src/core/forwardParser.ts';
import { marked, meaningOf } from './meaning.ts';

const NO_HOSTS: ParseContext = { sshHosts: new Set() };
const EIGHT = ['a:1', 'b:2', 'c:3', 'd:4', 'e:5', 'f:6', 'g:7', 'h:8'];

describe('a text means', () => {
  it.each<[text: string, ...readings: string[]]>([
    // Datagrams.
    ['udp:5353:10.0.0.2:53', 'udp localhost 5353 > 10.0.0.2 53'],
    ['udp:127.0.0.1:5353:10.0.0.2:53', 'udp 127.0.0.1 5353 > 10.0.0.2 53'],
    ['udp:[::1]:5353:[2001:db8::1]:53', 'udp ::1 5353 > 2001:db8::1 53'],
    ['udp:*:5353:dns.example:53', 'udp * 5353 > dns.example 53'],
    ['udp::5353:dns.example:53', 'udp * 5353 > dns.example 53'],
    ['udp:0:10.0.0.2:53', 'udp localhost 0 > 10.0.0.2 53'],
    ['udp:5353:53', 'udp localhost 5353 > localhost 53'],
    ['udp:10.0.0.2:53', 'udp localhost 53 > 10.0.0.2 53'],
    ['UDP:5353:10.0.0.2:53', 'udp localhost 5353 > 10.0.0.2 53'],
    ['udp:5353 -> 10.0.0.2:53', 'udp localhost 5353 > 10.0.0.2 53'],
    ['udp:5353→53', 'udp localhost 5353 > localhost 53'],
    ['8080:udp:80', 'localhost 8080 > udp 80', 'localhost 8080 > udp 80 via ?'],

    // Ranges, the nth port to the nth.
    ['8000-8010:web:8000-8010', 'localhost 8000 > web 8000 times 11', 'localhost 8000 > web 8000 times 11 via ?'],
    ['8000-8010:web:9000-9010 host', 'localhost 8000 > web 9000 times 11 via host host', '-R localhost 8000 > web 9000 times 11 via host host'],
    ['8000-8010 host', 'localhost 8000 > localhost 8000 times 11 via host host', '-R localhost 8000 > localhost 8000 times 11 via host host'],
    ['8000-8010:9000-9010 host', 'localhost 8000 > localhost 9000 times 11 via host host', '-R localhost 8000 > localhost 9000 times 11 via host host'],
    ['web:8000-8001', 'localhost 8000 > web 8000 times 2', 'localhost 8000 > localhost 8000 times 2 via host web'],
    ['*:8000-8010:[::1]:8000-8010', '* 8000 > ::1 8000 times 11 via ?'],
    ['[::1]:8000-8010:web:1-11', '::1 8000 > web 1 times 11', '::1 8000 > web 1 times 11 via ?'],
    ['8000-8010 -> web:9000-9010', 'localhost 8000 > web 9000 times 11', 'localhost 8000 > web 9000 times 11 via ?'],
    ['-L 8000-8010:web:8000-8010 host', 'localhost 8000 > web 8000 times 11 via host host'],
    ['-L 8000-8010 host', 'localhost 8000 > localhost 8000 times 11 via host host'],
    ['-R 8000-8010:web:8000-8010 host', '-R localhost 8000 > web 8000 times 11 via host host'],
    ['ssh -g -L 8000-8010:web:8000-8010 host', '* 8000 > web 8000 times 11 via host host'],
    ['1-1000:web:64536-65535', 'localhost 1 > web 64536 times 1000', 'localhost 1 > web 64536 times 1000 via ?'],
    ['8000-8000:web:80', 'localhost 8000 > web 80', 'localhost 8000 > web 80 via ?'],
    ['8000:10-20:80', 'localhost 8000 > 10-20 80', 'localhost 8000 > 10-20 80 via ?'],
    // A range that leads to itself lacks its server; one that is only shifted has an end.
    ['8000-8010', 'localhost 8000 > localhost 8000 times 11 via ?'],
    ['8000-8010:8001-8011', 'localhost 8000 > localhost 8001 times 11', 'localhost 8000 > localhost 8001 times 11 via ?'],

    // Several destinations, one after the other.
    ['5432:db1:5432,db2:5432,[::1]:5433', 'localhost 5432 > db1 5432 else db2 5432 else ::1 5433'],
    ['*:5432:db1:5432,db2:5432', '* 5432 > db1 5432 else db2 5432'],
    ['db1:5432,db2:5432', 'localhost 5432 > db1 5432 else db2 5432'],
    ['5432 -> db1:5432,db2:5432', 'localhost 5432 > db1 5432 else db2 5432'],
    ['8080:23,24', 'localhost 8080 > localhost 23 else localhost 24'],
    ['/a.sock:/b.sock,/c.sock,web:80', '/a.sock > /b.sock else /c.sock else web 80'],
    ['8080:[/b,c:d],~/e', 'localhost 8080 > /b,c:d else ~/e'],
    [`8080:${EIGHT.join(',')}`, 'localhost 8080 > a 1 else b 2 else c 3 else d 4 else e 5 else f 6 else g 7 else h 8'],

    // The header that names the origin.
    ['8080:10.0.0.2:80 send-proxy-v2', 'localhost 8080 > 10.0.0.2 80 with header'],
    ['send-proxy-v2:80', 'localhost 80 > send-proxy-v2 80', 'localhost 80 > send-proxy-v2 80 via ?'],
    ['8080:web:80 me@send-proxy-v2', 'localhost 8080 > web 80 via user me host send-proxy-v2', '-R localhost 8080 > web 80 via user me host send-proxy-v2'],
    ['8080:10.0.0.2:80 SEND-PROXY-V2', 'localhost 8080 > 10.0.0.2 80 with header'],
    ['8080 -> 10.0.0.2:80 send-proxy-v2', 'localhost 8080 > 10.0.0.2 80 with header'],
    ['/a.sock:/b.sock send-proxy-v2', '/a.sock > /b.sock with header'],
    ['8000-8010:web:8000-8010 send-proxy-v2', 'localhost 8000 > web 8000 times 11 with header'],
    ['5432:db1:5432,db2:5432 send-proxy-v2', 'localhost 5432 > db1 5432 else db2 5432 with header'],
  ])('%j', (text, ...readings) => {
    expect(meaningOf(parseForward(text, NO_HOSTS))).toEqual(readings);
  });
});

const NO_UDP = 'SSH carries no UDP, only streams: leave the server out for a UDP relay on this computer.';
const ONE_DESTINATION = 'SSH leads to one destination: only a relay, without a server, tries several.';
const NO_HEADER = 'SSH sends no PROXY header: only a relay, without a server, does.';
const TO_ITSELF = 'This would connect to itself: name another destination.';

describe('a text that is wrong is refused with the reason and the place', () => {
  it.each<[marked: string, message: string]>([
    // Datagrams.
    ['⟦udp⟧:5353:10.0.0.2:53 host', NO_UDP],
    ['⟦udp⟧:5353 -> 10.0.0.2:53 host', NO_UDP],
    ['-L ⟦udp⟧:5353:10.0.0.2:53 host', NO_UDP],
    ['-R ⟦udp⟧:5353:10.0.0.2:53 host', NO_UDP],
    ['-R ⟦udp⟧:5353 host', NO_UDP],
    ['-D ⟦udp⟧:1080 host', NO_UDP],
    ['udp:⟦53⟧', TO_ITSELF],
    ['udp:⟦localhost:53⟧', TO_ITSELF],
    ['udp:5353 -> ⟦127.0.0.1:5353⟧', TO_ITSELF],
    ['udp:5353:10.0.0.2:⟦70000⟧', 'Port 70000 is above 65535.'],
    ['udp:5353:10.0.0.2:⟦0⟧', 'Port 0 cannot be connected to.'],
    ['udp:⟦⟧', 'A port is missing here.'],
    ['⟦udp⟧', '"udp" is not a port: a port is a number from 1 to 65535.'],
    ['udp:⟦5353:/run/x.sock⟧', 'UDP goes from port to port, not to a path.'],
    ['udp:⟦/run/x.sock:h:53⟧', 'UDP goes from port to port, not to a path.'],
    ['udp:⟦53-54:h:53-54⟧', 'A UDP relay has one port, no range.'],
    ['udp:53:a:53,⟦b:53⟧', 'UDP has one destination: nobody answers whether it can be reached.'],
    ['udp:53:a:53 ⟦send-proxy-v2⟧', 'There is no PROXY header for UDP here: leave the word out.'],
    ['udp:⟦//10.0.0.2:53⟧', 'UDP goes from port to port, not to a path.'],

    // Ranges.
    ['8000-8010:web:⟦8000-8009⟧', 'Both ends need the same number of ports: here 11 would lead to 10.'],
    ['8000-8010:web:⟦80⟧ host', 'Both ends need the same number of ports: here 11 would lead to 1.'],
    ['80:web:⟦8000-8010⟧', 'Both ends need the same number of ports: here 1 would lead to 11.'],
    ['0:web:⟦8000-8010⟧', 'Both ends need the same number of ports: here 1 would lead to 11.'],
    ['⟦8010-8000⟧:web:80', 'A range goes up: write "8000-8010".'],
    ['⟦0-10⟧:web:80', 'A range begins with port 1 or one above.'],
    ['8000-8010:web:⟦0-10⟧', 'A range begins with port 1 or one above.'],
    ['65530-⟦65540⟧:web:1-11', 'Port 65540 is above 65535.'],
    ['⟦70000⟧-70010:web:1-11', 'Port 70000 is above 65535.'],
    ['⟦1-1001⟧:web:1-1001', 'A range has at most 1000 ports, and this one has 1001.'],
    ['⟦8000-⟧:web:80', '"8000-" is not a port: a port is a number from 1 to 65535.'],
    ['⟦8000-8010⟧:/run/x.sock', 'A range of ports leads to a range of ports, not to a socket.'],
    ['/run/x.sock:web:⟦8000-8010⟧', 'A range of ports leads to a range of ports, not to a socket.'],
    ['-D ⟦1080-1090⟧ host', 'A proxy has one port, no range.'],
    ['-D localhost:⟦1080-1090⟧ host', 'A proxy has one port, no range.'],
    ['-D ⟦1080-1090⟧:80 host', 'A proxy has one port, no range.'],
    ['-R ⟦9000-9010⟧ host', 'A proxy has one port, no range.'],
    ['-R ⟦9000-9010⟧:80-90 host', '"9000-9010" is not an address to listen on: did you mean "-R 9000-9010:localhost:80-90"?'],
    ['8000-8010:web:8000-8010,⟦db:1⟧', 'A range of ports has one destination.'],

    // Several destinations.
    ['5432:db1:5432,⟦db2:5432⟧ host', ONE_DESTINATION],
    ['5432 -> db1:5432,⟦db2:5432⟧ host', ONE_DESTINATION],
    ['-L 5432:db1:⟦5432,db2⟧:5432 host', ONE_DESTINATION],
    ['-R 5432:db1:⟦1,db2⟧:2,db3:3 host', ONE_DESTINATION],
    ['5432:db1:5432,⟦⟧', 'A destination is missing after this comma.'],
    ['5432:db1:5432,⟦⟧,db2:5432', 'A destination is missing after this comma.'],
    ['5432:db1:5432,⟦db2⟧', '"db2" is not a port: a port is a number from 1 to 65535.'],
    ['5432:db1:5432,db2:⟦0⟧', 'Port 0 cannot be connected to.'],
    ['5432:db1:5432,⟦a:b:80⟧', 'After a comma belongs a port, host:port or a path.'],
    ['5432:db1:5432,⟦db2:1-2⟧', 'A range of ports has one destination.'],
    ['5432:db1:5432,⟦run/x⟧', '"run/x" is not the whole path of a socket: that begins with "/", or with "~/" for your home folder.'],
    ['⟦5432⟧,5433', TO_ITSELF],
    ['5432:db:5432,⟦5432⟧', TO_ITSELF],
    ['/a.sock:db:5432,⟦/a.sock⟧', TO_ITSELF],
    [`8080:${EIGHT.join(',')},⟦i:9⟧`, 'A relay has at most 8 destinations.'],

    // The header.
    ['8080:web:80 ⟦send-proxy-v2⟧ host', NO_HEADER],
    ['8080:web:80 host ⟦send-proxy-v2⟧', NO_HEADER],
    ['-L 8080:web:80 ⟦send-proxy-v2⟧', NO_HEADER],
    ['8080:web:80 ⟦send-proxy⟧', 'Only version 2 of the PROXY protocol can be sent: write "send-proxy-v2".'],
    ['⟦8080⟧ send-proxy-v2', TO_ITSELF],
    ['⟦send-proxy-v2⟧', '"send-proxy-v2" is not a port: a port is a number from 1 to 65535.'],
    ['8080:web:80 a ⟦b⟧ send-proxy-v2', '"b" is one word too many: write the forward, a space, and the SSH server.'],
  ])('%j', (text, message) => {
    const { text: typed, start, end } = marked(text);
    expect(parseForward(typed, NO_HOSTS)).toEqual({ isValid: false, problem: { message, start, end } });
  });
});

describe('a server that is named apart from the text', () => {
  const meaning = (text: string): readonly string[] => meaningOf(parseForward(text, { sshHosts: new Set(), target: { host: 'apart' } }));

  it.each<[text: string, ...readings: string[]]>([
    ['5432:/run/x', 'localhost 5432 > /run/x via host apart', '-R localhost 5432 > /run/x via host apart'],
    ['db:5432', 'localhost 5432 > db 5432 via host apart', '-R localhost 5432 > db 5432 via host apart'],
    ['-D 1080', '-D localhost 1080 via host apart'],
    ['5432 other', 'localhost 5432 > localhost 5432 via host other', '-D localhost 5432 via host other'],
    ['5432:~/x', 'refused: The server does not expand "~": write the whole path, as in "/home/me/x.sock".'],
    ['udp:53:h:53', `refused: ${NO_UDP}`],
  ])('is the server of %j, unless that names its own', (text, ...readings) => {
    expect(meaning(text)).toEqual(readings);
  });
});
