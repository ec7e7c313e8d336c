import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { Socket } from 'node:net';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import { signalProcess } from '../support/processes.ts';
import { dial, serve, testBytes } from '../support/tcpPeers.ts';
import { killPlane } from './extensionHost.ts';
import { expect, test, type Own } from './fixtures.ts';
import { countInLog, firstBytesFrom, GREETING, SSH_HOST, startGreeter, startKeyHost, waitUntilFree } from './sshHost.ts';
import type { TreeRow } from './treeView.ts';
import type { Workbench } from './workbench.ts';

/** Within this time of what caused it, the tree is right. */
const PROMPTLY_MS = 2_000;

/** A sidebar in which a row can be read to its end, in pixels. */
const WIDE = 620;

const isForward = (row: TreeRow): boolean => row.label.includes(' → ');
const isListening = (row: TreeRow): boolean => isForward(row) && row.description.endsWith('listening') && row.icon === 'pass-filled';
const isListeningOn = (port: number) => (row: TreeRow): boolean => isListening(row) && row.label.startsWith(`${String(port)} `);
const isFailedWith = (summary: string) => (row: TreeRow): boolean => isForward(row) && row.description.includes(summary) && row.icon === 'error';
const complainsOf = (summary: string) => (row: TreeRow): boolean => isForward(row) && row.description.includes(`listening, ${summary}`) && row.icon === 'warning';

/** A program of its own that listens, and nothing of ours. */
async function startForeignListener(own: Own): Promise<{ port: number; pid: number; program: string }> {
  const port = await findFreePort();
  const child = own(spawn('socat', [`TCP4-LISTEN:${String(port)},bind=127.0.0.1,reuseaddr,fork`, 'PIPE'], { stdio: 'ignore' }), async (it) => {
    const exit = once(it, 'exit');
    if (it.pid !== undefined) signalProcess(it.pid, 'SIGKILL');
    await exit;
  });
  await eventually(async () => (await listenersOn(port)).length > 0);
  const pid = child.pid ?? 0;
  return { port, pid, program: basename(readlinkSync(`/proc/${String(pid)}/exe`)) };
}

/** How a connection ends, seen by the client: how much came before, and whether by a reset. */
async function howItEnds(socket: Socket): Promise<{ bytes: number; isReset: boolean }> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => { bytes += chunk.length; });
  const error = await new Promise<NodeJS.ErrnoException | null | undefined>((resolve) => {
    socket.once('error', resolve);
    // A reset right behind data comes as an end (libuv); writing nothing brings the system's own word to light.
    socket.once('end', () => socket.write(Buffer.alloc(0), resolve));
    socket.once('close', () => { resolve(undefined); });
  });
  socket.destroy();
  return { bytes, isReset: error?.code === 'ECONNRESET' };
}

/** Connects and sees the end; who resets may be quicker than the client. */
async function howConnectingEnds(port: number): Promise<{ bytes: number; isReset: boolean }> {
  try {
    return await howItEnds(await dial(port));
  } catch {
    return { bytes: 0, isReset: true };
  }
}

async function stopAll(workbench: Workbench, ...ports: readonly number[]): Promise<void> {
  await workbench.runCommand('Culvert: Stop All');
  for (const port of ports) await waitUntilFree(port);
  await workbench.forwards.waitForRows((rows) => rows.filter(isForward).every(({ description }) => description.endsWith('stopped')), PROMPTLY_MS);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(workbench.problems()).toEqual([]);
}

test('a port that a program holds: its name and pid, and another port at a click', async ({ workbench, own }) => {
  const { port, pid, program } = await startForeignListener(own);
  const greeter = await startGreeter(own);
  await workbench.openCulvert();
  await workbench.setSidebarWidth(WIDE);
  await workbench.forward(`${String(port)}:127.0.0.1:${String(greeter.port)}`);
  const { message, buttons, severity } = await workbench.notifications.waitFor('in use');
  await workbench.forwards.waitForRow(isFailedWith(`port in use by ${program}`), PROMPTLY_MS);
  expect(message).toContain(`Port ${String(port)} on this computer is in use by ${program} (pid ${String(pid)}). Stop it, or listen on another port.`);
  expect(severity).toBe('error');
  expect((await workbench.statusBar.waitForCulvert('1 failed')).hasWarningBackground).toBe(true);
  await workbench.screenshot('failed-forward');
  expect(await firstBytesOfEcho(port)).toBe('still mine');

  const offer = buttons.find((button) => /^Use Port \d+$/.test(button)) ?? '';
  const offered = Number(offer.replace('Use Port ', ''));
  await workbench.notifications.press('in use', offer);
  await workbench.forwards.waitForRow(isListeningOn(offered));
  expect(await firstBytesFrom(offered)).toBe(GREETING);
  expect((await workbench.forwards.rows()).filter(isForward)).toHaveLength(1);
  await stopAll(workbench, offered);
});

/** The foreign listener echoes: it was not disturbed. */
async function firstBytesOfEcho(port: number): Promise<string> {
  const socket = await dial(port);
  socket.write('still mine');
  const [chunk] = await once(socket, 'data') as [Buffer];
  socket.destroy();
  return chunk.toString();
}

