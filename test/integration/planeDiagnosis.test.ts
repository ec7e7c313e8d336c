import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { HostKeyPolicies } from '../../src/openssh/hostKeyPolicy.ts';
import { HostKeyQuestions } from '../../src/ui/hostKeyQuestions.ts';
import { PromptQueue } from '../../src/ui/promptQueue.ts';
import { closesAfter, says } from '../support/badServers.ts';
import { diagnose, failedAt, notPassed } from '../support/diagnoses.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { identityOf } from '../support/planeTargets.ts';
import { here } from '../support/poles.ts';
import { descendantsOf } from '../support/processes.ts';
import type { Sshd } from '../support/sshd.ts';
import { createSshKey, knownHostsLine } from '../support/sshKeys.ts';
import { serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { canCreateTestUser, createTestUser } from '../support/testUser.ts';
import { Tunnels } from '../support/tunnels.ts';

const LISTEN: HostPort = { host: '127.0.0.1', port: 0 };
const TARGET = { host: 'test-server' };

let tunnels: Tunnels;
let plane: PlaneClient;
let folder: TemporaryFolder;
const servers: TestServer[] = [];

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  folder = await createTemporaryFolder('diagnosis');
});

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await tunnels.close();
  await folder.remove();
});

async function start(...parameters: Parameters<typeof serve>): Promise<TestServer> {
  const server = await serve(...parameters);
  servers.push(server);
  return server;
}

/** `-L` to this destination, on a port of its own. */
function local({ host, port }: HostPort = tunnels.echo): ForwardSpec {
  return { kind: 'local', listen: LISTEN, connect: { host, port }, target: TARGET };
}

function remote(listen: HostPort, { host, port }: HostPort = tunnels.echo): ForwardSpec {
  return { kind: 'remote', listen, connect: { host, port }, target: TARGET };
}

function logins(sshd: Sshd): number {
  return sshd.logText().match(/Accepted publickey/g)?.length ?? 0;
}

async function expectDeserted(sshd: Sshd): Promise<void> {
  await eventually(() => descendantsOf(sshd.pid).length === 0, { explain: () => sshd.logText() });
}

/** Host keys are judged by a known_hosts of the test's own, without asking anybody. */
async function judgeBy(knownHosts: string): Promise<string> {
  const file = folder.join('known_hosts');
  await writeFile(file, knownHosts);
  const policies = new HostKeyPolicies();
  policies.remember({ key: 'k', hops: [] }, new Map([['policy', { userFiles: [file], globalFiles: [], strictness: 'yes', isHashed: false }]]));
  const questions = new HostKeyQuestions(policies, new PromptQueue(), async () => false, { write: () => undefined });
  plane.answers.verifyHostKey = (question, signal) => questions.answer({ ...question, hostKeyPolicy: 'policy' }, signal);
  return file;
}

