import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findConnectedProgram, findConnectedPrograms } from '../../src/system/connectedProgram.ts';
import { proposePorts } from '../../src/system/freePort.ts';
import { findLoopbackShadow } from '../../src/system/loopbackShadow.ts';
import { findPortHolder } from '../../src/system/portHolder.ts';
import { firstUnprivilegedPort, mayBind } from '../../src/system/privilegedPorts.ts';
import { findFreePort } from '../support/freePort.ts';
import { run } from '../support/processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const children: ChildProcess[] = [];
const closers: (() => void)[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const close of closers.splice(0)) close();
});

/** A Python program that runs until the test ends; gives the first line that it prints. */
async function python(source: string): Promise<{ child: ChildProcess; line: string }> {
  const child = spawn('python3', ['-u', '-c', source], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let text = '';
  for await (const chunk of child.stdout) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  return { child, line: text.trim() };
}

async function pythonListener(family: 'AF_INET' | 'AF_INET6', host: string): Promise<{ child: ChildProcess; port: number; pid: number }> {
  const { child, line } = await python(
    `import socket, os, time\ns = socket.socket(socket.${family})\ns.bind(('${host}', 0))\ns.listen()\nprint(s.getsockname()[1], os.getpid())\ntime.sleep(600)`,
  );
  const [port, pid] = line.split(' ').map(Number);
  return { child, port: port!, pid: pid! };
}

async function listen(host: string, port = 0): Promise<{ server: Server; port: number }> {
  const server = createServer();
  closers.push(() => server.close());
  server.listen(port, host);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

describe.runIf(process.platform === 'linux')('findPortHolder', () => {
  it.each([
    ['AF_INET', '127.0.0.1', '127.0.0.1'], ['AF_INET', '127.0.0.1', 'localhost'], ['AF_INET', '127.0.0.1', '0.0.0.0'], ['AF_INET', '0.0.0.0', '127.0.0.1'],
    ['AF_INET6', '::1', '::1'], ['AF_INET6', '::1', 'localhost'], ['AF_INET6', '::', '127.0.0.1'], ['AF_INET6', '::1', '*'],
  ] as const)('%s %s is in the way on %s', async (family, host, wanted) => {
    const { port, pid } = await pythonListener(family, host);
    const holder = await findPortHolder({ host: wanted, port });
    expect(holder).toMatchObject({ pid, program: expect.stringMatching(/^python3/) as string });
  });

  it('does not name who is not in the way', async () => {
    const { port } = await pythonListener('AF_INET', '127.0.0.1');
    expect(await findPortHolder({ host: '127.0.0.2', port })).toBeUndefined();
    expect(await findPortHolder({ host: '::1', port })).toBeUndefined();
    expect(await findPortHolder({ host: '127.0.0.1', port: 1 })).toBeUndefined();
  });

  it('names this process too', async () => {
    const { port } = await listen('127.0.0.1');
    expect(await findPortHolder({ host: '127.0.0.1', port })).toEqual({ pid: process.pid, program: 'node' });
  });

  it.each([0, -1, 65536, Number.NaN, 1.5])('does not mind port %d', async (port) => {
    expect(await findPortHolder({ host: '127.0.0.1', port })).toBeUndefined();
  });

});

describe.runIf(process.platform === 'linux')('findLoopbackShadow', () => {
  /** A port that we have on one address, and a Python program on another. */
  async function shadowed(own: string, family: 'AF_INET' | 'AF_INET6', other: string): Promise<{ port: number; pid: number }> {
    const { port } = await listen(own);
    // Beside ours, :: can be had for IPv6 alone.
    const { line } = await python(
      `import socket, os, time\ns = socket.socket(socket.${family})\n${family === 'AF_INET6' ? 's.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)\n' : ''}s.bind(('${other}', ${String(port)}))\ns.listen()\nprint(os.getpid())\ntime.sleep(600)`,
    );
    return { port, pid: Number(line) };
  }

  it.each([
    ['127.0.0.1', 'AF_INET6', '::1', '::1'], ['127.0.0.1', 'AF_INET6', '::', '::1'], ['::1', 'AF_INET', '127.0.0.1', '127.0.0.1'], ['::1', 'AF_INET', '0.0.0.0', '127.0.0.1'],
  ] as const)('beside %s names the program on %s %s, which localhost leads to as well', async (own, family, other, host) => {
    const { port, pid } = await shadowed(own, family, other);
    expect(await findLoopbackShadow([{ host: own, port }])).toMatchObject({ address: { host, port }, holder: { pid, program: expect.stringMatching(/^python3/) as string } });
  });

  it('names nobody where both are ours, where nobody is, nor on other addresses', async () => {
    const { port } = await listen('127.0.0.1');
    expect(await findLoopbackShadow([{ host: '127.0.0.1', port }])).toBeUndefined();
    await listen('127.0.0.2', port);
    expect(await findLoopbackShadow([{ host: '127.0.0.1', port }])).toBeUndefined();
    await listen('::1', port);
    expect(await findLoopbackShadow([{ host: '127.0.0.1', port }, { host: '::1', port }])).toBeUndefined();
    expect(await findLoopbackShadow([{ host: '127.0.0.2', port }])).toBeUndefined();
    expect(await findLoopbackShadow([{ host: '127.0.0.1', port }])).toMatchObject({ holder: { pid: process.pid } });
  });
});

describe.runIf(process.platform === 'linux')('findConnectedPrograms', () => {
  it('names the client of each connection in one look', async () => {
    const { server, port } = await listen('127.0.0.1');
    const accepted: Socket[] = [];
    server.on('connection', (socket) => accepted.push(socket));
    const { child, line } = await python(`import socket, time\ns = [socket.create_connection(('127.0.0.1', ${port})) for _ in range(3)]\nprint('up')\ntime.sleep(600)`);
    expect(line).toBe('up');
    const own = connect(port, '127.0.0.1');
    await once(own, 'connect');
    await expect.poll(() => accepted.length).toBe(4);
    const ends = accepted.map((socket) => ({
      origin: { host: socket.remoteAddress!, port: socket.remotePort! },
      accepted: { host: socket.localAddress!, port: socket.localPort! },
    }));
    const programs = await findConnectedPrograms([...ends, { origin: { host: '127.0.0.1', port: 1 }, accepted: ends[0]!.accepted }]);
    expect(programs.slice(0, 3).map((program) => program?.pid)).toEqual([child.pid, child.pid, child.pid]);
    expect(programs[3]).toEqual({ pid: process.pid, program: 'node' });
    expect(programs[4]).toBeUndefined();
    expect((await findConnectedProgram(ends[0]!.origin, ends[0]!.accepted))?.pid).toBe(child.pid);
    own.destroy();
    for (const socket of accepted) socket.destroy();
  });

  it('works for a listener on both families', async () => {
    const { server, port } = await listen('::');
    const client = connect(port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [Socket];
    const origin = { host: socket.remoteAddress!, port: socket.remotePort! };
    expect(origin.host).toBe('::ffff:127.0.0.1');
    expect((await findConnectedProgram(origin, { host: socket.localAddress!, port }))?.pid).toBe(process.pid);
    client.destroy();
    socket.destroy();
  });
});

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('for a user without rights', () => {
  let folder: TemporaryFolder;

  beforeAll(async () => {
    folder = await createTemporaryFolder('system');
    await chmod(folder.path, 0o755);
    for (const name of ['portHolder', 'privilegedPorts']) {
      await build({ entryPoints: [`src/system/${name}.ts`], outfile: folder.join(`${name}.cjs`), bundle: true, platform: 'node', format: 'cjs', logLevel: 'error' });
    }
  });
  afterAll(() => folder.remove());

  async function asNobody(module: string, expression: string): Promise<string> {
    const script = `(async () => { const it = require('${folder.join(module)}.cjs'); console.log(JSON.stringify(await (${expression})) ?? 'undefined'); })()`;
    return (await run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all', process.execPath, '-e', script])).trim();
  }

  it('the holder of a port stays unknown and nothing breaks', async () => {
    const { port, pid } = await pythonListener('AF_INET', '127.0.0.1');
    expect((await findPortHolder({ host: '127.0.0.1', port }))?.pid).toBe(pid);
    expect(await asNobody('portHolder', `it.findPortHolder({ host: '127.0.0.1', port: ${port} })`)).toBe('undefined');
  });

  it('the ports below the first unprivileged one may not be bound', async () => {
    const first = await firstUnprivilegedPort('127.0.0.1');
    for (const port of [1, first - 1, first]) {
      const bound = await asNobody('privilegedPorts', `new Promise((resolve) => { const server = require('node:net').createServer(); server.on('error', () => resolve(false)); server.listen(${port}, '127.0.0.1', () => { server.close(); resolve(true); }); })`);
      expect(await asNobody('privilegedPorts', `it.mayBind({ host: '127.0.0.1', port: ${port} })`)).toBe(bound);
    }
  });
});

describe.runIf(process.platform === 'linux')('ports', () => {
  it('the first unprivileged one is what the kernel says', async () => {
    const text = await run('sysctl', ['-n', 'net.ipv4.ip_unprivileged_port_start']);
    expect(await firstUnprivilegedPort('127.0.0.1')).toBe(Number(text));
  });

  it('mayBind says what binding says', async () => {
    expect(await mayBind({ host: '127.0.0.1', port: 0 })).toBe(true);
    expect(await mayBind({ host: '127.0.0.1', port: 50_000 })).toBe(true);
    const isBound = await listen('127.0.0.1', 811).then(() => true, () => false);
    expect(await mayBind({ host: '127.0.0.1', port: 811 })).toBe(isBound);
  });

  it('the proposed ones pass over those that are taken', async () => {
    const { port } = await listen('127.0.0.1', await findFreePort());
    const [first, second] = await proposePorts('localhost', port, 2);
    expect(first).toBeGreaterThan(port);
    expect(second).toBeGreaterThan(first!);
    await listen('127.0.0.1', first);
    expect(await proposePorts('127.0.0.2', port)).toEqual([port]);
    expect(await proposePorts('localhost', 65_535, 5)).toHaveLength(1);
    expect(await proposePorts('localhost', 65_536)).toEqual([]);
  });
});