test('a port that another forward holds: the message names it', async ({ workbench, own }) => {
  const one = await startGreeter(own);
  const other = await startGreeter(own);
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(one.port)}`);
  await workbench.forwards.waitForRow(isListeningOn(port));
  await workbench.forward(`${String(port)}:127.0.0.1:${String(other.port)}`);
  const { message, buttons } = await workbench.notifications.waitFor('in use');
  await workbench.forwards.waitForRow(isFailedWith(`port in use by your forward ${String(port)} → 127.0.0.1:${String(one.port)}`), PROMPTLY_MS);
  expect(message).toContain(`in use by your forward ${String(port)} → 127.0.0.1:${String(one.port)}.`);
  expect(await firstBytesFrom(port)).toBe(GREETING);

  const offer = buttons.find((button) => button.startsWith('Use Port')) ?? '';
  const offered = Number(offer.replace('Use Port ', ''));
  await workbench.notifications.press('in use', offer);
  await workbench.forwards.waitForRow(isListeningOn(offered));
  await workbench.forwards.waitForRow(isListeningOn(port));
  expect(await firstBytesFrom(offered)).toBe(GREETING);
  expect([one.accepted(), other.accepted()]).toEqual([1, 1]);
  await stopAll(workbench, port, offered);
});

test('port 80 as a normal user: reserved, with a port that works at a click', async ({ workbench, own }) => {
  const greeter = await startGreeter(own);
  await workbench.openCulvert();
  await workbench.forward(`80:127.0.0.1:${String(greeter.port)}`);
  const { message, buttons } = await workbench.notifications.waitFor('reserves ports');
  await workbench.forwards.waitForRow(isFailedWith('ports below 1024 are reserved'), PROMPTLY_MS);
  expect(message).toMatch(/This system reserves ports below 1024 for administrators, so Culvert may not listen on 80\. Listen on \d+ instead/);
  const offer = buttons.find((button) => button.startsWith('Use Port')) ?? '';
  const offered = Number(offer.replace('Use Port ', ''));
  expect(message).toContain(`Listen on ${String(offered)} instead`);
  expect(offered).toBeGreaterThanOrEqual(8080);
  await workbench.screenshot('reserved-port');
  await workbench.notifications.press('reserves ports', offer);
  await workbench.forwards.waitForRow(isListeningOn(offered));
  expect(await firstBytesFrom(offered)).toBe(GREETING);
  await stopAll(workbench, offered);
});

test('an SSH server that does not exist', async ({ workbench }) => {
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:localhost:80 me@no-such-host.invalid`);
  const { message, buttons } = await workbench.notifications.waitFor('No address was found');
  await workbench.forwards.waitForRow(isFailedWith('server not found'), PROMPTLY_MS);
  expect(message).toContain('No address was found for the SSH server no-such-host.invalid. Check its name, and that this computer is online.');
  expect(buttons).toContain('Edit…');
  await waitUntilFree(port);
  await workbench.vsCode.waitUntilNothingIsOpen();
  expect(workbench.problems()).toEqual([]);
});

test('an SSH server that refuses connections, and comes', async ({ workbench, own }) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'vault' });
  const greeter = await startGreeter(own);
  await sshd.kill();
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(greeter.port)} vault`);
  const { message } = await workbench.notifications.waitFor('refused the connection');
  await workbench.forwards.waitForRow(isFailedWith('server refuses connections'), PROMPTLY_MS);
  expect(message).toContain(`vault (${SSH_HOST}:${String(sshd.port)}) refused the connection`);
  await waitUntilFree(port);
  await sshd.restart();
  await workbench.notifications.press('refused the connection', 'Start Again');
  await workbench.forwards.waitForRow(isListening);
  expect(await firstBytesFrom(port)).toBe(GREETING);
  await stopAll(workbench, port);
});

test('a server that forbids forwarding: the row says so, the client sees an end', async ({ workbench, own }) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'vault', extraConfig: ['AllowTcpForwarding no'] });
  const greeter = await startGreeter(own);
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:127.0.0.1:${String(greeter.port)} vault`);
  await workbench.forwards.waitForRow(isListening);
  const ended = await howConnectingEnds(port);
  const row = await workbench.forwards.waitForRow(complainsOf('server forbids forwarding'), PROMPTLY_MS);
  expect(ended.bytes).toBe(0);
  await workbench.forwards.waitForRow((candidate) => candidate.label === 'CLOSED' && candidate.description.includes('the server forbids it'), PROMPTLY_MS);
  await workbench.screenshot('forwarding-prohibited');
  expect(row.ariaLabel).toContain('server forbids forwarding');
  expect(await workbench.forwards.tooltip(isForward)).toContain('let you in but forbids this forward');
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
  expect(greeter.accepted()).toBe(0);
  expect(sshd.isRunning).toBe(true);
  await stopAll(workbench, port);
});

