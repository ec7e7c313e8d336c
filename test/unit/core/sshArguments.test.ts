import { describe, expect, it } from 'vitest';
import { parseForward, type ParseResult } from '../../../src/core/forwardParser.ts';
import { marked, meaningOf } from './meaning.ts';

const parse = (text: string): ParseResult => parseForward(text, { sshHosts: new Set() });

describe('a pasted ssh command means', () => {
  it.each<[text: string, meaning: string, leftOut?: readonly string[], notTakenOver?: readonly string[]]>([
    ['ssh -N -L 5432:db:5432 -p 2222 me@bastion', 'localhost 5432 > db 5432 via user me host bastion port 2222'],
    ['ssh -fNL8080:[::1]:80 host', 'localhost 8080 > ::1 80 via host host'],
    ['-L 2323:localhost:23 user@remhost:2222', 'localhost 2323 > localhost 23 via user user host remhost port 2222'],
    ['-L 2323:localhost:23', 'localhost 2323 > localhost 23 via ?'],
    ['ssh host -L 8080:web:80', 'localhost 8080 > web 80 via host host'],
    ['ssh -L 8080:web:80 -- host', 'localhost 8080 > web 80 via host host'],
    ['ssh -L "8080:web:80" \'me@host\'', 'localhost 8080 > web 80 via user me host host'],
    ['ssh -L"8080:web:80" host', 'localhost 8080 > web 80 via host host'],
    ['ssh -N \\\n  -L 8080:web:80 \\\n  host', 'localhost 8080 > web 80 via host host'],
    ['/usr/bin/ssh -L 8080:web:80 host', 'localhost 8080 > web 80 via host host'],
    ['C:\\Windows\\System32\\OpenSSH\\SSH.EXE -L 8080:web:80 host', 'localhost 8080 > web 80 via host host'],
    ['ssh -NTfnqvakx2 -L 8080:web:80 host', 'localhost 8080 > web 80 via host host'],
    ['ssh -L *:8080:web:80 host', '* 8080 > web 80 via host host'],
    ['ssh -L 8080:web:80 me@2001:db8::1', 'localhost 8080 > web 80 via user me host 2001:db8::1'],
    ['ssh -L 8080:web:80 ssh://me@host:2222', 'localhost 8080 > web 80 via user me host host port 2222'],
    // What is said twice counts where it comes first.
    ['ssh -l a -L 8080:web:80 b@host', 'localhost 8080 > web 80 via user a host host'],
    ['ssh b@host -l a -L 8080:web:80', 'localhost 8080 > web 80 via user b host host'],
    ['ssh host -l a -L 8080:web:80', 'localhost 8080 > web 80 via user a host host'],
    ['ssh -p2 -lm -L 8080:web:80 host', 'localhost 8080 > web 80 via user m host host port 2'],
    ['ssh -p 1 -p 2 -L 8080:web:80 host', 'localhost 8080 > web 80 via host host port 1'],
    ['ssh -o Port=3 -p 4 -L 8080:web:80 host', 'localhost 8080 > web 80 via host host port 3'],
    ['ssh -oUser=x -o "port 3" -L 8080:web:80 host', 'localhost 8080 > web 80 via user x host host port 3'],
    ['ssh -o "Port = 3" -L 8080:web:80 host', 'localhost 8080 > web 80 via host host port 3'],
    // -g opens what names no address, and nothing else.
    ['ssh -g -L 8080:web:80 host', '* 8080 > web 80 via host host'],
    ['ssh -gL 127.0.0.1:8080:web:80 host', '127.0.0.1 8080 > web 80 via host host'],
    ['ssh -g -L localhost:8080:web:80 host', 'localhost 8080 > web 80 via host host'],
    // What changes nothing about a forward is left out, and said.
    ['ssh -A -C -t -4 -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', ['-A', '-C', '-t', '-4']],
    ['ssh -E /tmp/log -c aes128-ctr -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', ['-E /tmp/log', '-c aes128-ctr']],
    ['ssh -o ExitOnForwardFailure=yes -oServerAliveInterval=5 -L 8080:web:80 host', 'localhost 8080 > web 80 via host host',
      ['-o ExitOnForwardFailure=yes', '-o ServerAliveInterval=5']],
    ['ssh -L 8080:web:80 host sleep 60', 'localhost 8080 > web 80 via host host', ['the command "sleep 60"']],
    ['ssh -L 8080:web:80 host ls -l -L x', 'localhost 8080 > web 80 via host host', ['the command "ls -l -L x"']],
    ['ssh -L 8080:web:80 host "tail -f\u202e x"', 'localhost 8080 > web 80 via host host', ['the command "tail -f  x"']],
    ['ssh -L 8080:web:80 host ""', 'localhost 8080 > web 80 via host host', ['the command ""']],
    [`ssh -L 8080:web:80 host ${'x'.repeat(200)}`, 'localhost 8080 > web 80 via host host', [`the command "${'x'.repeat(59)}…"`]],
    // Several at once, in their order.
    ['ssh -L 1:a:1 -L 2:b:2 host', 'localhost 1 > a 1 via host host & localhost 2 > b 2 via host host'],
    ['ssh -L 8080:web:80 -R 9000:localhost:3000 -D 1080 -R 9001 me@host', ['localhost 8080 > web 80', '-R localhost 9000 > localhost 3000', '-D localhost 1080', '-R localhost 9001']
      .map((poles) => `${poles} via user me host host`).join(' & ')],
    ['ssh -L 8080:web:80 -D 1080', 'localhost 8080 > web 80 & -D localhost 1080 via ?'],
    ['ssh -D 1080 -fND 1081 -p 2222 host', '-D localhost 1080 via host host port 2222 & -D localhost 1081 via host host port 2222'],
    ['ssh -D 1080 -D localhost:1080 host', '-D localhost 1080 via host host'],
    ['ssh -R 9000:localhost:3000 host', '-R localhost 9000 > localhost 3000 via host host'],
    ['ssh -ND1080 host', '-D localhost 1080 via host host'],
    ['ssh -g -D 1080 -R 9000 -L [::1]:80:web:80 host', '-D * 1080 via host host & -R localhost 9000 via host host & ::1 80 > web 80 via host host'],
    ['ssh -g -D localhost:1080 host', '-D localhost 1080 via host host'],
    // What decides about the way to the server is not taken over, and named.
    ['ssh -i ~/.ssh/key -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', [], ['-i ~/.ssh/key (IdentityFile)']],
    ['ssh -J me@jump,other -D 1080 host', '-D localhost 1080 via host host', [], ['-J me@jump,other (ProxyJump)']],
    ['ssh -b 10.0.0.1 -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', [], ['-b 10.0.0.1 (BindAddress)']],
    ['ssh -F /other/config -P tag -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', [], ['-F /other/config', '-P tag (Tag)']],
    ['ssh -o StrictHostKeyChecking=no -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', [], ['-o StrictHostKeyChecking=no']],
    ['ssh -oProxyCommand="nc %h %p" -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', [], ['-o ProxyCommand=nc %h %p']],
    ['ssh -o Port -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', [], ['-o Port']],
    ['ssh -C -i "a\u202eb" -L 8080:web:80 host', 'localhost 8080 > web 80 via host host', ['-C'], ['-i a b (IdentityFile)']],
    ['ssh -N -L 5432:db:5432 -R 9000:localhost:3000 -D 1080 -J jump -i key -p 2222 -o Compression=yes me@bastion', ['localhost 5432 > db 5432', '-R localhost 9000 > localhost 3000', '-D localhost 1080']
      .map((poles) => `${poles} via user me host bastion port 2222`).join(' & '), ['-o Compression=yes'], ['-J jump (ProxyJump)', '-i key (IdentityFile)']],
  ])('%j', (text, meaning, leftOut = [], notTakenOver = []) => {
    const result = parse(text);
    expect(meaningOf(result)).toEqual([meaning]);
    expect(result).toMatchObject({ leftOut, notTakenOver });
  });
});

