import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isSocketPath, type Endpoint } from '../../src/core/address.ts';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import type { ListenPole, StartForward } from '../../src/protocol/messages.ts';
import { SocketFiles } from '../../src/system/socketFile.ts';
import { socketHandlers } from '../../src/ui/socketHandlers.ts';
import { curl } from '../support/curl.ts';
import { eventually } from '../support/eventually.ts';
import { httpBackend, type HttpBackend } from '../support/httpBackend.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { targetOf } from '../support/planeTargets.ts';
import { fixed, here, hereAt, onServer } from '../support/poles.ts';
import { runAnyway } from '../support/processes.ts';
import { dial, dialPath, outcome, readAll, serveAt, sha256, testBytes, type TestSocketServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { Tunnels } from '../support/tunnels.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };
const BODY = testBytes(3_000_000);

let folder: TemporaryFolder;
let tunnels: Tunnels;
let plane: PlaneClient;
let backend: HttpBackend;
let echo: TestSocketServer;
let path: string;

beforeEach(async () => {
  folder = await createTemporaryFolder('plane-sockets');
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  path = folder.join('docker.sock');
  backend = await httpBackend(folder.join('backend.sock'), (request, response) => { request.resume().on('end', () => response.end(BODY)); });
  echo = await serveAt(folder.join('echo.sock'), (socket) => { socket.pipe(socket); });
});

afterEach(async () => {
  await tunnels.close();
  await backend.close();
  await echo.close();
  await folder.remove();
});

type Poles = Partial<Pick<StartForward, 'listen' | 'connect'>> & { readonly target?: SshTarget };

/** Begins a relay from `path` to the echo, unless told otherwise. */
function begin(poles: Poles = {}, after?: StartedForward): Promise<StartedForward> {
  return plane.begin({
    listen: hereAt(path), connect: fixed(echo), ...poles,
    ...(after === undefined ? {} : { id: after.id, generation: after.generation + 1 }),
  });
}

async function start(poles: Poles = {}, after?: StartedForward): Promise<StartedForward> {
  const forward = await begin(poles, after);
  await plane.untilUp(forward);
  return forward;
}

/** Where a forward really listens. */
function boundTo(forward: StartedForward): Endpoint {
  return plane.of('bound', forward)[0]!.bound.addresses[0]!;
}

async function echoThrough(at = path): Promise<string> {
  const client = await dialPath(at);
  client.end('hello');
  return (await readAll(client)).toString();
}

/** Leaves a socket that nobody listens on. */
async function leaveStale(): Promise<void> {
  const server = await serveAt(folder.join('leaving'), () => undefined);
  await rename(folder.join('leaving'), path);
  await server.close();
}

describe.each<[string, (at: Endpoint) => ListenPole, boolean]>([
  ['a relay', (at) => (isSocketPath(at) ? hereAt(at.path) : here(at)), false],
  ['-L', (at) => (isSocketPath(at) ? hereAt(at.path) : here(at)), true],
  ['-R', (at) => onServer(at), true],
])('%s', (_, listenAt, isThroughSsh) => {
  it.each([['a socket', 'a socket'], ['a socket', 'a port'], ['a port', 'a socket'], ['a port', 'a port']])('carries HTTP from %s to %s', async (from, to) => {
    const target = isThroughSsh ? { target: targetOf(tunnels.hop(await tunnels.startServer())) } : {};
    const forward = await start({
      listen: listenAt(from === 'a socket' ? { path } : ANY_PORT),
      connect: fixed(to === 'a socket' ? backend.socket : backend.port),
      ...target,
    });
    const bound = boundTo(forward);
    const way = isSocketPath(bound) ? ['--unix-socket', bound.path, 'http://docker/v1.43/info'] : [`http://127.0.0.1:${String(bound.port)}/v1.43/info`];
    for (const more of [[], ['--data-binary', `@${process.execPath}`]]) {
      expect(await curl(...more, ...way)).toMatchObject({ code: 0, sha256: sha256(BODY) });
    }
    const [connection] = await plane.connections(forward);
    if (isSocketPath(bound)) expect(connection).toMatchObject({ origin: { path }, accepted: { path } });
    await plane.stop(forward);
  });
});

describe('a socket here', () => {
  it('appears for its user alone, and goes with its forward', async () => {
    const forward = await start();
    expect(plane.of('bound', forward)).toMatchObject([{ bound: { addresses: [{ path }] } }]);
    expect(((await lstat(path)).mode & 0o777).toString(8)).toBe('600');
    expect((await readdir(folder.path)).sort()).toEqual(['backend.sock', 'docker.sock', 'echo.sock']);
    const client = await dialPath(path);
    client.write('x');
    await once(client, 'data');
    const seen = outcome(client);
    await plane.stop(forward);
    // A Unix socket has no reset.
    expect(await seen).toBe('ended');
    expect((await readdir(folder.path)).sort()).toEqual(['backend.sock', 'echo.sock']);
  });

  it.runIf(process.getuid?.() === 0)('lets no other user in, unless StreamLocalBindMask does', async () => {
    await chmod(folder.path, 0o755);
    const asNobody = async (): Promise<{ stdout: string; stderr: string }> =>
      runAnyway('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'curl', '--disable', '--silent', '--show-error', '--output', '/dev/null', '--write-out', '%{http_code}', '--unix-socket', path, 'http://docker/']);
    const closed = await start({ connect: fixed(backend.socket) });
    expect((await asNobody()).stderr).toContain('Failed to connect to docker');
    await plane.stop(closed);
    const target = { ...targetOf(tunnels.hop(await tunnels.startServer())), streamLocalBindMask: 0o111 };
    const open = await start({ connect: fixed(backend.socket), target });
    expect((await asNobody()).stdout).toBe('200');
    await plane.stop(open);
  });

  it('takes the place of nothing that is there', async () => {
    await writeFile(path, 'mine');
    const forward = await begin();
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code: 'address-in-use', context: { path, isFile: true } } });
    await plane.stop(forward);
    expect(await readFile(path, 'utf8')).toBe('mine');
    const inUse = await begin({ listen: hereAt(echo.path) });
    expect((await plane.untilLost(inUse)).failure).toEqual({ code: 'address-in-use', detail: expect.any(String) as string, context: { path: echo.path } });
    expect(await echoThrough(echo.path)).toBe('hello');
    const first = await start({ listen: hereAt(folder.join('first.sock')) });
    const second = await begin({ listen: hereAt(folder.join('first.sock')) });
    expect((await plane.untilLost(second)).failure).toMatchObject({ code: 'address-in-use' });
    await plane.stop(second);
    expect(await echoThrough(folder.join('first.sock'))).toBe('hello');
    await plane.stop(first);
  });

  it('takes the place of a stale one only where StreamLocalBindUnlink says so', async () => {
    await leaveStale();
    const refused = await begin();
    expect((await plane.untilLost(refused)).failure).toMatchObject({ code: 'address-in-use', context: { path, isStale: true } });
    const target = { ...targetOf(tunnels.hop(await tunnels.startServer())), streamLocalBindUnlink: true as const };
    const forward = await start({ target });
    expect(await echoThrough()).toBe('hello');
    await plane.stop(forward);
  });

  it.each<[string, () => string, string]>([
    ['no folder', () => folder.join('missing/a.sock'), 'address-not-available'],
    ['a path that is too long', () => folder.join('n'.repeat(120)), 'address-not-available'],
  ])('fails for %s, and can be started again', async (_, wrong, code) => {
    const forward = await begin({ listen: hereAt(wrong()) });
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true, failure: { code, context: { path: wrong() } } });
    const again = await start({}, forward);
    expect(await echoThrough()).toBe('hello');
    await plane.stop(again);
  });

  it('stays while the tunnel is opened again, and who connects meanwhile is served then', async () => {
    const sshd = await tunnels.startServer();
    const target = targetOf(tunnels.hop(sshd));
    const forward = await start({ target });
    const { ino } = await lstat(path);
    await sshd.dropConnections();
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: false });
    const waiting = echoThrough();
    await eventually(async () => (await plane.connections(forward)).some(({ phase }) => phase === 'parked'));
    const again = await start({ target }, forward);
    expect(await waiting).toBe('hello');
    expect((await lstat(path)).ino).toBe(ino);
    await plane.stop(again);
  });

  it('leaves nothing when it is stopped while it binds, 50 of 50', async () => {
    for (let round = 0; round < 50; round += 1) await plane.stop(await begin());
    expect((await readdir(folder.path)).sort()).toEqual(['backend.sock', 'echo.sock']);
  });

  it('goes with a plane that is killed, and comes back with the next', async () => {
    const files = new SocketFiles();
    const first = await PlaneClient.start(socketHandlers(files));
    const request = { listen: hereAt(path), connect: fixed(echo) };
    await first.untilUp(await first.begin(request));
    await first.kill();
    // As the editor does when it hears of it.
    await files.removeAll();
    expect(await readdir(folder.path)).not.toContain('docker.sock');
    const second = await PlaneClient.start(socketHandlers(files));
    await second.untilUp(await second.begin(request));
    expect(await echoThrough()).toBe('hello');
    await second.close();
    expect(await readdir(folder.path)).not.toContain('docker.sock');
  });
});

