import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ForwardDefinition } from '../../src/core/forward.ts';
import { failureOf, STOPPED } from '../../src/core/forwardState.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { dial, dialPath, outcomeOfDialling, readAll, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { WindowProcess } from '../support/windowProcess.ts';

const ROUNDS = 50;
/** A round is mostly waiting for what the other window says. */
const ROUNDS_AT_ONCE = 5;

const table = new MeasuredTable('several windows');

let folder: TemporaryFolder;
let echo: TestServer;
let opened: WindowProcess[];

beforeEach(async () => {
  folder = await createTemporaryFolder('windows');
  echo = await serve((socket) => { socket.pipe(socket); });
  opened = [];
});

afterEach(async () => {
  await Promise.all(opened.map((window) => window.kill()));
  await echo.close();
  await folder.remove();
});

async function open(): Promise<WindowProcess> {
  const window = await WindowProcess.open(folder.path);
  opened.push(window);
  return window;
}

function relayAt(port: number, id = 'a'): ForwardDefinition {
  return { id, name: '', autoStart: true, origin: 'user', spec: { kind: 'relay', listen: { host: 'localhost', port }, connect: { host: '127.0.0.1', port: echo.port } } };
}

async function expectServed(port: number): Promise<void> {
  const client = await dial(port);
  client.end('hello');
  expect((await readAll(client)).toString()).toBe('hello');
}

/** The one that runs it, once each of them knows whether that is itself; none has failed on the way. */
async function ownerOf(windows: readonly WindowProcess[], id = 'a'): Promise<WindowProcess> {
  const phases = async (): Promise<(string | undefined)[]> => Promise.all(windows.map(async (window) => (await window.stateOf(id))?.phase));
  let seen: (string | undefined)[] = [];
  await eventually(async () => {
    seen = await phases();
    return seen.filter((phase) => phase === 'listening').length === 1 && seen.filter((phase) => phase === 'elsewhere').length === windows.length - 1;
  }, { explain: () => JSON.stringify(seen) });
  for (const window of windows) expect(await window.phasesOf(id)).not.toContain('failed');
  return windows[seen.indexOf('listening')]!;
}

