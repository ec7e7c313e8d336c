import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import type { FailureCode } from '../../src/core/failure.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { ControlSide } from '../support/controlSide.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { findFreePort } from '../support/freePort.ts';
import { HostProcess } from '../support/hostProcess.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { canCreateNetworkNamespace, NetworkNamespace } from '../support/netns.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { dialSocks5 } from '../support/socksClient.ts';
import { Sshd, type SshdOptions } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, outcomeOfDialling, readAll, serve } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const table = new MeasuredTable('servers and destinations that are not as they should be');

let folder: TemporaryFolder;
let key: SshKeyFile;
let sshd: Sshd;
/** What a test has opened, the last one closed first. */
let closing: (() => unknown)[];

beforeEach(async () => {
  folder = await createTemporaryFolder('faults');
  key = await createSshKey(folder.join('id'));
  closing = [() => folder.remove()];
});

afterEach(async () => {
  for (const close of closing.reverse()) await close();
});

async function startServer(options: SshdOptions = {}): Promise<void> {
  sshd = await Sshd.start({ authorizedKeys: [key.publicKey], ...options });
  closing.push(() => sshd.stop());
}

function specOf(kind: 'relay' | 'local' | 'remote' | 'dynamic', connect: HostPort): ForwardSpec {
  const [listen, target] = [{ host: '127.0.0.1', port: 0 }, { host: 'server' }];
  if (kind === 'relay') return { kind, listen, connect };
  return kind === 'dynamic' ? { kind, listen, target } : { kind, listen, connect, target };
}

/** An address that swallows everything. */
async function blackHole(): Promise<string> {
  const namespace = await NetworkNamespace.create();
  closing.push(() => namespace.remove());
  await namespace.exec('nft', 'add', 'table', 'inet', 'cut');
  await namespace.exec('nft', 'add', 'chain', 'inet', 'cut', 'in', '{ type filter hook input priority 0; policy drop; }');
  return namespace.thereAddress;
}

describe('a server', () => {
  async function over(way: Partial<SshHop>): Promise<ControlSide> {
    const control = await ControlSide.start({ answers: trusting(sshd), target: () => targetOf(hopTo(sshd, { identities: [identityOf(key)], ...way })) });
    closing.push(() => control.close());
    return control;
  }

  async function expectFailure(what: string, way: Partial<SshHop>, cause: FailureCode, names: string): Promise<void> {
    const control = await over(way);
    const check = await FaultCheck.begin(control);
    await control.tryOut(specOf('local', { host: 'db', port: 5432 }), 'a');
    await check.shows({ phase: 'failed', cause, names });
    await check.ends(table, what);
  }

  /** Takes questions and answers none. */
  async function hangingAgent(): Promise<string> {
    const sockets: Socket[] = [];
    const agent = createServer((socket) => { sockets.push(socket.on('error', () => undefined).resume()); }).listen(folder.join('agent'));
    await once(agent, 'listening');
    closing.push(() => { for (const socket of sockets) socket.destroy(); agent.close(); });
    return folder.join('agent');
  }

  it('that is not there', async () => {
    await startServer();
    const port = await findFreePort();
    await expectFailure('nobody listens at the server\'s port', { port }, 'connect-refused', `127.0.0.1:${String(port)}`);
  });

  it.runIf(canCreateNetworkNamespace())('whose address swallows everything', async () => {
    await startServer();
    const host = await blackHole();
    await expectFailure('the server\'s address is a black hole (1 s)', { host, connectTimeoutMs: 1_000 }, 'connect-timeout', 'test-server: no answer');
  });

  it('where too many are logging in (MaxStartups)', async () => {
    await startServer({ extraConfig: ['MaxStartups 1:100:1'] });
    const first = await dial(sshd.port);
    await once(first, 'data');
    await expectFailure('too many are logging in (MaxStartups)', {}, 'connection-lost', 'Exceeded MaxStartups');
    first.destroy();
  });

  it('whose host key has changed', async () => {
    await startServer();
    const answers = trusting({ host: sshd.host, port: sshd.port, userName: sshd.userName, hostKeys: [...sshd.hostKeys] });
    await sshd.changeHostKey();
    await sshd.restart();
    const control = await ControlSide.start({ answers, target: () => targetOf(hopTo(sshd, { identities: [identityOf(key)] })) });
    closing.push(() => control.close());
    const check = await FaultCheck.begin(control);
    await control.tryOut(specOf('local', { host: 'db', port: 5432 }), 'a');
    await check.shows({ phase: 'failed', cause: 'host-key-mismatch' });
    await check.ends(table, 'another host key than the one that is known');
  });

  it('that takes no key but those of an agent that hangs', async () => {
    await startServer();
    await expectFailure('an agent that hangs, and no key beside it (5 s)', { identities: [], identityAgent: await hangingAgent() }, 'auth-failed', 'no answer within 5 s');
  });

  it('that lets in with a key file beside an agent that hangs', async () => {
    await startServer();
    const control = await over({ identityAgent: await hangingAgent() });
    const echo = await serve((socket) => { socket.pipe(socket); });
    closing.push(() => echo.close());
    const check = await FaultCheck.begin(control);
    await control.forward('a', echo);
    await control.stop('a');
    await check.ends(table, 'an agent that hangs, and a key file beside it');
  });

  it('that forbids forwarding is not shown as fine after the first connection', async () => {
    await startServer({ extraConfig: ['AllowTcpForwarding no'] });
    const control = await over({});
    const port = await control.forward('a', { host: '127.0.0.1', port: 1 });
    const check = await FaultCheck.begin(control);
    for (let round = 0; round < 20; round += 1) expect(await outcomeOfDialling(port)).toBe('reset');
    await check.shows({ phase: 'listening', cause: 'forwarding-prohibited' });
    await check.ends(table, 'a server that forbids forwarding, 20 connections');
  });
});