describe('the ladder of a forward that works', () => {
  it('names every step with what was found, over a connection of its own, and leaves nothing behind', async () => {
    const sshd = await tunnels.startServer();
    const file = await judgeBy(`# mine\n${knownHostsLine('localhost', sshd.port, sshd.hostKey)}`);
    const greeter = await start((socket) => { socket.end('SSH-2.0-greeter\r\n'); });
    const port = await findFreePort();
    const { diagnosis, words, changes } = await diagnose(plane, { ...local(greeter), listen: { host: '127.0.0.1', port } }, [tunnels.hop(sshd, { host: 'localhost' })]);
    expect(diagnosis.outcome).toBe('passed');
    expect(notPassed(diagnosis)).toEqual([]);
    expect(words).toContain('✓ The way is open, from here to the destination.');
    expect(words).toMatch(new RegExp(`✓ Configuration +\\d+ ms test-server \\(${sshd.userName}@localhost:${sshd.port}\\)`));
    expect(words).toMatch(new RegExp(`✓ Port +\\d+ ms free: 127.0.0.1:${port}`));
    expect(words).toMatch(/✓ Name +\d+ ms .*127\.0\.0\.1/);
    expect(words).toMatch(/✓ TCP +\d+ ms 127\.0\.0\.1/);
    expect(words).toMatch(/✓ Banner +\d+ ms SSH-2\.0-OpenSSH_/);
    expect(words).toMatch(/✓ Key exchange +\d+ ms curve25519-sha256\S*, aes128-gcm@openssh\.com, host key\s+ssh-ed25519/);
    expect(words).toContain(`ssh-ed25519 ${sshd.hostKey.fingerprint}`);
    expect(words).toContain(`known: ${file}, line 2`);
    expect(words).toMatch(/✓ Login \d+ ms logged in with publickey \S+/);
    expect(words).toMatch(/✓ Forwarding allowed +\d+ ms/);
    expect(words).toMatch(new RegExp(`✓ Destination accepts +\\d+ ms 127.0.0.1:${greeter.port}`));
    expect(words).toMatch(/✓ First byte +\d+ ms speaks first: SSH-2\.0-greeter/);
    // Step by step: each was shown before the next one was known.
    expect(changes.length).toBeGreaterThanOrEqual(diagnosis.rungs.length);
    expect(await listenersOn(port)).toEqual([]);
    expect(logins(sshd)).toBe(1);
    await expectDeserted(sshd);
  });

  it.each(['local', 'relay'] as const)('ends with the health check that a %s has, and says what is wrong there', async (kind) => {
    const sshd = await tunnels.startServer();
    let status = 200;
    const http = createServer((_request, response) => { response.writeHead(status).end(); });
    const server = await start((socket) => { http.emit('connection', socket); });
    const spec: ForwardSpec = kind === 'local' ? local(server) : { kind, listen: LISTEN, connect: { host: server.host, port: server.port } };
    const climb = () => diagnose(plane, spec, kind === 'local' ? [tunnels.hop(sshd)] : [], { healthCheck: { kind: 'http', path: '/health', status: 200 } });
    const well = await climb();
    expect({ outcome: well.diagnosis.outcome, last: well.diagnosis.rungs.at(-1)?.step }).toEqual({ outcome: 'passed', last: 'health' });
    expect(well.words).toMatch(/✓ Health check +\d+ ms GET \/health: answered as expected/);
    status = 503;
    const { diagnosis, words } = await climb();
    expect(failedAt(diagnosis).step).toBe('health');
    expect(words).toContain('It stops at: Health check');
    expect(words).toContain('answered GET /health with HTTP status 503, where the health check expects 200.');
    await eventually(() => server.sockets.size === 0);
  });

  it('never joins the SSH connection that is there, and leaves the forward alone', async () => {
    const sshd = await tunnels.startServer();
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    const state = { phase: 'listening', generation: 1, since: 0, bound: { addresses: [{ host: '127.0.0.1', port }] }, complaint: undefined } as const;
    const { diagnosis, words } = await diagnose(plane, local(), [tunnels.hop(sshd)], { state });
    expect(diagnosis.outcome).toBe('passed');
    expect(words).toContain(`this forward listens on 127.0.0.1:${port}`);
    expect(words).toContain('waits for the client');
    expect(logins(sshd)).toBe(2);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(forward);
    await expectDeserted(sshd);
  });

  it('goes on to the destination here for -R, with the port that the server granted', async () => {
    const sshd = await tunnels.startServer();
    const { diagnosis, words } = await diagnose(plane, remote(LISTEN), [tunnels.hop(sshd)]);
    expect(notPassed(diagnosis)).toEqual([]);
    const port = Number(/granted: 127\.0\.0\.1:(\d+) of test-server/.exec(words)?.[1]);
    expect(port).toBeGreaterThan(0);
    expect(diagnosis.rungs.at(-1)?.step).toBe('first-byte');
    expect(logins(sshd)).toBe(1);
    expect(await listenersOn(port)).toEqual([]);
    await expectDeserted(sshd);
  });

  it('says so of a -R that runs, without asking for its port again', async () => {
    const sshd = await tunnels.startServer();
    const port = await findFreePort();
    const state = { phase: 'listening', generation: 1, since: 0, bound: { addresses: [{ host: 'localhost', port }] }, complaint: undefined } as const;
    const { diagnosis, words } = await diagnose(plane, remote({ host: 'localhost', port }), [tunnels.hop(sshd)], { state });
    expect(notPassed(diagnosis)).toEqual([]);
    expect(words).toContain(`this forward listens on localhost:${port} of test-server`);
    expect(await listenersOn(port)).toEqual([]);
  });

  it('ends before the destination for a proxy', async () => {
    const sshd = await tunnels.startServer();
    const { diagnosis, words } = await diagnose(plane, { kind: 'dynamic', listen: LISTEN, target: TARGET }, [tunnels.hop(sshd)]);
    expect(notPassed(diagnosis)).toEqual([]);
    expect(diagnosis.rungs.at(-1)?.step).toBe('forwarding');
    expect(words).toContain('tried with localhost:9 as seen from test-server');
  });

  it('is short for a relay: the port, the name, the destination, the first byte', async () => {
    const { diagnosis, words } = await diagnose(plane, { kind: 'relay', listen: LISTEN, connect: { host: 'localhost', port: tunnels.echo.port } });
    expect(notPassed(diagnosis)).toEqual([]);
    expect(diagnosis.rungs.map(({ step }) => step)).toEqual(['port', 'destination-name', 'destination', 'first-byte']);
    expect(words).toContain('waits for the client');
  });
});

