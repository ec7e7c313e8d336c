import { test } from '@playwright/test';
import { eventually } from '../support/eventually.ts';
import { listenersOn } from '../support/listeners.ts';
import { descendantsOf } from '../support/processes.ts';
import { createSshKey, knownHostsLine } from '../support/sshKeys.ts';
import { Sshd, type SshdOptions } from '../support/sshd.ts';
import { dial, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTestUser, type TestUser } from '../support/testUser.ts';
import type { Own } from './fixtures.ts';
import type { VsCode } from './vsCode.ts';

/** The address of the SSH server of a test: this machine, and not where forwards listen. */
export const SSH_HOST = '127.0.0.22';

export interface SshHostOptions extends SshdOptions {
  /** What ssh_config calls it. */
  readonly alias: string;
  readonly user?: string;
  /** More lines for the host in ssh_config. */
  readonly sshConfig?: readonly string[];
  /** Whether known_hosts has its key; it does unless told otherwise. */
  readonly isKnown?: boolean;
}

/** A real sshd on this machine that ssh_config knows by an alias, and known_hosts by its key. */
export async function startSshHost(vsCode: VsCode, own: Own, options: SshHostOptions): Promise<Sshd> {
  const sshd = own(await Sshd.start({ host: SSH_HOST, ...options }), async (it) => {
    await test.info().attach('sshd', { body: it.logText(), contentType: 'text/plain' });
    await it.stop();
  });
  const lines = [`HostName ${sshd.host}`, `Port ${String(sshd.port)}`, `User ${options.user ?? sshd.userName}`, ...(options.sshConfig ?? [])];
  await vsCode.writeSshFile('config', `Host ${options.alias}\n${lines.map((line) => `  ${line}\n`).join('')}`);
  if (options.isKnown !== false) await vsCode.writeSshFile('known_hosts', knownHostsLine(sshd.host, sshd.port, sshd.hostKey));
  return sshd;
}

/** One that lets the user of the tests in with a key, without a question. */
export async function startKeyHost(vsCode: VsCode, own: Own, options: SshHostOptions): Promise<Sshd> {
  const key = await createSshKey(`${vsCode.sshFolder}/id_test`);
  return startSshHost(vsCode, own, { authorizedKeys: [key.publicKey], ...options, sshConfig: [`IdentityFile ${key.path}`, ...(options.sshConfig ?? [])] });
}

/** One that asks a real user for a password, as ssh's `password` method or in the server's own words. */
export async function startPasswordHost(
  vsCode: VsCode, own: Own, method: 'password' | 'keyboard-interactive', options: SshHostOptions,
): Promise<{ sshd: Sshd; user: TestUser }> {
  const user = own(await createTestUser(), (it) => it.remove());
  const other = method === 'password' ? 'KbdInteractiveAuthentication no' : 'PasswordAuthentication no';
  const sshd = await startSshHost(vsCode, own, { allowsPasswords: true, user: user.name, ...options, extraConfig: [other, ...(options.extraConfig ?? [])] });
  return { sshd, user };
}

export const GREETING = 'hello from behind the tunnel';

/** A server that greets whoever connects, and answers with the same bytes. */
export async function startGreeter(own: Own, port = 0, host = '127.0.0.1'): Promise<TestServer> {
  const server = await serve((socket) => {
    socket.write(GREETING);
    socket.pipe(socket);
  }, port, host);
  return own(server, (it) => it.close());
}

/** Connects to a local port and gives the first bytes that come, or an empty text when the connection ends before. */
export async function firstBytesFrom(port: number): Promise<string> {
  const socket = await dial(port);
  try {
    return await new Promise((resolve) => {
      socket.once('data', (chunk: Buffer) => { resolve(chunk.toString()); });
      socket.once('close', () => { resolve(''); });
      socket.once('end', () => { resolve(''); });
    });
  } finally {
    socket.destroy();
  }
}

/** Waits until nothing listens on the port. */
export async function waitUntilFree(port: number, deadlineMs = 15_000): Promise<void> {
  await eventually(async () => (await listenersOn(port)).length === 0, { deadlineMs, explain: async () => JSON.stringify(await listenersOn(port)) });
}

/** Waits until the server has no client left. */
export async function waitUntilDeserted(sshd: Sshd, deadlineMs = 15_000): Promise<void> {
  await eventually(() => descendantsOf(sshd.pid).length === 0, { deadlineMs, explain: () => sshd.logText() });
}

/** How often a text is in the server's log. */
export function countInLog(sshd: Sshd, text: string | RegExp): number {
  return sshd.logText().split('\n').filter((line) => (typeof text === 'string' ? line.includes(text) : text.test(line))).length;
}