type Kind = Parameters<typeof specOf>[0];

/** A host of its own, and the port at which a forward of it leads to that destination. */
async function leadTo(kind: Kind, destination: HostPort): Promise<{ readonly host: HostProcess; readonly port: number }> {
  const host = await HostProcess.start();
  closing.push(() => host.kill());
  return { host, port: await host.portOf('a', specOf(kind, destination), targetOf(hopTo(sshd, { identities: [identityOf(key)] }))) };
}

describe.each(['relay', 'local', 'remote'] as const)('a destination of a %s', (kind) => {
  beforeEach(() => startServer());

  it('that refuses is shown and told of once, and no more once somebody is there', async () => {
    const destination = { host: '127.0.0.1', port: await findFreePort() };
    const { host, port } = await leadTo(kind, destination);
    const check = await FaultCheck.begin(host);
    for (let round = 0; round < 20; round += 1) await outcomeOfDialling(port);
    await check.shows({ phase: 'listening', cause: 'destination-refused' });
    const server = await serve((socket) => { socket.pipe(socket); }, destination.port);
    closing.push(() => server.close());
    const client = await dial(port);
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
    await check.heals();
    await check.ends(table, `${kind}, a destination that refuses, 20 connections`);
  });

  it('whose name does not exist', async () => {
    const { host, port } = await leadTo(kind, { host: 'no-such-host.invalid', port: 5432 });
    const check = await FaultCheck.begin(host);
    await outcomeOfDialling(port);
    await check.shows({ phase: 'listening', cause: 'destination-unreachable', names: 'no-such-host.invalid' });
    await check.ends(table, `${kind}, a destination whose name does not exist`);
  });
});

describe('destinations', () => {
  it.runIf(canCreateNetworkNamespace())('that swallow everything are shown and told of when their time is over, and stay for nobody', { timeout: 150_000 }, async () => {
    await startServer();
    const destination = { host: await blackHole(), port: 5432 };
    await Promise.all((['relay', 'local'] as const).map(async (kind) => {
      const { host, port } = await leadTo(kind, destination);
      const check = await FaultCheck.begin(host);
      await outcomeOfDialling(port);
      check.happens();
      await check.shows({ phase: 'listening', cause: 'destination-unreachable', names: destination.host });
      await check.ends(table, `${kind}, a destination that is a black hole`, 'after its time');
    }));
  });

  it('that a client of a proxy does not reach say nothing of the proxy', async () => {
    await startServer();
    const { host, port } = await leadTo('dynamic', { host: 'nowhere', port: 0 });
    const check = await FaultCheck.begin(host);
    for (const destination of [{ host: '127.0.0.1', port: await findFreePort() }, { host: 'no-such-host.invalid', port: 80 }]) {
      await expect(dialSocks5(port, destination)).rejects.toThrow();
    }
    await check.heals();
    await check.ends(table, 'dynamic, clients that ask for what is not there');
  });
});
