import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { descendantsOf } from '../support/processes.ts';
import type { Sshd } from '../support/sshd.ts';
import { outcomeOfDialling, serve } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

const MiB = 1024 * 1024;

let tunnels: Tunnels;
let plane: PlaneClient;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
});

afterEach(() => tunnels.close());

describe('a tunnel that cannot be opened', () => {
  it('says that nobody listens there', async () => {
    const sshd = await tunnels.startServer();
    await sshd.kill();
    expect(await tunnels.failureOf(tunnels.hop(sshd))).toMatchObject({ code: 'connect-refused', context: { host: sshd.host, port: sshd.port, hop: 'test-server' } });
  });

  it('says that the host does not exist', async () => {
    const sshd = await tunnels.startServer();
    expect(await tunnels.failureOf(tunnels.hop(sshd, { host: 'no-such-host.invalid' }))).toMatchObject({ code: 'host-not-found' });
  });

  it('says that a server is silent', async () => {
    const sshd = await tunnels.startServer();
    const silent = await serve((socket) => { socket.resume().on('end', () => socket.end()); });
    expect(await tunnels.failureOf(tunnels.hop(sshd, { port: silent.port, connectTimeoutMs: 500 }))).toMatchObject({ code: 'connect-timeout' });
    await eventually(() => silent.sockets.size === 0);
    await silent.close();
  });

  it('says which kind of algorithm is missing', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['KexAlgorithms sntrup761x25519-sha512@openssh.com'] });
    const failure = await tunnels.failureOf(tunnels.hop(sshd));
    expect(failure).toMatchObject({ code: 'handshake-failed' });
    expect(failure).toHaveProperty('detail', expect.stringContaining('no matching key exchange algorithm'));
  });

  it('says that the server forbids forwarding, for each connection', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['AllowTcpForwarding no'] });
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    expect(await outcomeOfDialling(port)).toBe('reset');
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'forwarding-prohibited' });
    await plane.stop(forward);
  });
});

describe('the way to the server', () => {
  it('leads over a jump host', async () => {
    const [first, second] = [await tunnels.startServer(), await tunnels.startServer()];
    const forward = await tunnels.begin([tunnels.hop(first, { name: 'bastion' }), tunnels.hop(second, { name: 'inner' })]);
    await plane.untilUp(forward);
    const { port } = plane.boundOf(forward).addresses[0]!;
    expect(await tunnels.echoThrough(port)).toBe('hello');
    const sent = 'x'.repeat(5 * MiB);
    expect(await tunnels.echoThrough(port, sent) === sent).toBe(true);
    expect(plane.of('progress', forward).map(({ progress }) => progress)).toContainEqual({ step: 'logging-in', host: 'inner' });
    await plane.stop(forward);
    await eventually(() => [first, second].every((sshd) => descendantsOf(sshd.pid).length === 0));
  });

  it('breaks as a whole when the jump host goes', async () => {
    const [first, second] = [await tunnels.startServer(), await tunnels.startServer()];
    const forward = await tunnels.begin([tunnels.hop(first, { name: 'bastion' }), tunnels.hop(second, { name: 'inner' })]);
    await plane.untilUp(forward);
    await first.dropConnections();
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'connection-lost', context: { hop: 'bastion' } });
    await eventually(() => descendantsOf(second.pid).length === 0);
    const again = await tunnels.begin([tunnels.hop(first, { name: 'bastion' }), tunnels.hop(second, { name: 'inner' })], forward);
    await plane.untilUp(again);
    await plane.stop(again);
  });

  it('names the hop that fails', async () => {
    const [first, second] = [await tunnels.startServer(), await tunnels.startServer()];
    await second.kill();
    const forward = await tunnels.begin([tunnels.hop(first, { name: 'bastion' }), tunnels.hop(second, { name: 'inner' })]);
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'connect-refused', context: { hop: 'inner', port: second.port } });
    await eventually(() => descendantsOf(first.pid).length === 0);
    await plane.stop(forward);
  });

  it('leads through a ProxyCommand, whose complaints are logged', async () => {
    const sshd = await tunnels.startServer();
    const proxyCommand = `sh -c 'echo on my way >&2; exec socat - TCP:${sshd.host}:${sshd.port}'`;
    const forward = await tunnels.begin([tunnels.hop(sshd, { proxyCommand, host: 'nowhere.invalid' })]);
    await plane.untilUp(forward);
    const sent = 'x'.repeat(5 * MiB);
    expect(await tunnels.echoThrough(plane.boundOf(forward).addresses[0]!.port, sent) === sent).toBe(true);
    expect(plane.log()).toContain('ProxyCommand: on my way');
    const proxies = socatsTo(sshd);
    expect(proxies).toHaveLength(1);
    await plane.stop(forward);
    await eventually(() => socatsTo(sshd).length === 0);
  });

  it('says how a ProxyCommand failed', async () => {
    const sshd = await tunnels.startServer();
    const failure = await tunnels.failureOf(tunnels.hop(sshd, { proxyCommand: "sh -c 'echo no route today >&2; exit 7'" }));
    expect(failure).toMatchObject({ code: 'proxy-command-failed' });
    expect(failure).toHaveProperty('detail', expect.stringMatching(/exit code 7.*no route today/));
  });

  function socatsTo(sshd: Sshd): number[] {
    // The sessions of sshd itself are not below this process.
    return descendantsOf(process.pid).filter((pid) => commandOf(pid).includes(`TCP:${sshd.host}:${sshd.port}`));
  }
});

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
