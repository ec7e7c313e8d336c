import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { dialFirstHop } from '../../src/plane/ssh/firstHop.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { findFreePort } from '../support/freePort.ts';
import { eventually } from '../support/eventually.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { fixed, here } from '../support/poles.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, readAll, serve } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

let folder: TemporaryFolder;
let key: SshKeyFile;
let sshd: Sshd;
let plane: PlaneClient;
/** How long the server's log was when the test began. */
let logged = 0;

beforeAll(async () => {
  folder = await createTemporaryFolder('options');
  key = await createSshKey(folder.join('id'));
  sshd = await Sshd.start({ authorizedKeys: [key.publicKey], hostKeyTypes: ['ed25519', 'ecdsa', 'rsa'], extraConfig: ['LogLevel DEBUG1', 'Compression yes', 'Ciphers +aes128-cbc'] });
});
afterAll(async () => {
  await sshd.stop();
  await folder.remove();
});
beforeEach(async () => {
  logged = sshd.logText().length;
  plane = await PlaneClient.start(trusting(sshd));
});
afterEach(() => plane.close());

const hop = (overrides: Partial<SshHop>): SshHop => hopTo(sshd, { identities: [identityOf(key)], ...overrides });

const serverLog = (): string => sshd.logText().slice(logged);

/** What the server says was agreed on: `kex: server->client cipher: … MAC: … compression: …`. */
function agreed(): string {
  const lines = serverLog().split('\n').filter((line) => /kex: (?:algorithm|host key algorithm|client->server)/.test(line));
  return lines.map((line) => line.replace(/^.*kex: /, '').replace(' [preauth]', '').trim()).join('; ');
}

describe('algorithms of the hop', () => {
  it.each<[string, Partial<SshHop>, string]>([
    ['ours without a wish', {}, 'algorithm: curve25519-sha256@libssh.org; host key algorithm: ssh-ed25519; client->server cipher: aes128-gcm@openssh.com MAC: <implicit> compression: none'],
    [
      'those asked for, in their order',
      { keyExchanges: ['ecdh-sha2-nistp384', 'curve25519-sha256'], ciphers: ['aes256-ctr', 'aes128-gcm@openssh.com'], macs: ['hmac-sha2-512', 'hmac-sha2-256'], hostKeyAlgorithms: ['rsa-sha2-256', 'ssh-ed25519'] },
      'algorithm: ecdh-sha2-nistp384; host key algorithm: rsa-sha2-256; client->server cipher: aes256-ctr MAC: hmac-sha2-512 compression: none',
    ],
    [
      'outdated ones where they are asked for',
      { keyExchanges: ['diffie-hellman-group14-sha256'], ciphers: ['aes128-cbc'], macs: ['hmac-sha1-etm@openssh.com'], hostKeyAlgorithms: ['ecdsa-sha2-nistp256'] },
      'algorithm: diffie-hellman-group14-sha256; host key algorithm: ecdsa-sha2-nistp256; client->server cipher: aes128-cbc MAC: hmac-sha1-etm@openssh.com compression: none',
    ],
    ['compression', { isCompressed: true }, 'algorithm: curve25519-sha256@libssh.org; host key algorithm: ssh-ed25519; client->server cipher: aes128-gcm@openssh.com MAC: <implicit> compression: zlib@openssh.com'],
  ])('are %s, and data passes unharmed', async (_, overrides, expected) => {
    const echo = await serve((socket) => { socket.pipe(socket); });
    const { forward, port } = await plane.forward(echo, targetOf(hop(overrides)));
    expect(agreed()).toBe(expected);
    const sent = Buffer.concat([randomBytes(1_000_000), Buffer.alloc(3_000_000, 'again and ')]);
    const socket = await dial(port);
    const received = readAll(socket);
    socket.end(sent);
    expect((await received).equals(sent)).toBe(true);
    await plane.stop(forward);
    await echo.close();
  });
});

describe('the way to the first hop', () => {
  const begin = async (overrides: Partial<SshHop>) => plane.begin({ connect: fixed({ host: '127.0.0.1', port: 9 }), listen: here({ host: '127.0.0.1', port: 0 }), target: targetOf(hop(overrides)) });

  it.each([4, 6] as const)('is of the IP version %i alone', async (addressFamily) => {
    const forward = await begin({ host: 'localhost', addressFamily });
    if (addressFamily === 4) await plane.untilUp(forward);
    // The server listens on 127.0.0.1: over IPv6 nobody is there, or localhost has no such address.
    else expect(['connect-refused', 'host-not-found', 'host-unreachable']).toContain((await plane.untilLost(forward)).failure.code);
  });

  it('is not looked for where the address is of the other version', async () => {
    const { failure } = await plane.untilLost(await begin({ addressFamily: 6 }));
    expect(failure).toMatchObject({ code: 'host-not-found', detail: expect.stringContaining('127.0.0.1 has no IPv6 address') as string });
  });

  it.each(['127.0.0.1', 'localhost'])('begins at the address that is asked for, to %s', async (host) => {
    await plane.untilUp(await begin({ host, bindAddress: '127.0.0.7' }));
    expect(serverLog()).toContain('Connection from 127.0.0.7 port');
  });

  it('is not gone from an address that this machine has not', async () => {
    const { failure } = await plane.untilLost(await begin({ bindAddress: '192.0.2.1' }));
    expect(failure.detail).toContain('192.0.2.1');
    expect(serverLog()).not.toContain('Connection from');
  });
});

describe('ConnectionAttempts', () => {
  const never = new AbortController().signal;

  async function refused(connectionAttempts: number): Promise<{ clock: FakeClock; port: number; dialling: Promise<unknown> }> {
    const clock = new FakeClock();
    const port = await findFreePort();
    const dialling = dialFirstHop({ ...hop({}), host: '127.0.0.1', port, connectionAttempts }, clock, never).catch((error: unknown) => error);
    // Between two attempts, nothing but the pause is left on the clock.
    await eventually(() => clock.nextInMs === 1_000);
    return { clock, port, dialling };
  }

  it('tries again after a second', async () => {
    const { clock, port, dialling } = await refused(2);
    const server = await serve((socket) => { socket.end(); }, port);
    clock.advance(1_000);
    expect(await dialling).toMatchObject({ remotePort: port });
    await server.close();
  });

  it('gives up after as many as were asked for', async () => {
    const { clock, dialling } = await refused(2);
    clock.advance(1_000);
    expect(await dialling).toMatchObject({ code: 'ECONNREFUSED' });
    expect(clock.pending).toBe(0);
  });

  it('does not ask again for a name without an address', async () => {
    const clock = new FakeClock();
    const nowhere = { ...hop({}), host: '127.0.0.1', addressFamily: 6 as const, connectionAttempts: 5 };
    await expect(dialFirstHop(nowhere, clock, never)).rejects.toMatchObject({ code: 'ENOTFOUND' });
  });

  it('ends at once when it is cancelled', async () => {
    const clock = new FakeClock();
    const controller = new AbortController();
    const dialling = dialFirstHop({ ...hop({}), host: '127.0.0.1', port: await findFreePort(), connectionAttempts: 5 }, clock, controller.signal);
    const outcome = expect(dialling).rejects.toThrow('enough');
    await eventually(() => clock.nextInMs === 1_000);
    controller.abort(new Error('enough'));
    await outcome;
    expect(clock.pending).toBe(0);
  });
});