describe('a pasted ssh command is refused with the reason and the place', () => {
  it.each<[marked: string, message: string]>([
    ['⟦ssh⟧', 'This command forwards nothing: -L, -R or -D is missing.'],
    ['  ⟦ssh -N x⟧  ', 'This command forwards nothing: -L, -R or -D is missing.'],
    ['⟦ssh -N "me@bastion⟧"', 'This command forwards nothing: -L, -R or -D is missing.'],
    ['ssh -N me@bastion ⟦-L⟧', '-L needs a value after it.'],
    ['ssh -N⟦L⟧', '-L needs a value after it.'],
    ['ssh -L 8080:web:80 -p ⟦ssh⟧ host', '"ssh" is not a port: a port is a number from 1 to 65535.'],
    ['ssh -L 8080:web:80 -p ⟦70000⟧ host', 'Port 70000 is above 65535.'],
    ['ssh -L 8080:web:80 -o Port=⟦70000⟧ host', 'Port 70000 is above 65535.'],
    ['ssh -L 8080:web:80 -o "Port=⟦70000⟧" host', 'Port 70000 is above 65535.'],
    ['ssh -fNL8080:web:⟦70000⟧ host', 'Port 70000 is above 65535.'],
    ['ssh -fNL"8080:web:⟦70000⟧" host', 'Port 70000 is above 65535.'],
    ['ssh -L 8080:web:80 -l ⟦-oProxyCommand=x⟧ host', 'A user name cannot begin with "-".'],
    ['ssh -L 8080:web:80 -o User=⟦$x;y⟧ host', 'A user name cannot contain ";".'],
    ['ssh -L 8080:web:80 -l ⟦a\u202eb⟧ host', 'A user name cannot contain a control character.'],
    ['ssh -L 8080:web:80 -- ⟦-oProxyCommand=x⟧', 'A host cannot begin with "-".'],
    ['ssh -L 8080:web:80 ⟦-⟧', 'A host cannot begin with "-".'],
    ['ssh -L 8080:web:80 ⟦a;b⟧', 'A host cannot contain ";".'],
    ['ssh ⟦-Z⟧ -L 8080:web:80 host', '"-Z" is not an option of ssh.'],
    ['ssh -N⟦Z⟧L 8080:web:80 host', '"-Z" is not an option of ssh.'],
    ['ssh ⟦--⟧verbose -L 8080:web:80 host', '"--" is not an option of ssh.'],
    ['ssh ⟦-1⟧ -L 8080:web:80 host', '"-1" is not an option of ssh.'],
    ['ssh ⟦-W⟧ h:22 host', 'Standard input forwards (-W) are not supported yet.'],
    ['ssh ⟦-w⟧ 0:0 host', 'Tunnel devices (-w) are not supported yet.'],
    ['ssh ⟦-O⟧ exit host', 'Control commands (-O) are not supported yet.'],
    ['ssh -L 8080:web:80 ⟦-W⟧ h:22 host', 'Standard input forwards (-W) are not supported yet.'],
    ['ssh -L 8080:web:80 -R 9000:web:⟦70000⟧ host', 'Port 70000 is above 65535.'],
    ['ssh -L ⟦⟧"" host', 'A port is missing here.'],
  ])('%j', (text, message) => {
    const { text: typed, start, end } = marked(text);
    expect(parse(typed)).toEqual({ isValid: false, problem: { message, start, end } });
  });
});
