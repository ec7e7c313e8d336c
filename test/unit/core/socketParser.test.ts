import { describe, expect, it } from 'vitest';
import { parseForward, type ParseContext } from '../../../src/core/forwardParser.ts';
import { marked, meaningOf } from './meaning.ts';

const NO_HOSTS: ParseContext = { sshHosts: new Set() };
const LONGEST = `/${'a'.repeat(106)}`;

describe('a text with the path of a socket means', () => {
  it.each<[text: string, ...readings: string[]]>([
    // With an SSH server.
    ['/tmp/x.sock:db:5432 host', '/tmp/x.sock > db 5432 via host host', '-R /tmp/x.sock > db 5432 via host host'],
    ['5432:/run/postgresql/.s.PGSQL.5432 me@host:2222', 'localhost 5432 > /run/postgresql/.s.PGSQL.5432 via user me host host port 2222',
      '-R localhost 5432 > /run/postgresql/.s.PGSQL.5432 via user me host host port 2222'],
    ['*:5432:/run/x host', '* 5432 > /run/x via host host', '-R * 5432 > /run/x via host host'],
    ['[::1]:5432:/run/x host', '::1 5432 > /run/x via host host', '-R ::1 5432 > /run/x via host host'],
    ['/a.sock:/b.sock host', '/a.sock > /b.sock via host host', '-R /a.sock > /b.sock via host host'],
    ['/a.sock:5432 host', '/a.sock > localhost 5432 via host host', '-R /a.sock > localhost 5432 via host host'],
    ['/a.sock:[::1]:5432 host', '/a.sock > ::1 5432 via host host', '-R /a.sock > ::1 5432 via host host'],
    ['-R /run/user/1000/a.sock:/tmp/b.sock host', '-R /run/user/1000/a.sock > /tmp/b.sock via host host'],
    ['-R /run/a.sock:localhost:3000 host', '-R /run/a.sock > localhost 3000 via host host'],
    ['-R 9000:/tmp/b.sock host', '-R localhost 9000 > /tmp/b.sock via host host'],
    ['-R 0:/tmp/b.sock host', '-R localhost 0 > /tmp/b.sock via host host'],
    ['-L /a.sock:/b.sock', '/a.sock > /b.sock via ?'],
    ['ssh -NL /a.sock:/b.sock -R /c.sock:d:80 host', '/a.sock > /b.sock via host host & -R /c.sock > d 80 via host host'],
    // -g opens ports that name no address, and no sockets.
    ['ssh -g -L /a.sock:b:80 -L 81:/b.sock -L localhost:82:/b.sock host', '/a.sock > b 80 via host host & * 81 > /b.sock via host host & localhost 82 > /b.sock via host host'],

    // Without one.
    ['8080:/run/x.sock', 'localhost 8080 > /run/x.sock', 'localhost 8080 > /run/x.sock via ?'],
    ['0:/run/x.sock', 'localhost 0 > /run/x.sock', 'localhost 0 > /run/x.sock via ?'],
    ['/a.sock:/b.sock', '/a.sock > /b.sock', '/a.sock > /b.sock via ?'],
    ['/a.sock:web:80', '/a.sock > web 80', '/a.sock > web 80 via ?'],
    ['/a.sock:23', '/a.sock > localhost 23', '/a.sock > localhost 23 via ?'],
    ['/a.sock -> /b.sock', '/a.sock > /b.sock', '/a.sock > /b.sock via ?'],
    ['/a.sock→23 host', '/a.sock > localhost 23 via host host', '-R /a.sock > localhost 23 via host host'],
    ['8080 -> /b.sock', 'localhost 8080 > /b.sock', 'localhost 8080 > /b.sock via ?'],
    // A program called ssh is one only where a command begins.
    ['8080:/run/ssh', 'localhost 8080 > /run/ssh', 'localhost 8080 > /run/ssh via ?'],
    ['/a.sock:/run/ssh host', '/a.sock > /run/ssh via host host', '-R /a.sock > /run/ssh via host host'],
    // What would only connect to itself lacks its server.
    ['/a.sock:/a.sock', '/a.sock > /a.sock via ?'],
    ['/run/a.sock:/run//./a.sock', '/run/a.sock > /run//./a.sock via ?'],

    // The home folder is this machine's: on the server it is nobody's.
    ['~/x.sock:db:5432 host', '~/x.sock > db 5432 via host host'],
    ['5432:~/x.sock', 'localhost 5432 > ~/x.sock'],
    ['~/a.sock:~/b.sock', '~/a.sock > ~/b.sock'],
    ['~/a.sock:23', '~/a.sock > localhost 23', '~/a.sock > localhost 23 via ?'],
    ['-R 9000:~/x.sock host', '-R localhost 9000 > ~/x.sock via host host'],
    ['$HOME/x.sock:db:5432 host', '~/x.sock > db 5432 via host host'],
    ['-L "${HOME}/x.sock:db:5432" host', '~/x.sock > db 5432 via host host'],

    // Brackets and quotes protect.
    ['[/run/a:b]:db:5432 host', '/run/a:b > db 5432 via host host', '-R /run/a:b > db 5432 via host host'],
    ['8080:[/run/a:b,c]', 'localhost 8080 > /run/a:b,c', 'localhost 8080 > /run/a:b,c via ?'],
    ['[/run/a\\b]:[/c]', '/run/a\\b > /c', '/run/a\\b > /c via ?'],
    ['"/run/a b.sock:/c d" host', '/run/a b.sock > /c d via host host', '-R /run/a b.sock > /c d via host host'],
    ['8080:"/run/it\'s"', 'localhost 8080 > /run/it\'s', 'localhost 8080 > /run/it\'s via ?'],
    ['8080:/run/it\\\'s', 'localhost 8080 > /run/it\'s', 'localhost 8080 > /run/it\'s via ?'],
    ['8080:/rün/日本', 'localhost 8080 > /rün/日本', 'localhost 8080 > /rün/日本 via ?'],
    ['-L 8080:/run/a,b host', 'localhost 8080 > /run/a,b via host host'],
    ['-L /run/a,b:h:80 host', '/run/a,b > h 80 via host host'],
    [`8080:${LONGEST}`, `localhost 8080 > ${LONGEST}`, `localhost 8080 > ${LONGEST} via ?`],

    // Named pipes of Windows are on this computer.
    ['\\\\.\\pipe\\docker:localhost:2375', '\\\\.\\pipe\\docker > localhost 2375', '\\\\.\\pipe\\docker > localhost 2375 via ?'],
    ['2375:\\\\.\\PIPE\\docker_engine', 'localhost 2375 > \\\\.\\pipe\\docker_engine'],
    ['2375:\\\\?\\pipe\\docker_engine', 'localhost 2375 > \\\\.\\pipe\\docker_engine'],
    ['\\\\.\\pipe\\docker:/run/docker.sock host', '\\\\.\\pipe\\docker > /run/docker.sock via host host'],
    ['-R /run/docker.sock:\\\\.\\pipe\\docker host', '-R /run/docker.sock > \\\\.\\pipe\\docker via host host'],
    ['[\\\\.\\pipe\\a:b]:1', '\\\\.\\pipe\\a:b > localhost 1', '\\\\.\\pipe\\a:b > localhost 1 via ?'],
  ])('%j', (text, ...readings) => {
    expect(meaningOf(parseForward(text, NO_HOSTS))).toEqual(readings);
  });
});

