import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { copyForms, type CopyFormId } from '../../src/core/copyAs.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import { descendantsOf, run, signalProcess } from '../support/processes.ts';
import { dialSocks5 } from '../support/socksClient.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, readAll, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const HOME = '/nowhere';

function textOf(id: CopyFormId, spec: ForwardSpec): string {
  const form = copyForms(spec, HOME).find((candidate) => candidate.id === id);
  if (form === undefined) throw new Error(`there is no ${id}`);
  return form.text;
}

const shells: ChildProcess[] = [];

/** Runs what was copied as somebody would who pasted it, until the test ends. */
function paste(text: string, program = 'sh', ...programArguments: readonly string[]): ChildProcess {
  const shell = spawn(program, [...programArguments, '-c', text], { stdio: 'ignore' });
  shells.push(shell);
  return shell;
}

let folder: TemporaryFolder;
let echo: TestServer;

beforeAll(async () => {
  folder = await createTemporaryFolder('copy-as');
  echo = await serve((socket) => { socket.pipe(socket); });
});
afterAll(async () => {
  await echo.close();
  await folder.remove();
});
afterEach(async () => {
  for (const shell of shells.splice(0)) {
    if (shell.pid === undefined || shell.exitCode !== null) continue;
    for (const pid of [...descendantsOf(shell.pid), shell.pid]) signalProcess(pid, 'SIGKILL');
    if (shell.signalCode === null) await once(shell, 'exit');
  }
});

async function echoThrough(port: number, host = '127.0.0.1'): Promise<string> {
  const client = await dial(port, host);
  client.end('hello');
  return (await readAll(client)).toString();
}

/** Until the program listens, dialling is refused. */
function untilEcho(port: number, host?: string): Promise<string> {
  return eventually(() => echoThrough(port, host).catch(() => undefined), { deadlineMs: 15_000 });
}

describe('what is copied as socat', () => {
  it('carries a connection on both loopbacks', async () => {
    const port = await findFreePort();
    paste(textOf('socat', { kind: 'relay', listen: { host: 'localhost', port }, connect: { host: '127.0.0.1', port: echo.port } }));
    expect(await untilEcho(port)).toBe('hello');
    expect(await untilEcho(port, '::1')).toBe('hello');
  });

  it('carries a connection between sockets, whatever they are called', async () => {
    const there = folder.join(`it's "there", a:b!!(c)`);
    const here = folder.join('here; $HOME [é]');
    const server: Server = createServer((socket) => { socket.pipe(socket); });
    server.listen(there);
    await once(server, 'listening');
    const program = paste(textOf('socat', { kind: 'relay', listen: { path: here }, connect: { path: there } }));
    const said = await eventually(() => run('socat', ['-t', '5', '-', 'UNIX-CONNECT:' + here.replaceAll(/[^\w./-]/g, String.raw`\$&`)], 'hello').catch(() => {
      if (program.exitCode !== null) throw new Error('socat has ended');
      return undefined;
    }));
    expect(said).toBe('hello');
    server.close();
  });

  it('keeps the bounds of datagrams', async () => {
    const [port, there] = [await findFreePort(), await findFreePort()];
    paste(`socat -b 65507 UDP4-LISTEN:${String(there)},bind=127.0.0.1,fork PIPE`);
    paste(textOf('socat', { kind: 'udp', listen: { host: '127.0.0.1', port }, connect: { host: '127.0.0.1', port: there } }));
    const script = `import socket\ns=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);s.settimeout(0.5)\nfor n in (1,9000,40000):\n  s.sendto(b'x'*n,('127.0.0.1',${String(port)}));print(len(s.recv(70000)))`;
    expect(await eventually(() => run('python3', ['-c', script]).catch(() => undefined))).toBe('1\n9000\n40000\n');
  });
});