describe('a destination that is a socket here', () => {
  async function complaintAbout(destination: string): Promise<object> {
    const forward = await start({ listen: here(ANY_PORT), connect: fixed({ path: destination }) });
    const client = await dial((boundTo(forward) as typeof ANY_PORT).port);
    const seen = outcome(client);
    const complaint = await plane.untilComplaint(forward);
    expect(await seen).toBe('reset');
    await plane.stop(forward);
    return complaint;
  }

  it('and absent is unreachable', async () => {
    const absent = folder.join('absent.sock');
    expect(await complaintAbout(absent)).toMatchObject({ code: 'destination-unreachable', context: { path: absent, destination: absent, reason: 'ENOENT' } });
  });

  it('and stale refuses', async () => {
    await leaveStale();
    expect(await complaintAbout(path)).toMatchObject({ code: 'destination-refused', context: { path, reason: 'ECONNREFUSED' } });
  });

  it('and has too long a path is not taken for another whose name is the beginning of it', async () => {
    const cut = folder.join('n'.repeat(107 - folder.path.length - 1));
    const other = await serveAt(cut, () => undefined);
    expect(await complaintAbout(`${cut}n`)).toMatchObject({ code: 'destination-unreachable', context: { reason: 'ENAMETOOLONG' } });
    expect(other.accepted()).toBe(0);
    await other.close();
  });

  it('and goes without having read everything is a reset, which a socket cannot pass on', async () => {
    const server = await serveAt(folder.join('breaking.sock'), (socket) => {
      socket.once('data', () => {
        // Node reads ahead all the same, one chunk.
        socket.pause();
        socket.write('more');
      });
    });
    const forward = await start({ connect: fixed(server) });
    const client = await dialPath(path);
    const seen = outcome(client);
    client.write('x');
    await once(client, 'data');
    client.write(testBytes(150_000));
    await eventually(async () => (await plane.connections(forward))[0]?.bytesUp === 150_001);
    for (const socket of server.sockets) socket.destroy();
    expect(await seen).toBe('ended');
    await eventually(async () => (await plane.connections(forward))[0]?.closeReason === 'destination-reset');
    await plane.stop(forward);
    await server.close();
  });

  it('and has no room for more connections gets them when it has', async () => {
    const script = `
      require('node:net').createServer((socket) => { socket.end('late'); }).listen({ path: process.argv[1], backlog: 1 }, () => {
        require('node:fs').writeSync(1, 'full');
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 500);
      });`;
    const busy = spawn(process.execPath, ['-e', script, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(busy.stdout, 'data');
    const forward = await start({ listen: here(ANY_PORT), connect: fixed({ path }) });
    const clients = await Promise.all(Array.from({ length: 20 }, () => dial((boundTo(forward) as typeof ANY_PORT).port)));
    const answers = await Promise.all(clients.map(async (client) => {
      const answer = (await readAll(client)).toString();
      client.end();
      return answer;
    }));
    expect(answers).toEqual(clients.map(() => 'late'));
    await plane.stop(forward);
    busy.kill();
    await once(busy, 'exit');
  });
});

describe('a server', () => {
  it.each<[string, RegExp]>([
    ['AllowStreamLocalForwarding no', /disabled streamlocal forwarding/],
    ['AllowStreamLocalForwarding local', /disabled streamlocal forwarding/],
    ['DisableForwarding yes', /disabled streamlocal forwarding/],
    ['AllowTcpForwarding local', /port forwarding refused/],
  ])('with %s refuses to listen, and says why', async (line, reason) => {
    const target = targetOf(tunnels.hop(await tunnels.startServer({ extraConfig: [line] })));
    const forward = await begin({ listen: onServer({ path }), target });
    const { failure } = await plane.untilLost(forward);
    expect(failure).toMatchObject({ code: 'remote-bind-refused', context: { hop: 'test-server', address: path, path } });
    expect(failure.detail).toMatch(reason);
    await plane.stop(forward);
  });

  it.each(['AllowStreamLocalForwarding no', 'AllowStreamLocalForwarding remote', 'AllowTcpForwarding no', 'PermitOpen localhost:1'])('with %s does not connect, and the options are named', async (line) => {
    const target = targetOf(tunnels.hop(await tunnels.startServer({ extraConfig: [line] })));
    const forward = await start({ target });
    const client = await dialPath(path);
    client.write('x');
    expect(await outcome(client)).toBe('reset');
    const complaint = await plane.untilComplaint(forward);
    expect(complaint).toMatchObject({ code: 'destination-unreachable', context: { destination: echo.path, path: echo.path } });
    expect(complaint.detail).toContain('AllowStreamLocalForwarding');
    expect(echo.accepted()).toBe(0);
    await plane.stop(forward);
  });

  it('leaves the file of its socket, and listens there again only with StreamLocalBindUnlink', async () => {
    const sshd = await tunnels.startServer();
    const poles = { listen: onServer({ path }), target: targetOf(tunnels.hop(sshd)) };
    await plane.stop(await start(poles));
    const refused = await begin(poles);
    expect((await plane.untilLost(refused)).failure).toMatchObject({ code: 'remote-bind-refused', context: { path } });
    await plane.stop(refused);

    const unlinking = await tunnels.startServer({ extraConfig: ['StreamLocalBindUnlink yes'] });
    const target = targetOf(tunnels.hop(unlinking));
    const forward = await start({ ...poles, target });
    expect(await echoThrough()).toBe('hello');
    await unlinking.dropConnections();
    expect(await plane.untilLost(forward)).toMatchObject({ isUnbound: true });
    const again = await start({ ...poles, target }, forward);
    expect(await echoThrough()).toBe('hello');
    await plane.stop(again);
  });

  it('turns its client away when the socket here is absent', async () => {
    const forward = await start({ listen: onServer({ path }), connect: fixed({ path: folder.join('absent.sock') }), target: targetOf(tunnels.hop(await tunnels.startServer())) });
    const client = await dialPath(path);
    expect(await readAll(client).catch(() => Buffer.alloc(0))).toHaveLength(0);
    client.destroy();
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'destination-unreachable', context: { reason: 'ENOENT' } });
    await plane.stop(forward);
  });
});