describe('a text with a wrong path is refused with the reason and the place', () => {
  it.each<[marked: string, message: string]>([
    // One end only.
    ['⟦/run/x.sock⟧', '"/run/x.sock" is one end only: write what listens before it, as in "5432:/run/x.sock".'],
    ['⟦/run/x.sock⟧ host', '"/run/x.sock" is one end only: write what listens before it, as in "5432:/run/x.sock".'],
    ['-L ⟦/run/x.sock⟧ host', '"/run/x.sock" is one end only: write what listens before it, as in "5432:/run/x.sock".'],
    ['/a.sock:⟦h⟧', '"h" is not a port: a port is a number from 1 to 65535.'],
    ['/a.sock:⟦0⟧', 'Port 0 cannot be connected to.'],
    ['⟦127.0.0.1⟧:/a.sock', '"127.0.0.1" is not a port: a port is a number from 1 to 65535.'],
    // Whole paths.
    ['8080:⟦run/x.sock⟧', '"run/x.sock" is not the whole path of a socket: that begins with "/", or with "~/" for your home folder.'],
    ['⟦./x.sock⟧:h:80', '"./x.sock" is not the whole path of a socket: that begins with "/", or with "~/" for your home folder.'],
    ['⟦~me/x.sock⟧:h:80', '"~me/x.sock" is not the whole path of a socket: that begins with "/", or with "~/" for your home folder.'],
    ['8080:⟦$XDG_RUNTIME_DIR/x⟧', '"$XDG_RUNTIME_DIR/x" is not the whole path of a socket: that begins with "/", or with "~/" for your home folder.'],
    ['-L 8080:⟦run/x.sock⟧ host', '"run/x.sock" is not the whole path of a socket: that begins with "/".'],
    ['8080:⟦/run/⟧', '"/run/" is a folder: add the name of the socket.'],
    ['8080:⟦/⟧', '"/" is a folder: add the name of the socket.'],
    ['⟦~/⟧:h:80', '"~/" is a folder: add the name of the socket.'],
    [`8080:⟦${LONGEST}a⟧`, 'The path of a socket has at most 107 bytes, and this one has 108.'],
    [`8080:⟦/${'é'.repeat(54)}⟧`, 'The path of a socket has at most 107 bytes, and this one has 109.'],
    // The server's home folder.
    ['5432:⟦~/x.sock⟧ host', 'The server does not expand "~": write the whole path, as in "/home/me/x.sock".'],
    ['-L 5432:⟦~/x.sock⟧', 'The server does not expand "~": write the whole path, as in "/home/me/x.sock".'],
    ['-R ⟦~/x.sock⟧:h:80 host', 'The server does not expand "~": write the whole path, as in "/home/me/x.sock".'],
    ['-R ⟦$HOME/x.sock⟧:h:80 host', 'The server does not expand "$HOME": write the whole path, as in "/home/me/x.sock".'],
    ['⟦~/a.sock:~/a.sock⟧', 'This would connect to itself: name another destination.'],
    // Characters.
    ['8080:⟦/run/%h.sock⟧', 'ssh puts something else in the place of "%" in a path: write what is meant.'],
    ['8080:⟦/run/${USER}.sock⟧', 'ssh puts something else in the place of "${" in a path: write what is meant.'],
    ['8080:⟦/run/a\\b⟧', 'A path with "\\" in it needs brackets, as in "[/run/a\\b]".'],
    ['8080:⟦/run/a\u0007⟧', 'A path cannot contain a control character.'],
    ['8080:⟦/run/a\u0000⟧', 'A path cannot contain a control character.'],
    ['8080:⟦/run/\u202ekcos⟧', 'A path cannot contain a control character.'],
    ['8080:⟦/run/a\u200bb⟧', 'A path cannot contain a control character.'],
    ['8080:⟦/run/\ud800⟧', 'A path cannot contain a control character.'],
    ['-L 8080:⟦/a->b⟧ host', 'A path cannot contain "->".'],
    ['8080:⟦/run/a[b]⟧', 'The brackets around this path do not match.'],
    ['8080:⟦[/run/x⟧', 'The brackets around this path do not match.'],
    ['⟦[/a]x⟧:h:80', 'The brackets around this path do not match.'],
    // Too much.
    ['⟦/a:/b:/c⟧', 'Too many parts. A path with a colon needs brackets, as in [/run/a:b].'],
    ['⟦/a:h:80:9⟧', 'Too many parts. A path with a colon needs brackets, as in [/run/a:b].'],
    ['⟦h:80:90:/a⟧ host', 'Too many parts. A path with a colon needs brackets, as in [/run/a:b].'],
    ['⟦/a:80⟧ -> 90', 'Before the arrow belongs a port, or address:port.'],
    ['8080:⟦a/b⟧:80', 'A host cannot contain "/".'],
    // Proxies listen on ports.
    ['-R ⟦/run/x.sock⟧ host', 'A proxy listens on a port, not on a path: write -R path:host:port for a destination.'],
    ['-R ⟦/run/x.sock:80⟧ host', 'Where on this computer? Did you mean "-R /run/x.sock:localhost:80"?'],
    ['-D localhost:⟦/run/x.sock⟧ host', 'A proxy listens on a port, not on a path.'],
    // Pipes.
    ['-R ⟦\\\\.\\pipe\\docker⟧:h:80 host', 'A named pipe is on this computer only: on the server, write the path of a Unix socket.'],
    ['2375:⟦\\\\.\\pipe\\docker⟧ host', 'A named pipe is on this computer only: on the server, write the path of a Unix socket.'],
    ['⟦\\\\.\\COM1⟧:h:80', '"\\\\.\\COM1" is no named pipe: write \\\\.\\pipe\\ and its name.'],
    ['⟦\\\\.\\pipe\\⟧:h:80', '"\\\\.\\pipe\\" is no named pipe: write \\\\.\\pipe\\ and its name.'],
    ['⟦\\\\.\\pipe\\a\\b⟧:h:80', 'The name of a pipe cannot contain "\\".'],
    ['⟦\\\\.\\pipe\\a/b⟧:h:80', 'The name of a pipe cannot contain "/".'],
    ['⟦\\\\.\\pipe\\a\u0007⟧:h:80', 'A path cannot contain a control character.'],
    [`⟦\\\\.\\pipe\\${'a'.repeat(257)}⟧:h:80`, 'The name of a pipe has at most 256 characters.'],
  ])('%j', (text, message) => {
    const { text: typed, start, end } = marked(text);
    expect(parseForward(typed, NO_HOSTS)).toEqual({ isValid: false, problem: { message, start, end } });
  });
});

it('what a command says about its sockets besides is named, and not taken over', () => {
  const text = 'ssh -o StreamLocalBindUnlink=yes -oStreamLocalBindMask=0177 -L /a.sock:/b.sock host';
  expect(parseForward(text, NO_HOSTS)).toMatchObject({ leftOut: [], notTakenOver: ['-o StreamLocalBindUnlink=yes', '-o StreamLocalBindMask=0177'] });
});