describe('the ladder stops', () => {
  async function stopsAt(hop: (sshd: Sshd) => Partial<SshHop>, extraConfig: readonly string[] = [], spec: ForwardSpec = local()) {
    const sshd = await tunnels.startServer({ extraConfig });
    const { diagnosis, words } = await diagnose(plane, spec, [tunnels.hop(sshd, hop(sshd))]);
    expect(diagnosis.outcome).toBe('failed');
    await expectDeserted(sshd);
    return { ...failedAt(diagnosis), code: diagnosis.failure?.code, words };
  }

  it('at TCP, where nothing listens on the port of the server', async () => {
    const free = await findFreePort();
    const { step, hop, code, words } = await stopsAt(() => ({ port: free }));
    expect({ step, hop, code }).toEqual({ step: 'tcp', hop: 0, code: 'connect-refused' });
    expect(words).toContain('✗ It stops at: TCP (test-server)');
    expect(words).toContain('refused the connection: no SSH server answers on that port. Check the port, or start the server.');
    expect(words).toMatch(/· Banner not reached/);
  });

  it('at the name, where there is none', async () => {
    const { step, hop, code, words } = await stopsAt(() => ({ host: 'no-such-host.invalid' }));
    expect({ step, hop, code }).toEqual({ step: 'name', hop: 0, code: 'host-not-found' });
    expect(words).toContain('No address was found for the SSH server');
  });

  it('at the banner, where another protocol is spoken', async () => {
    const web = await start(says('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const { step, code, words } = await stopsAt(() => ({ port: web.port }));
    expect({ step, code }).toEqual({ step: 'banner', code: 'not-ssh' });
    expect(words).toContain('is a web server (HTTP), not an SSH server. Check the port.');
  });

  it('at the key exchange, where there is no algorithm in common', async () => {
    const { step, code, words } = await stopsAt(() => ({}), ['KexAlgorithms sntrup761x25519-sha512@openssh.com']);
    expect({ step, code }).toEqual({ step: 'key-exchange', code: 'handshake-failed' });
    expect(words).toMatch(/✓ Banner \d+ ms SSH-2\.0-OpenSSH/);
  });

  it('at the host key, where it is not known, with its fingerprint; no login is tried', async () => {
    const sshd = await tunnels.startServer();
    await judgeBy('');
    const { diagnosis, words } = await diagnose(plane, local(), [tunnels.hop(sshd)]);
    expect(failedAt(diagnosis)).toEqual({ step: 'host-key', hop: 0 });
    expect(diagnosis.failure?.code).toBe('host-key-unknown');
    expect(words).toContain(`ssh-ed25519 ${sshd.hostKey.fingerprint}`);
    expect(words).toMatch(/✗ Host key +failed \d/);
    expect(sshd.logText()).not.toContain('publickey');
    await expectDeserted(sshd);
  });

  it('at the login, where the keys are refused, and names them', async () => {
    const keys = [await createSshKey(folder.join('one')), await createSshKey(folder.join('two'))];
    const { step, code, words } = await stopsAt(() => ({ identities: keys.map((key) => identityOf(key)), authenticationMethods: ['publickey'] }));
    expect({ step, code }).toEqual({ step: 'login', code: 'auth-failed' });
    for (const { path } of keys) expect(words).toContain(`publickey ${path}`);
    expect(words).toContain('did not accept the login');
  });

  it.each<[string, ForwardSpec | undefined]>([['a tunnel', undefined], ['a proxy', { kind: 'dynamic', listen: LISTEN, target: TARGET }]])('at forwarding, where the server forbids it (%s)', async (_, spec) => {
    const { step, code, words } = await stopsAt(() => ({}), ['AllowTcpForwarding no'], spec ?? local());
    expect({ step, code }).toEqual({ step: 'forwarding', code: 'forwarding-prohibited' });
    expect(words).toContain('In its sshd_config, AllowTcpForwarding and PermitOpen decide');
    expect(words).toMatch(/✓ Login \d+ ms/);
  });

  it('at the destination, where nobody listens', async () => {
    const free = await findFreePort();
    const { step, code, words } = await stopsAt(() => ({}), [], local({ host: '127.0.0.1', port: free }));
    expect({ step, code }).toEqual({ step: 'destination', code: 'destination-refused' });
    expect(words).toContain(`127.0.0.1:${free} refused the connection. Is the program there running, and on that port?`);
    expect(words).toMatch(/✓ Forwarding allowed \d+ ms/);
  });

  it('at the port of the server for a -R that is refused', async () => {
    const { step, code, words } = await stopsAt(() => ({}), ['AllowTcpForwarding local'], remote({ host: 'localhost', port: 0 }));
    expect({ step, code }).toEqual({ step: 'server-port', code: 'remote-bind-refused' });
    expect(words).toContain('AllowTcpForwarding, PermitListen');
  });

  it('at the second of two hops, with the first one passed', async () => {
    const [first, second] = [await tunnels.startServer(), await tunnels.startServer()];
    const stranger = await createSshKey(folder.join('stranger'));
    const hops = [tunnels.hop(first, { name: 'bastion' }), tunnels.hop(second, { name: 'inner', identities: [identityOf(stranger)], authenticationMethods: ['publickey'] })];
    const { diagnosis, words } = await diagnose(plane, local(), hops);
    expect(failedAt(diagnosis)).toEqual({ step: 'login', hop: 1 });
    expect(words).toContain('✗ It stops at: Login (inner)');
    expect(words).toContain(`inner (${second.userName}@${second.host}:${second.port}), through bastion`);
    expect(words).toMatch(/✓ TCP +\d+ ms through bastion/);
    await expectDeserted(first);
    await expectDeserted(second);
  });

  it('at the second of two hops, where the first one forbids to go there, and names that one', async () => {
    const [first, second] = [await tunnels.startServer({ extraConfig: ['AllowTcpForwarding no'] }), await tunnels.startServer()];
    const { diagnosis, words } = await diagnose(plane, local(), [tunnels.hop(first, { name: 'bastion' }), tunnels.hop(second, { name: 'inner' })]);
    expect(failedAt(diagnosis)).toEqual({ step: 'tcp', hop: 1 });
    expect(words).toContain(`bastion (${first.host}:${first.port}) let you in but forbids connections to ${second.host}:${second.port}.`);
    await expectDeserted(first);
  });

  it('at the port here, where another program has it, before any server hears of it', async () => {
    const holder = await start(() => undefined);
    const sshd = await tunnels.startServer();
    const { diagnosis } = await diagnose(plane, { ...local(), listen: { host: '127.0.0.1', port: holder.port } }, [tunnels.hop(sshd)]);
    expect(failedAt(diagnosis)).toEqual({ step: 'port', hop: undefined });
    expect(diagnosis.failure?.code).toBe('address-in-use');
    expect(sshd.logText()).not.toContain('Connection from');
  });

  it.each<[string, HostPort, string, string]>([
    ['refuses', { host: '127.0.0.1', port: 0 }, 'destination', 'destination-refused'],
    ['has no address', { host: 'no-such-host.invalid', port: 80 }, 'destination-name', 'destination-unreachable'],
  ])('for a relay whose destination %s', async (_, { host, port }, step, code) => {
    const connect = { host, port: port === 0 ? await findFreePort() : port };
    const { diagnosis } = await diagnose(plane, { kind: 'relay', listen: LISTEN, connect });
    expect(failedAt(diagnosis)).toEqual({ step, hop: undefined });
    expect(diagnosis.failure?.code).toBe(code);
  });
});

describe('what is odd', () => {
  it('is marked where a destination closes at once', async () => {
    const shy = await start(closesAfter(''));
    const { diagnosis, words } = await diagnose(plane, { kind: 'relay', listen: LISTEN, connect: { host: shy.host, port: shy.port } });
    expect(notPassed(diagnosis)).toEqual(['first-byte doubtful']);
    expect(words).toContain('closed the connection at once, without a word');
    expect(words).toContain('! The way is open, but the destination closes it at once.');
  });

  it('is a destination that the next one has to stand in for', async () => {
    const free = await findFreePort();
    const [first, second] = [{ host: '127.0.0.1', port: free }, { host: tunnels.echo.host, port: tunnels.echo.port }];
    await plane.request('diagnose', { id: 'd', forwardId: 'a', listen: here(LISTEN), connect: { kind: 'fixed', address: first, fallbacks: [second] }, isListening: false });
    expect(plane.payloads('diagnosis').map(({ fact }) => fact)).toMatchObject([
      { kind: 'bindable' }, { kind: 'allowed' }, { kind: 'passed-over', destination: first, failure: { code: 'destination-refused' } },
      { kind: 'allowed' }, { kind: 'accepted', destination: second }, { kind: 'first-byte', how: 'waits' },
    ]);
  });
});

describe('a diagnosis that is stopped', () => {
  it('takes its question away and leaves nothing behind', async () => {
    const sshd = await tunnels.startServer();
    const controller = new AbortController();
    let isCancelled = false;
    plane.answers.verifyHostKey = (_question, signal) => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        isCancelled = true;
        reject(new Error('cancelled'));
      });
    });
    const running = diagnose(plane, local(), [tunnels.hop(sshd)], { signal: controller.signal });
    await eventually(() => plane.questions.length > 0);
    controller.abort();
    const { diagnosis, words } = await running;
    expect(diagnosis.outcome).toBe('cancelled');
    expect(words).toContain('Stopped before the end.');
    await eventually(() => isCancelled);
    await expectDeserted(sshd);
  });
});