describe('what is copied for ssh', () => {
  let sshd: Sshd;
  let key: SshKeyFile;

  beforeAll(async () => {
    key = await createSshKey(folder.join('id'));
    sshd = await Sshd.start({ authorizedKeys: [key.publicKey] });
  });
  afterAll(() => sshd.stop());

  /** ssh with a configuration of the test alone, in front of which the lines stand. */
  async function ssh(lines: string, name: string): Promise<string> {
    const path = folder.join(`config-${name}`);
    await writeFile(path, `${lines}\nHost *\n  HostName 127.0.0.1\n  Port ${String(sshd.port)}\n  User ${sshd.userName}\n  IdentityFile ${key.path}\n  IdentitiesOnly yes\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  ExitOnForwardFailure yes\n`);
    return path;
  }

  const target = { host: 'bastion' };
  const SPECS: readonly [string, (port: number) => ForwardSpec, boolean][] = [
    ['-L', (port) => ({ kind: 'local', listen: { host: 'localhost', port }, connect: { host: '127.0.0.1', port: echo.port }, target }), false],
    ['-R', (port) => ({ kind: 'remote', listen: { host: '127.0.0.1', port }, connect: { host: '127.0.0.1', port: echo.port }, target }), false],
    ['-D', (port) => ({ kind: 'dynamic', listen: { host: '127.0.0.1', port }, target }), true],
    ['-R port', (port) => ({ kind: 'remote-dynamic', listen: { host: 'localhost', port }, target }), true],
  ];

  async function carries(port: number, isProxy: boolean): Promise<string> {
    if (!isProxy) return untilEcho(port);
    const client = await eventually(() => dialSocks5(port, echo).catch(() => undefined), { deadlineMs: 15_000 });
    client.end('hello');
    return (await readAll(client)).toString();
  }

  it.each(SPECS)('as a command carries a connection: %s', async (name, specOf, isProxy) => {
    const port = await findFreePort();
    const config = await ssh('', `command-${name}`);
    paste(textOf('ssh', specOf(port)).replace(/^ssh /, `ssh -F '${config}' `));
    expect(await carries(port, isProxy)).toBe('hello');
  });

  it.each(SPECS)('as lines of ssh_config carries a connection: %s', async (name, specOf, isProxy) => {
    const port = await findFreePort();
    const config = await ssh(textOf('ssh-config', specOf(port)), `lines-${name}`);
    paste(`ssh -F '${config}' -N bastion`);
    expect(await carries(port, isProxy)).toBe('hello');
  });

  it('as lines of ssh_config means the same sockets, whatever they are called', async () => {
    const [here, there] = [folder.join('a "b" %h \\c:d'), folder.join('there %% x')];
    const server: Server = createServer((socket) => { socket.pipe(socket); });
    server.listen(there);
    await once(server, 'listening');
    const config = await ssh(textOf('ssh-config', { kind: 'local', listen: { path: here }, connect: { path: there }, target }), 'paths');
    paste(`ssh -F '${config}' -N bastion`);
    const said = await eventually(() => run('python3', ['-c', `import socket,sys\ns=socket.socket(socket.AF_UNIX);s.settimeout(5);s.connect(sys.argv[1]);s.sendall(b'hello');print(s.recv(9).decode())`, here]).catch(() => undefined), { deadlineMs: 15_000 });
    expect(said).toBe('hello\n');
    server.close();
  });
});

describe.runIf(canCreateNetworkNamespace())('what is copied as nftables rules', () => {
  let router: NetworkNamespace;

  beforeAll(async () => { router = await NetworkNamespace.create(); });
  afterAll(() => router.remove());

  /** In the namespace: one that echoes on the loopback, with who it saw in front. */
  async function echoInside(address: string, type: 'TCP' | 'UDP' = 'TCP', port = 80): Promise<void> {
    const family = address.includes(':') ? '6' : '4';
    router.spawn('socat', `${type}${family}-LISTEN:${String(port)},bind=${family === '6' ? `[${address}]` : address},fork,reuseaddr`, 'SYSTEM:echo $SOCAT_PEERADDR; cat');
    const table = `/proc/net/${type.toLowerCase()}${family === '6' ? '6' : ''}`;
    await eventually(async () => (await router.exec('cat', table)).includes(`:${port.toString(16).toUpperCase().padStart(4, '0')} `));
  }

  const apply = (spec: ForwardSpec): Promise<string> => router.exec('sh', '-ec', textOf('nftables', spec));
  const removal = (spec: ForwardSpec): string => /^# Remove it with: (.*)$/m.exec(textOf('nftables', spec))![1]!;
  const sayInside = (address: string): Promise<string> => router.exec('sh', '-c', `echo hello | socat -t 5 - ${address},connect-timeout=5`);

  it('lead a program here to another port of the loopback, of both versions of IP', async () => {
    for (const [host, dialled] of [['127.0.0.1', 'TCP4:127.0.0.1:8080'], ['::1', 'TCP6:[::1]:8080']] as const) {
      await echoInside(host, 'TCP', 8081);
      const spec: ForwardSpec = { kind: 'relay', listen: { host, port: 8080 }, connect: { host, port: 8081 } };
      await apply(spec);
      expect(await sayInside(dialled)).toMatch(/\nhello\n$/);
      await router.exec('sh', '-ec', removal(spec));
      await expect(sayInside(dialled)).rejects.toThrow('refused');
    }
  });

  it('lead a program here to another machine, which sees this one', async () => {
    // The machine that the namespace sees is the one that the test runs on.
    const seen = await serve((socket) => { socket.end(`${String(socket.remoteAddress)} sees`); }, 0, router.hereAddress);
    const spec: ForwardSpec = { kind: 'relay', listen: { host: 'localhost', port: 8080 }, connect: { host: router.hereAddress, port: seen.port } };
    await apply(spec);
    expect(await sayInside('TCP4:127.0.0.1:8080')).toBe(`${router.thereAddress} sees`);
    expect((await router.exec('sysctl', '-n', 'net.ipv4.conf.all.route_localnet')).trim()).toBe('1');
    await router.exec('sh', '-ec', removal(spec));
    await seen.close();
  });

  it('lead other machines to the loopback and programs here as well, over UDP too', async () => {
    await echoInside('127.0.0.1');
    await echoInside('127.0.0.1', 'UDP', 53);
    const tcp: ForwardSpec = { kind: 'relay', listen: { host: '*', port: 8080 }, connect: { host: '127.0.0.1', port: 80 } };
    const datagrams: ForwardSpec = { kind: 'udp', listen: { host: '0.0.0.0', port: 5353 }, connect: { host: '127.0.0.1', port: 53 } };
    await apply(tcp);
    await apply(datagrams);
    const say = (address: string): Promise<string> => run('socat', ['-t', '5', '-', address], 'hello\n');
    expect(await say(`TCP4:${router.thereAddress}:8080`)).toBe(`${router.hereAddress}\nhello\n`);
    expect(await run('socat', ['-t', '1', '-', `UDP4:${router.thereAddress}:5353`], 'hello\n')).toContain('hello\n');
    for (const address of ['127.0.0.1', router.thereAddress]) expect(await sayInside(`TCP4:${address}:8080`)).toMatch(/\nhello\n$/);
    await expect(say(`TCP4:${router.thereAddress}:80`)).rejects.toThrow('refused');
    for (const spec of [tcp, datagrams]) await router.exec('sh', '-ec', removal(spec));
    expect(await router.exec('nft', 'list', 'tables')).toBe('');
  });
});

