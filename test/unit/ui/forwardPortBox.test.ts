import { describe, expect, it, vi } from 'vitest';
import type { BoxOptions } from '../../../src/ui/forwardPortBox.ts';
import { formatForward, formatRule } from '../../../src/core/forwardText.ts';
import { showForwardPortBox } from '../../../src/ui/forwardPortBox.ts';
import type { FakeQuickInput } from './fakeQuickInput.ts';
import { DYNAMIC, LOCAL } from './samples.ts';

const input = vi.hoisted(() => ({ current: undefined as FakeQuickInput | undefined }));
vi.mock('vscode', async () => {
  const { FakeQuickInput: Fake } = await import('./fakeQuickInput.ts');
  input.current = new Fake();
  return input.current.api;
});

function open(changes: Partial<BoxOptions> = {}) {
  const result = showForwardPortBox({ title: 'Forward Port', value: '', hosts: [], recent: [], portHint: () => undefined, isSingle: false, ...changes });
  return { result, box: input.current!.box };
}

function rowsFor(text: string, changes: Partial<BoxOptions> = {}): readonly string[] {
  const { box } = open(changes);
  box.type(text);
  const rows = box.rows();
  box.leave();
  return rows;
}

describe('under a text stands what Enter will do', () => {
  it.each<[string, ...string[]]>([
    ['-R 9000:localhost:3000 remhost', '$(reply) remhost listens on its own 127.0.0.1:9000, connects to localhost:3000 | from this computer, encrypted (SSH).'],
    ['-D 1080 remhost', '$(globe) SOCKS and HTTP proxy on 127.0.0.1:1080 | names are looked up at remhost, encrypted (SSH).'],
    ['-R 9000 remhost', '$(broadcast) remhost gets a SOCKS and HTTP proxy on its own 127.0.0.1:9000 | its programs go out from this computer, encrypted (SSH).'],
    ['-R 9000:localhost:3000', '$(reply) An SSH server listens on its own 127.0.0.1:9000, connects to localhost:3000 | from this computer, encrypted (SSH): Enter to choose the server.'],
    ['-D 1080', '$(globe) SOCKS and HTTP proxy on 127.0.0.1:1080 | names are looked up at an SSH server, encrypted (SSH): Enter to choose the server.'],
    // What could be meant otherwise, second.
    ['9000:localhost:3000 remhost',
      '$(lock) Listen on 127.0.0.1:9000, connect to localhost:3000 | as seen from remhost, encrypted (SSH).',
      '$(reply) The other way round: remhost listens (-R) | remhost listens on its own 127.0.0.1:9000, connects to localhost:3000 from this computer, encrypted (SSH).'],
    ['1080 remhost',
      '$(lock) Listen on 127.0.0.1:1080, connect to localhost:1080 | as seen from remhost, encrypted (SSH).',
      '$(globe) SOCKS proxy (-D) | SOCKS and HTTP proxy on 127.0.0.1:1080; names are looked up at remhost, encrypted (SSH).'],
    ['8080:127.0.0.1:80',
      '$(arrow-swap) Listen on 127.0.0.1:8080, connect to 127.0.0.1:80 | from this computer, not encrypted (local relay).',
      '$(lock) Listen on 127.0.0.1:8080, connect to 127.0.0.1:80 | as seen from an SSH server, encrypted (SSH): Enter to choose the server.'],
    ['~/a.sock:/run/docker.sock remhost',
      '$(lock) Listen on the socket ~/a.sock, connect to the socket /run/docker.sock | as seen from remhost, encrypted (SSH).'],
    ['-R /run/a.sock:localhost:80 remhost', '$(reply) remhost listens on its own socket /run/a.sock, connects to localhost:80 | from this computer, encrypted (SSH).'],
    ['udp:5353:10.0.0.2:53', '$(package) Relay datagrams (UDP) from 127.0.0.1:5353 to 10.0.0.2:53 | not encrypted.'],
    ['8000-8010:far:9000-9010 send-proxy-v2',
      '$(arrow-swap) Listen on 127.0.0.1:8000-8010, connect port by port to far:9000-9010 | from this computer, saying in a PROXY header who connected, not encrypted (local relay).'],
    ['5432:db1:5432,db2:5432', '$(arrow-swap) Listen on 127.0.0.1:5432, connect to db1:5432, else to db2:5432 | from this computer, not encrypted (local relay).'],
    ['-D x remhost', '$(error) "x" is not a port: a port is a number from 1 to 65535. | -D ▸x◂ remhost'],
  ])('%s', (text, ...rows) => {
    expect(rowsFor(text)).toEqual(rows);
  });

  it.each<[string, string]>([
    ['-R *:9000:localhost:3000 remhost', 'You are asked first: other machines can connect if GatewayPorts in the sshd_config of remhost lets them, else only remhost itself.'],
    ['-R 192.0.2.7:9000 remhost', 'You are asked first: other machines can connect if GatewayPorts in the sshd_config of remhost lets them, else only remhost itself.'],
    ['-R 80:localhost:3000 remhost', 'Ports below 1024 there need a login as root.'],
    ['-D *:1080 remhost', 'You are asked first: other machines can connect.'],
    ['*:8080:127.0.0.1:80', 'You are asked first: other machines can connect.'],
    ['udp:*:5353:10.0.0.2:53', 'You are asked first: other machines can send to it.'],
  ])('with a warning: %s', (text, warning) => {
    expect(rowsFor(text)[0]).toContain(warning);
  });

  it('without one for what only its own machine reaches', () => {
    for (const text of ['-R 9000:localhost:3000 remhost', '-R 127.0.0.1:9000 remhost', '-D [::1]:1080 remhost', '8080:h:80']) expect(rowsFor(text).join(), text).not.toContain('other machines');
  });

  it('says what a port needs here, and not for one on the server', () => {
    const portHint = (port: number): string => `hint about ${String(port)}`;
    expect(rowsFor('-D 81 remhost', { portHint })[0]).toContain('hint about 81');
    expect(rowsFor('-R 81:localhost:3000 remhost', { portHint })[0]).not.toContain('hint');
    expect(rowsFor('udp:53:10.0.0.2:53', { portHint })[0]).toContain('hint about 53');
    expect(rowsFor('/tmp/a.sock:h:80', { portHint })[0]).not.toContain('hint');
  });
});