describe('two windows', () => {
  it('show what runs in the other, with its connections, and start nothing that runs there', async () => {
    const port = await findFreePort();
    const first = await open();
    await first.start(relayAt(port, 'here'));
    await first.until('here', 'listening');
    const second = await open();
    await second.ask({ kind: 'look' });
    // By its notation: the id is each window's own.
    await second.start(relayAt(port, 'there'));
    await second.untilElsewhere('there', { phase: 'listening' });
    expect(await second.phasesOf('there')).toEqual(['elsewhere']);
    const clients = [await dial(port), await dial(port)];
    await second.untilElsewhere('there', { phase: 'listening', openConnections: 2 });
    for (const client of clients) client.destroy();
    await second.untilElsewhere('there', { phase: 'listening', openConnections: 0 });
    await first.ask({ kind: 'stop', id: 'here' });
    await second.until('there', 'stopped');
  });

  it(`that start the same at once have exactly one owner, ${String(ROUNDS)} times`, async () => {
    const windows = [await open(), await open()];
    const wins = [0, 0];
    let races = 0;
    const play = async (round: number): Promise<void> => {
      const id = `round-${String(round)}`;
      const port = await findFreePort();
      await Promise.all(windows.map((window) => window.start(relayAt(port, id))));
      const owner = await ownerOf(windows, id);
      expect((await listenersOn(port)).filter(({ address }) => address.startsWith('127.0.0.1'))).toHaveLength(1);
      wins[windows.indexOf(owner)]! += 1;
      expect(await Promise.all(windows.map((window) => window.askedFor(id)))).toEqual(windows.map((window) => (window === owner ? 1 : 0)));
      const tries = await Promise.all(windows.map(async (window) => (await window.phasesOf(id)).includes('starting')));
      if (tries.every(Boolean)) races += 1;
      await owner.ask({ kind: 'stop', id });
      await Promise.all(windows.map((window) => window.until(id, 'stopped')));
    };
    for (let round = 0; round < ROUNDS; round += ROUNDS_AT_ONCE) await Promise.all(Array.from({ length: ROUNDS_AT_ONCE }, (_, index) => play(round + index)));
    table.add(`the same started in two windows, ${String(ROUNDS)} times`, `one owner each time (${wins.join(' and ')}), which alone asked; both had begun ${String(races)} times`);
  });

  it('that open at once and start by themselves have one owner', async () => {
    const port = await findFreePort();
    const windows = await Promise.all([open(), open()]);
    await Promise.all(windows.map((window) => window.start(relayAt(port))));
    await ownerOf(windows);
    await expectServed(port);
  });

  it('show what is wrong in the other, and have it started anew there', async () => {
    const port = await findFreePort();
    const [first, second] = [await open(), await open()];
    const destination = await findFreePort();
    const definition: ForwardDefinition = { ...relayAt(port), spec: { kind: 'relay', listen: { host: 'localhost', port }, connect: { host: '127.0.0.1', port: destination } } };
    await first.start(definition);
    await first.until('a', 'listening');
    await second.ask({ kind: 'put', definition });
    await second.untilElsewhere('a', { phase: 'listening' });
    const failureThere = async (): Promise<string | undefined> => failureOf((await second.stateOf('a')) ?? STOPPED)?.code;
    expect(await failureThere()).toBeUndefined();
    await outcomeOfDialling(port);
    await eventually(async () => (await failureThere()) === 'destination-refused');
    expect(await second.ask({ kind: 'restart-there', id: 'a' })).toEqual({ isAnswered: true });
    await eventually(async () => (await failureThere()) === undefined && (await second.stateOf('a'))?.phase === 'elsewhere');
    await eventually(async () => (await first.phasesOf('a')).join(' ') === 'starting listening stopping stopped starting listening');
    expect(await second.phasesOf('a')).not.toContain('starting');
  });

  it('show why it failed in the other, and start it here if wanted', async () => {
    const port = await findFreePort();
    const blocker = await serve(() => undefined, port);
    const definition: ForwardDefinition = { ...relayAt(port), spec: { kind: 'relay', listen: { host: '127.0.0.1', port }, connect: { host: '127.0.0.1', port: echo.port } } };
    const [first, second, third] = [await open(), await open(), await open()];
    await first.start(definition);
    await first.until('a', 'failed');
    for (const window of [second, third]) {
      await window.ask({ kind: 'put', definition });
      await window.untilElsewhere('a', { phase: 'failed' });
    }
    expect(failureOf((await second.stateOf('a')) ?? STOPPED)?.code).toBe('address-in-use');
    await blocker.close();
    await second.ask({ kind: 'start', id: 'a' });
    await second.until('a', 'listening');
    for (const window of [first, third]) await window.untilElsewhere('a', { phase: 'listening' });
    await second.ask({ kind: 'stop', id: 'a' });
    for (const window of [first, second, third]) await window.until('a', 'stopped');
  });

  it('leave each other what listens on any free port', async () => {
    const windows = [await open(), await open()];
    for (const window of windows) {
      await window.start(relayAt(0));
      await window.until('a', 'listening');
    }
  });

  it('stop what runs in the other, and it stays stopped', async () => {
    const port = await findFreePort();
    const windows = [await open(), await open()];
    for (const window of windows) await window.start(relayAt(port));
    const owner = await ownerOf(windows);
    const other = windows.find((window) => window !== owner)!;
    expect(await other.ask({ kind: 'stop-there', id: 'a' })).toEqual({ isAnswered: true });
    for (const window of windows) await window.until('a', 'stopped');
    await owner.close();
    expect((await other.stateOf('a'))?.phase).toBe('stopped');
    // Stopped everywhere, it starts where that is asked for.
    await other.start(relayAt(port));
    await other.until('a', 'listening');
  });

  it('take over from each other, and back when the taker closes', async () => {
    const port = await findFreePort();
    const windows = [await open(), await open(), await open()];
    for (const window of windows) await window.start(relayAt(port));
    const owner = await ownerOf(windows);
    const [taker] = windows.filter((window) => window !== owner) as [WindowProcess];
    await taker.ask({ kind: 'take-over', id: 'a' });
    await eventually(async () => (await ownerOf(windows)) === taker);
    await expectServed(port);
    await taker.close();
    await ownerOf(windows.filter((window) => window !== taker));
    await expectServed(port);
  });
});