describe.runIf(canCreateNetworkNamespace())('what is copied as nftables rules, between two machines', () => {
  let router: NetworkNamespace;
  let inner: NetworkNamespace;

  /** The inner machine is reached from the router alone, through a link of their own. */
  beforeAll(async () => {
    [router, inner] = [await NetworkNamespace.create(), await NetworkNamespace.create()];
    await run('ip', ['-netns', router.name, 'link', 'add', 'cvr', 'type', 'veth', 'peer', 'name', 'cvi', 'netns', inner.name]);
    for (const [namespace, name, address] of [[router, 'cvr', '10.199.7.1/30'], [inner, 'cvi', '10.199.7.2/30']] as const) {
      await namespace.exec('ip', 'address', 'add', address, 'dev', name);
      await namespace.exec('ip', 'link', 'set', name, 'up');
    }
  });
  afterAll(async () => {
    await router.remove();
    await inner.remove();
  });

  const apply = (spec: ForwardSpec): Promise<string> => router.exec('sh', '-ec', textOf('nftables', spec));
  const serveOn = (machine: NetworkNamespace, host: string, port: number): void => {
    machine.spawn('socat', `TCP4-LISTEN:${String(port)},bind=${host},fork,reuseaddr`, `SYSTEM:echo ${String(port)} $SOCAT_PEERADDR`);
  };
  const untilSaid = (ask: () => Promise<string>): Promise<string> => eventually(() => ask().catch(() => undefined));

  it('a row of ports leads from a third to the second, and from the router itself', async () => {
    for (const port of [8080, 8082]) serveOn(inner, '10.199.7.2', port);
    await apply({ kind: 'relay', listen: { host: '*', port: 8080 }, connect: { host: '10.199.7.2', port: 8080 }, portCount: 3 });
    for (const port of [8080, 8082]) {
      const said = await untilSaid(() => run('socat', ['-t', '5', '-', `TCP4:${router.thereAddress}:${String(port)},connect-timeout=5`]));
      expect(said).toBe(`${String(port)} 10.199.7.1\n`);
    }
    expect(await router.exec('socat', '-t', '5', '-', 'TCP4:127.0.0.1:8080,connect-timeout=5')).toBe('8080 10.199.7.1\n');
    await router.exec('nft', 'delete', 'table', 'ip', 'culvert_8080');
  });

  it('the setting that leaving the loopback needs does not let a neighbour into it', async () => {
    serveOn(router, '127.0.0.1', 81);
    // A neighbour that sends to 127.0.0.1 by the wire, as no honest one does.
    await inner.exec('ip', 'address', 'delete', '127.0.0.1/8', 'dev', 'lo');
    await inner.exec('sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1');
    await inner.exec('ip', 'route', 'add', '127.0.0.1/32', 'via', '10.199.7.1', 'dev', 'cvi', 'src', '10.199.7.2');
    const intrude = (): Promise<string> => inner.exec('socat', '-t', '2', '-', 'TCP4:127.0.0.1:81,connect-timeout=1');
    await apply({ kind: 'relay', listen: { host: '127.0.0.1', port: 8080 }, connect: { host: '10.199.7.2', port: 80 } });
    await expect(intrude()).rejects.toThrow('timed out');
    // The test intrudes as it should: without the guard it gets in.
    await router.exec('nft', 'delete', 'table', 'ip', 'culvert_8080');
    expect(await untilSaid(intrude)).toBe('81 10.199.7.2\n');
  });
});
