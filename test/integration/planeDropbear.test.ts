import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { Dropbear } from '../support/dropbear.ts';
import { eventually } from '../support/eventually.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { fixed, here, onServer } from '../support/poles.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { descendantsOf } from '../support/processes.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, outcome, outcomeOfDialling, readAll, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { canCreateTestUser } from '../support/testUser.ts';
import { TRANSFERS, type Through } from '../support/transfers.ts';

/** Dropbear has users of the system alone, so these tests need to make one. */
describe.runIf(canCreateTestUser())('over Dropbear', () => {
  let folder: TemporaryFolder;
  let key: SshKeyFile;
  let dropbear: Dropbear;
  let plane: PlaneClient;
  let echo: TestServer;

  beforeAll(async () => {
    folder = await createTemporaryFolder('key');
    key = await createSshKey(folder.join('id'));
    dropbear = await Dropbear.start([key.publicKey]);
    plane = await PlaneClient.start(trusting(dropbear));
    echo = await serve((socket) => { socket.pipe(socket); });
  });

  afterAll(async () => {
    try {
      await plane.close();
    } finally {
      await dropbear.stop();
      await echo.close();
      await folder.remove();
    }
  });

  afterEach(() => { plane.answers = trusting(dropbear); });

  function hop(overrides: Partial<SshHop> = {}): SshHop {
    return hopTo(dropbear, { identities: [identityOf(key)], ...overrides });
  }

  function begin(overrides: Partial<SshHop> = {}, after?: StartedForward): Promise<StartedForward> {
    const run = after === undefined ? {} : { id: after.id, generation: after.generation + 1 };
    return plane.begin({ connect: fixed({ host: echo.host, port: echo.port }), listen: here({ host: '127.0.0.1', port: 0 }), target: targetOf(hop(overrides)), ...run });
  }

  async function echoThrough(port: number): Promise<string> {
    const client = await dial(port);
    client.end('hello');
    return (await readAll(client)).toString();
  }

  describe('a connection', () => {
    const through: Through = async (handle, test) => {
      const server = await serve(handle);
      const { forward, port } = await plane.forward(server, targetOf(hop()));
      try {
        await test(() => dial(port), server.sockets);
      } finally {
        await plane.stop(forward);
        await server.close();
      }
    };

    it.each(TRANSFERS)('$name', ({ run }) => run(through));
  });

  it('a password lets in', async () => {
    plane.answers = { ...plane.answers, needSecret: async () => ({ isCancelled: false, answers: [dropbear.user.password] }) };
    const forward = await begin({ identities: [] });
    await plane.untilUp(forward);
    expect(await echoThrough(plane.boundOf(forward).addresses[0]!.port)).toBe('hello');
    await plane.stop(forward);
    expect(dropbear.logText()).toContain(`Password auth succeeded for '${dropbear.userName}'`);
    await eventually(() => descendantsOf(dropbear.pid).length === 0);
  });

  it('a wrong password is refused, and said', async () => {
    plane.answers = { ...plane.answers, needSecret: async () => ({ isCancelled: false, answers: ['wrong'] }) };
    const forward = await begin({ identities: [], numberOfPasswordPrompts: 1 });
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'auth-failed', context: { tried: ['password'], user: dropbear.userName } });
    await plane.stop(forward);
  });

  it('a host key that is not trusted ends it before a login', async () => {
    const asked = plane.questions.length;
    plane.answers = { ...plane.answers, verifyHostKey: async () => ({ isAccepted: false, failure: { code: 'host-key-mismatch', detail: 'another key', context: {} } }) };
    const logged = dropbear.logText().length;
    const forward = await begin();
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'host-key-mismatch' });
    await plane.stop(forward);
    expect(plane.questions.slice(asked)).toMatchObject([{ params: { keyType: 'ssh-ed25519', key: dropbear.hostKeys[0]!.publicKey.split(' ')[1] } }]);
    await eventually(() => dropbear.logText().slice(logged).includes('Exit before auth'));
    expect(dropbear.logText().slice(logged)).not.toMatch(/auth succeeded|Bad password/);
  });

  it('a server that is killed resets its clients, and serves again when it is back', async () => {
    const forward = await begin();
    await plane.untilUp(forward);
    const { port } = plane.boundOf(forward).addresses[0]!;
    const client = await dial(port);
    client.write('x');
    await once(client, 'data');
    const seen = outcome(client);
    await dropbear.kill();
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'connection-lost', context: { hop: 'test-server' } });
    expect(await seen).toBe('reset');
    await dropbear.restart();
    const again = await begin({}, forward);
    await plane.untilUp(again);
    expect(await echoThrough(port)).toBe('hello');
    await plane.stop(again);
    await eventually(() => descendantsOf(dropbear.pid).length === 0);
  });

  it('a server that knows no sockets is said not to', async () => {
    const path = folder.join('a.sock');
    const remote = await plane.begin({ connect: fixed(echo), listen: onServer({ path }), target: targetOf(hop()) });
    expect((await plane.untilLost(remote)).failure).toMatchObject({ code: 'remote-bind-refused', context: { path } });
    await plane.stop(remote);
    const local = await plane.begin({ connect: fixed({ path }), listen: here({ host: '127.0.0.1', port: 0 }), target: targetOf(hop()) });
    await plane.untilUp(local);
    expect(await outcomeOfDialling(plane.boundOf(local).addresses[0]!.port)).toBe('reset');
    expect(await plane.untilComplaint(local)).toMatchObject({ code: 'destination-unreachable', detail: `${path}: the server cannot connect to sockets`, context: { path } });
    await plane.stop(local);
  });

  it('a server that forbids forwarding (-j) is said to, for each connection', async () => {
    await dropbear.restart(['-j']);
    const forward = await begin();
    await plane.untilUp(forward);
    expect(await outcomeOfDialling(plane.boundOf(forward).addresses[0]!.port)).toBe('reset');
    expect(await plane.untilComplaint(forward)).toMatchObject({ code: 'forwarding-prohibited' });
    await plane.stop(forward);
    await dropbear.restart();
  });
});