describe('a report', () => {
  it('holds nothing of the query of a health check, whether that passes or not', async () => {
    let status = 200;
    const http = createServer((_request, response) => { response.writeHead(status).end(); });
    const server = await start((socket) => { http.emit('connection', socket); });
    const climb = () => diagnose(plane, { kind: 'relay', listen: LISTEN, connect: { host: server.host, port: server.port } }, [], { healthCheck: { kind: 'http', path: '/health?token=canary' } });
    const good = await climb();
    status = 403;
    const bad = await climb();
    expect([good.diagnosis.outcome, bad.diagnosis.outcome]).toEqual(['passed', 'failed']);
    for (const { report, changes } of [good, bad]) {
      expect(report).toContain('GET /health?…');
      expect(report + JSON.stringify(changes)).not.toContain('canary');
    }
  });

  it.runIf(canCreateTestUser())('holds no password and no key, whether they worked or not', async () => {
    const user = await createTestUser();
    try {
      const sshd = await tunnels.startServer({ allowsPasswords: true });
      const key = await createSshKey(folder.join('locked'), 'ed25519', 'canary-passphrase');
      const answers = ['canary-wrong', user.password];
      plane.answers.needSecret = async ({ kind }) => ({ isCancelled: false, answers: [kind === 'passphrase' ? 'canary-passphrase' : answers.shift() ?? ''] });
      const hop = tunnels.hop(sshd, { user: user.name, identities: [identityOf(key, false)] });
      const good = await diagnose(plane, local(), [hop]);
      answers.push('canary-wrong', 'canary-wrong', 'canary-wrong');
      const bad = await diagnose(plane, local(), [{ ...hop, authenticationMethods: ['password'] }]);
      expect([good.diagnosis.outcome, bad.diagnosis.outcome]).toEqual(['passed', 'failed']);
      expect(good.words).toMatch(/logged in with (?:keyboard-interactive|password)/);
      for (const { report, changes } of [good, bad]) {
        const told = report + JSON.stringify(changes);
        for (const canary of ['canary', user.password, 'PRIVATE KEY', key.publicKey.split(' ')[1]!]) expect(told).not.toContain(canary);
      }
    } finally {
      await user.remove();
    }
  });
});