describe('a pasted command', () => {
  const COMMAND = 'ssh -C -L 5432:db:5432 -R 9000:localhost:3000 -D 1080 -J jump -i ~/.ssh/key -p 2222 me@bastion';

  it('shows its forwards and what could not be taken over, and gives them all', async () => {
    const { result, box } = open();
    box.type(COMMAND);
    expect(box.rows()).toEqual([
      '$(list-tree) 3 forwards through me@bastion:2222: 5432:db:5432  ·  -R 9000:localhost:3000  ·  -D 1080'
      + ' | Not taken over: -J jump (ProxyJump), -i ~/.ssh/key (IdentityFile). Put it into ~/.ssh/config for this server.'
      + ' Left out, because it means nothing for a forward: -C.'
      + ' Listen on 127.0.0.1:5432, connect to db:5432; me@bastion:2222 listens on its own 127.0.0.1:9000, connects to localhost:3000; SOCKS and HTTP proxy on 127.0.0.1:1080.',
    ]);
    box.accept();
    const taken = await result;
    expect(taken?.kind === 'specs' ? taken.specs.map(formatForward) : taken).toEqual([
      '5432:db:5432 me@bastion:2222', '-R 9000:localhost:3000 me@bastion:2222', '-D 1080 me@bastion:2222',
    ]);
  });

  it('without a server asks for one, for all of them', async () => {
    const { result, box } = open();
    box.type('ssh -L 5432:db:5432 -D 1080');
    expect(box.rows()[0]).toContain('Enter to choose the server.');
    box.accept();
    const taken = await result;
    expect(taken?.kind === 'needs-target' ? taken.rules.map(formatRule) : taken).toEqual(['5432:db:5432', '-D 1080']);
  });

  it('warns of what other machines can reach', () => {
    expect(rowsFor('ssh -gL 1:a:1 -gL 2:b:2 -D 1080 bastion')[0]).toContain('*:1:a:1  ·  *:2:b:2  ·  -D *:1080 | You are asked first: other machines can connect. Listen on');
  });

  it('with several forwards is refused where one is changed', () => {
    expect(rowsFor(COMMAND, { isSingle: true })[0]).toContain('only one can take this one\'s place');
  });

  it('names what it lacks also for one forward', () => {
    expect(rowsFor('ssh -J jump -D 1080 bastion')).toEqual([
      '$(globe) SOCKS and HTTP proxy on 127.0.0.1:1080 | Not taken over: -J jump (ProxyJump). Put it into ~/.ssh/config for this server. names are looked up at bastion, encrypted (SSH).',
    ]);
  });
});

describe('without a text', () => {
  it('the box offers every kind step by step, what was forwarded lately, and the hosts', async () => {
    const { result, box } = open({ recent: [DYNAMIC, LOCAL], hosts: [{ alias: 'bastion', detail: 'me@bastion.example' }] });
    expect(box.items.map(({ label }) => label)).toEqual([
      'step by step', '$(lock) SSH Tunnel…', '$(reply) Reverse Tunnel…', '$(globe) SOCKS Proxy…', '$(broadcast) SOCKS Proxy on a Server…', '$(arrow-swap) Local Relay…', '$(package) UDP Relay…',
      'recent', '$(history) -D 1080 me@bastion', '$(history) 5432:db:5432 me@bastion', 'from ssh_config', '$(server) bastion',
    ]);
    box.accept('SOCKS Proxy…');
    expect(await result).toEqual({ kind: 'guide', guide: 'dynamic' });
  });

  it('gives a recent one at once', async () => {
    const { result, box } = open({ recent: [DYNAMIC] });
    box.accept('-D 1080');
    expect(await result).toEqual({ kind: 'specs', specs: [DYNAMIC] });
  });

  it('gives nothing to who leaves', async () => {
    const { result, box } = open();
    box.leave();
    expect(await result).toBeUndefined();
  });
});