describe('when the owner goes', () => {
  it.each(['close', 'kill'] as const)('exactly one that wanted the forward takes over, within 2 s: %s', async (how) => {
    const port = await findFreePort();
    const owner = await open();
    await owner.start(relayAt(port));
    await owner.until('a', 'listening');
    const heirs = [await open(), await open(), await open()];
    const indifferent = await open();
    for (const heir of heirs) await heir.start(relayAt(port));
    await indifferent.ask({ kind: 'put', definition: relayAt(port) });
    for (const window of [...heirs, indifferent]) await window.untilElsewhere('a', { phase: 'listening' });
    const client = await dial(port);
    client.on('error', () => undefined);
    await owner[how]();
    const goneAt = performance.now();
    const served = eventually(() => expectServed(port).then(() => performance.now() - goneAt), { deadlineMs: 10_000, intervalMs: 5 });
    const tookMs = await served;
    await ownerOf([...heirs, indifferent]);
    expect(await indifferent.phasesOf('a')).not.toContain('starting');
    table.add(`the owner goes (${how}), three wait`, `served again after ${tookMs.toFixed(0)} ms`);
  });

  it('one that was killed leaves a Unix socket, which is cleared away and taken over', async () => {
    const path = folder.join('forward.sock');
    const spec: ForwardDefinition['spec'] = { kind: 'relay', listen: { path }, connect: { host: '127.0.0.1', port: echo.port } };
    const windows = [await open(), await open(), await open()];
    for (const window of windows) await window.start({ ...relayAt(0), spec });
    const owner = await ownerOf(windows);
    await owner.kill();
    const goneAt = performance.now();
    await ownerOf(windows.filter((window) => window !== owner));
    table.add('the owner of a Unix socket is killed, two wait', `owned again after ${(performance.now() - goneAt).toFixed(0)} ms`);
    const client = await dialPath(path);
    client.end('hello');
    expect((await readAll(client)).toString()).toBe('hello');
  });

  it('its socket goes, too', async () => {
    const first = await open();
    const second = await open();
    expect((await readdir(folder.path)).sort()).toEqual([String(first.pid), String(second.pid)].sort());
    await first.kill();
    await eventually(() => !existsSync(folder.join(String(first.pid))));
    await second.close();
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('a window that hangs', () => {
  it('still has what it had, holds nobody up, and is said not to answer', async () => {
    const port = await findFreePort();
    const hung = await open();
    await hung.start(relayAt(port));
    await hung.until('a', 'listening');
    const second = await open();
    await second.start(relayAt(port));
    await second.untilElsewhere('a', { phase: 'listening' });
    hung.signal('SIGSTOP');
    expect(await second.ask({ kind: 'stop-there', id: 'a' })).toEqual({ isAnswered: false });
    expect((await second.stateOf('a'))?.phase).toBe('elsewhere');
    // One that never hears of it does its own work all the same.
    const third = await open();
    const other = await findFreePort();
    await third.start(relayAt(other, 'b'));
    await third.until('b', 'listening');
    await expectServed(other);
    await second.ask({ kind: 'put', definition: relayAt(other, 'b') });
    await second.untilElsewhere('b', { phase: 'listening' });
    // What that one runs it cannot know, but whose port it is.
    await third.start(relayAt(port));
    await eventually(async () => failureOf((await third.stateOf('a')) ?? STOPPED)?.code === 'running-elsewhere', { explain: async () => JSON.stringify(await third.stateOf('a')) });
    await third.ask({ kind: 'stop', id: 'a' });
    hung.signal('SIGCONT');
    await second.until('a', 'stopped');
  });
});