for (const kind of ['tunnel', 'relay'] as const) {
  test(`a destination that refuses (${kind}): the row complains at once, and no more after a success`, async ({ workbench, own }) => {
    if (kind === 'tunnel') await startKeyHost(workbench.vsCode, own, { alias: 'vault' });
    const port = await findFreePort();
    const there = await findFreePort();
    await workbench.openCulvert();
    await workbench.forward(`${String(port)}:127.0.0.1:${String(there)}${kind === 'tunnel' ? ' vault' : ''}`);
    await workbench.forwards.waitForRow(isListening);
    const { bytes } = await howConnectingEnds(port);
    await workbench.forwards.waitForRow(complainsOf('destination refuses'), PROMPTLY_MS);
    expect(bytes).toBe(0);
    await workbench.screenshot(`destination-refuses-${kind}`);
    expect(await workbench.forwards.tooltip(isForward)).toContain(`127.0.0.1:${String(there)}`);
    await expect.poll(() => workbench.notifications.read()).toEqual([]);

    await startGreeter(own, there);
    expect(await firstBytesFrom(port)).toBe(GREETING);
    await workbench.forwards.waitForRow(isListening, PROMPTLY_MS);
    await stopAll(workbench, port);
  });
}

test('sshd dies in mid-transfer and comes back: clients are cut, the port stays, and it works again by itself', async ({ workbench, own }) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'vault' });
  // Sends without end, so that the transfer is under way whenever the server dies.
  const source = own(await serve((socket) => {
    const block = testBytes(1_000_000);
    const send = (): void => { while (socket.writable && socket.write(block)); };
    socket.on('drain', send);
    send();
  }), (it) => it.close());
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.setSidebarWidth(WIDE);
  await workbench.forward(`${String(port)}:127.0.0.1:${String(source.port)} vault`);
  await workbench.forwards.waitForRow(isListening);
  const bound = await listenersOn(port);
  const client = await dial(port);
  const ended = howItEnds(client);
  await eventually(() => client.bytesRead > 5_000_000);
  await workbench.forwards.waitForRow(/1 connection/);

  await sshd.kill();
  // What it says is the latest: lost, or after the first try that the server refuses.
  await workbench.forwards.waitForRow((row) => isForward(row) && /retrying in \d+ s, (?:down for \d+ s: )?(?:connection lost|server refuses connections)/.test(row.description) && row.icon === 'sync', PROMPTLY_MS);
  expect((await ended).isReset).toBe(true);
  expect((await workbench.statusBar.waitForCulvert('1 on the way')).hasErrorBackground).toBe(false);
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('the SSH connection was lost'));
  await workbench.screenshot('retrying-forward');
  const waiting = await dial(port);
  const parked = once(waiting, 'data');
  await workbench.forwards.waitForRow((row) => row.label === 'PARKED', PROMPTLY_MS);

  await sshd.restart();
  await workbench.forwards.waitForRow((row) => isForward(row) && row.icon === 'pass-filled', 60_000);
  // Who came meanwhile is served by now.
  await parked;
  waiting.destroy();
  // The very same sockets: the port was never given up.
  expect(await listenersOn(port)).toEqual(bound);
  const again = await dial(port);
  await eventually(() => { again.resume(); return again.bytesRead > 5_000_000; });
  again.destroy();
  expect(countInLog(sshd, 'Accepted publickey')).toBe(2);
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
  await stopAll(workbench, port);
});

test('the worker thread dies: it is started again, and the forwards come back', async ({ workbench, own }) => {
  const sshd = await startKeyHost(workbench.vsCode, own, { alias: 'vault' });
  const greeter = await startGreeter(own);
  const [tunnel, relay] = [await findFreePort(), await findFreePort()];
  await workbench.openCulvert();
  await workbench.forward(`${String(tunnel)}:127.0.0.1:${String(greeter.port)} vault`);
  await workbench.forwards.waitForRow(isListeningOn(tunnel));
  await workbench.forward(`${String(relay)}:127.0.0.1:${String(greeter.port)}`);
  await workbench.forwards.waitForRow(isListeningOn(relay));
  const clients = [await dial(tunnel), await dial(relay)];
  const ends = clients.map(howItEnds);
  await workbench.forwards.waitForRows((rows) => rows.filter((row) => isForward(row) && row.description.endsWith('1 connection')).length === 2);

  const pids = workbench.vsCode.extensionHostPids();
  // Watched from before: it is over within a second.
  const seen = workbench.forwards.waitForRow((row) => row.description.includes('starting again') && row.icon === 'sync', 30_000);
  await killPlane(workbench, pids[0] ?? 0);
  const killed = performance.now();
  await seen;
  expect(performance.now() - killed).toBeLessThan(PROMPTLY_MS);
  await Promise.all(ends);
  await workbench.forwards.waitForRow(isListeningOn(tunnel));
  await workbench.forwards.waitForRow(isListeningOn(relay));
  expect(workbench.vsCode.extensionHostPids()).toEqual(pids);
  for (const port of [tunnel, relay]) expect(await firstBytesFrom(port)).toBe(GREETING);
  expect(countInLog(sshd, 'Accepted publickey')).toBe(2);
  await expect.poll(() => workbench.notifications.read()).toEqual([]);
  await stopAll(workbench, tunnel, relay);
});
