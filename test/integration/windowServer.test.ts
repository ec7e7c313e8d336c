import { existsSync } from 'node:fs';
import { chmod, stat, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { toFailure } from '../../src/core/failure.ts';
import { systemClock } from '../../src/system/clock.ts';
import { OtherWindows } from '../../src/windows/otherWindows.ts';
import { WindowLink } from '../../src/windows/windowLink.ts';
import { readReport, type WindowRun } from '../../src/windows/windowMessages.ts';
import { WindowServer } from '../../src/windows/windowServer.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const RUN: WindowRun = {
  id: 'a', text: '8080:far:80', traffic: { openConnections: 0, totalConnections: 0, bytesUp: 0, bytesDown: 0 },
  running: { phase: 'listening', generation: 1, since: 2, bound: { addresses: [{ host: '127.0.0.1', port: 8080 }] }, complaint: undefined },
};
const withOpen = (openConnections: number): WindowRun => ({ ...RUN, traffic: { ...RUN.traffic, openConnections } });

let folder: TemporaryFolder;
let clock: FakeClock;
let runs: readonly WindowRun[];
let server: WindowServer;
let client: Socket;
let lines: string[];

beforeEach(async () => {
  folder = await createTemporaryFolder('window-server');
  clock = new FakeClock();
  runs = [RUN];
  server = new WindowServer({ folder: folder.path, clock, report: () => runs });
  await server.start();
  lines = [];
  client = connect(folder.join(String(process.pid)));
  client.setEncoding('utf8');
  let text = '';
  client.on('data', (chunk: string) => {
    text += chunk;
    lines = text.split('\n').slice(0, -1);
  });
  client.on('error', () => undefined);
  client.write('{"kind":"ask","number":1}\n');
  await eventually(() => lines.length === 2);
  expect([readReport(lines[0] ?? ''), lines[1]]).toEqual([[RUN], '{"answered":1}']);
});

afterEach(async () => {
  client.destroy();
  server.dispose();
  await folder.remove();
});

const count = (openConnections: number): void => {
  runs = [withOpen(openConnections)];
  server.changed();
};
const last = (): readonly WindowRun[] | undefined => readReport(lines.at(-1) ?? '');

describe('a window', () => {
  it('says what changes in it, twice a second at most', async () => {
    for (let ms = 0, open = 1; ms < 900; ms += 100, open += 1) {
      count(open);
      clock.advance(100);
    }
    await eventually(() => last()?.[0]?.traffic.openConnections === 5);
    expect(lines).toHaveLength(4);
    clock.advance(500);
    await eventually(() => last()?.[0]?.traffic.openConnections === 9);
    expect(lines).toHaveLength(5);
  });

  it('says nothing when nothing has changed, unless asked', async () => {
    for (let times = 0; times < 10; times += 1) {
      server.changed();
      clock.advance(1_000);
    }
    count(1);
    clock.advance(1_000);
    await eventually(() => last()?.[0]?.traffic.openConnections === 1);
    expect(lines).toHaveLength(3);
    client.write('{"kind":"ask","number":2}\n');
    await eventually(() => lines.length === 5);
    expect(lines.slice(3)).toEqual([lines[2], '{"answered":2}']);
  });

  it('keeps one report for a window that does not read, and gives it the latest after', async () => {
    client.pause();
    const text = 'x'.repeat(700);
    for (let round = 1; round <= 200; round += 1) {
      runs = Array.from({ length: 400 }, (_, index) => ({ ...withOpen(round), id: String(index), text }));
      server.changed();
      clock.advance(1_000);
    }
    client.resume();
    await eventually(() => last()?.[0]?.traffic.openConnections === 200);
    // Of 200 reports those that the system held, and one that was kept.
    expect(lines.length).toBeLessThan(20);
  });

  it('answers a window that did not read what that asked meanwhile, once it reads', async () => {
    client.pause();
    const text = 'x'.repeat(700);
    runs = Array.from({ length: 400 }, (_, index) => ({ ...RUN, id: String(index), text }));
    const asked = Array.from({ length: 50 }, (_, index) => `{"kind":"ask","number":${String(index + 2)}}\n`);
    client.write(`${asked.join('')}{"kind":"order","order":"stop","id":"a"}\n`);
    await new Promise<void>((resolve) => { server.onRequest(() => { resolve(); }); });
    client.resume();
    await eventually(() => lines.at(-1) === '{"answered":51}');
    expect(lines.length).toBeLessThan(20);
  });

  it('passes on what it is asked for, and hangs up on whoever talks nonsense without end', async () => {
    const requests: unknown[] = [];
    const looking: boolean[] = [];
    server.onRequest((request) => { requests.push(request); });
    server.onDidChangeLooking((isLooking) => { looking.push(isLooking); });
    client.write('nonsense\n{"kind":"look","isLooking":true}\n{"kind":"order","order":"stop","id":"a"}\n');
    await eventually(() => requests.length === 1);
    expect(requests).toEqual([{ kind: 'order', order: 'stop', id: 'a' }]);
    expect(looking).toEqual([true]);
    client.write('x'.repeat(100_000));
    await eventually(() => client.closed);
    await eventually(() => looking.length === 2);
    expect(looking).toEqual([true, false]);
  });

  it('says what it has not said yet before it ends', async () => {
    count(1);
    clock.advance(500);
    await eventually(() => last()?.[0]?.traffic.openConnections === 1);
    runs = [];
    server.changed();
    server.flush();
    server.dispose();
    await eventually(() => last()?.length === 0);
  });

  it('is away at once when it ends, and its socket with it', async () => {
    server.dispose();
    await eventually(() => client.closed);
    expect(existsSync(folder.join(String(process.pid)))).toBe(false);
  });
});

describe('the folder', () => {
  const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

  it('is private to the user, also when it was not, and so is what is in it', async () => {
    expect(await modeOf(folder.path)).toBe(0o700);
    await chmod(folder.path, 0o777);
    const windows = new OtherWindows(folder.path, systemClock);
    await windows.start();
    windows.dispose();
    expect(await modeOf(folder.path)).toBe(0o700);
  });

  it.each<[string, string, (path: string) => Promise<unknown>]>([
    ['is a link to elsewhere', 'permission-denied', (path) => symlink(folder.path, path)],
    ['cannot be made', 'internal', (path) => writeFile(path, '')],
    ['is too deep for a socket', 'internal', () => Promise.resolve()],
  ])('that %s keeps windows apart, and does no harm', async (what, code, make) => {
    const path = folder.join(what.startsWith('is too') ? 'x'.repeat(90) : 'windows');
    await make(path);
    // Behind the link.
    const peer = createServer((socket) => { socket.on('error', () => undefined).on('data', () => { socket.write(`{"forwards":[${JSON.stringify(RUN)}]}\n`); }); });
    await new Promise<void>((resolve) => { peer.listen(folder.join('99999993'), resolve); });
    const other = new WindowServer({ folder: path, clock, report: () => runs });
    expect(toFailure(await other.start().catch((error: unknown) => error)).code).toBe(code);
    const windows = new OtherWindows(path, systemClock);
    await windows.start();
    expect(windows.find(RUN.text)).toBeUndefined();
    expect(await windows.isServed(RUN.text)).toBe(false);
    expect(windows.order(RUN.text, 'stop')).toBe(false);
    for (const each of [windows, other]) each.dispose();
    peer.close();
  });
});

describe('the others', () => {
  it('find a window that comes, forget what is dead, and leave alone what is none', async () => {
    // Left by processes that are gone, and a name that is no process.
    const stale = createServer();
    await new Promise<void>((resolve) => { stale.listen(folder.join('~stale'), resolve); });
    await writeFile(folder.join('notes'), '');
    await writeFile(folder.join('99999999'), '');
    const windows = new OtherWindows(folder.path, systemClock);
    await windows.start();
    await eventually(() => !existsSync(folder.join('99999999')));
    expect(existsSync(folder.join('notes'))).toBe(true);
    const peer = createServer((socket) => { socket.on('error', () => undefined).on('data', () => { socket.write(`{"forwards":[${JSON.stringify(RUN)}]}\n`); }); });
    await new Promise<void>((resolve) => { peer.listen(folder.join('99999998'), resolve); });
    await eventually(() => windows.find(RUN.text) !== undefined);
    expect(windows.find('8081:far:80')).toBeUndefined();
    expect(await windows.isServed(RUN.text)).toBe(true);
    for (const each of [stale, peer]) each.close();
    windows.dispose();
  });

  it('leave a window what it has that says more than a line may hold, and hear what it says after', async () => {
    const report = (run: WindowRun): string => `${JSON.stringify({ forwards: [run] })}\n`;
    const tooLong = 'x'.repeat(2_000_000);
    let socket: Socket | undefined;
    const peer = createServer((accepted) => {
      socket = accepted.on('error', () => undefined);
      accepted.write(`${report(RUN)}{"answered":1}\n`);
    });
    await new Promise<void>((resolve) => { peer.listen(folder.join('99999997'), resolve); });
    const windows = new OtherWindows(folder.path, systemClock);
    const changes: (readonly [readonly string[], number | undefined])[] = [];
    await windows.start();
    windows.onDidChange(({ orphans }) => { changes.push([[...orphans], windows.find(RUN.text)?.traffic.openConnections]); });
    socket?.write(`${tooLong}\n`);
    socket?.write(tooLong);
    socket?.write(`\n${report(withOpen(1))}`);
    await eventually(() => changes.length > 0);
    expect(changes[0]).toEqual([[], 1]);
    windows.dispose();
    peer.close();
  });

  it('are asked and told again what a window that did not read had no room for', async () => {
    const asks = 20_000;
    const heard: string[] = [];
    const peer = createServer((socket) => {
      let text = '';
      socket.on('error', () => undefined).setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        heard.splice(0, heard.length, ...text.split('\n').slice(0, -1));
      });
    });
    const address = folder.join('99999992');
    await new Promise<void>((resolve) => { peer.listen(address, resolve); });
    const link = new WindowLink(address, { onReport: () => undefined, onClose: () => undefined });
    // Nothing goes out before the connection is made.
    for (let asked = 0; asked < asks; asked += 1) link.ask(asked);
    link.send({ kind: 'order', order: 'stop', id: 'a' });
    for (const isLooking of [true, false, true]) link.send({ kind: 'look', isLooking });
    const last = [`{"kind":"ask","number":${String(asks)}}`, '{"kind":"look","isLooking":true}'];
    await eventually(() => last.every((line) => heard.includes(line)));
    expect(heard.slice(-2)).toEqual(last);
    expect(heard.filter((line) => line.includes('ask')).length).toBeLessThan(asks / 2);
    expect(heard.filter((line) => !line.includes('ask'))).toEqual([last[1]]);
    link.dispose();
    peer.close();
  });

  it('believe nothing that is none of ours, and hang up on nobody for it', async () => {
    const lies = ['', 'GET / HTTP/1.1', '{"forwards":7}', '{"forwards":[null,{"text":"8080:far:80"}]}', `{"forwards":${'['.repeat(10_000)}`, '{"answered":"1"}', '{"__proto__":{"forwards":[]}}'];
    const asked: string[] = [];
    const peer = createServer((socket) => {
      socket.on('error', () => undefined).on('data', (chunk: Buffer) => { asked.push(chunk.toString()); });
      socket.write(`${lies.join('\n')}\n`);
    });
    await new Promise<void>((resolve) => { peer.listen(folder.join('99999994'), resolve); });
    const windows = new OtherWindows(folder.path, systemClock);
    await windows.start();
    expect(windows.find(RUN.text)).toBeUndefined();
    expect(await windows.isServed(RUN.text)).toBe(false);
    await eventually(() => asked.join('').includes('"number":2'));
    windows.dispose();
    peer.close();
  });

  it('wait for a window that is about to bind, and not for long for one that says nothing', async () => {
    const fake = new FakeClock();
    const starting = { ...RUN, running: { phase: 'starting', generation: 1, since: 2, attempt: 1, progress: { step: 'binding' } } };
    const report = (run: unknown, answered: number): string => `${JSON.stringify({ forwards: [run] })}\n${JSON.stringify({ answered })}\n`;
    let peerSocket: Socket | undefined;
    const waiting = createServer((socket) => {
      peerSocket = socket;
      let asked = 0;
      socket.on('error', () => undefined);
      socket.on('data', () => { socket.write(report(starting, ++asked)); });
    });
    await new Promise<void>((resolve) => { waiting.listen(folder.join('99999996'), resolve); });
    const windows = new OtherWindows(folder.path, fake);
    await windows.start();
    expect(windows.find(RUN.text)).toMatchObject({ running: { phase: 'starting' } });
    let isServed: boolean | undefined;
    void windows.isServed(RUN.text).then((value) => { isServed = value; });
    // The next look, and how long it may take to decide.
    await eventually(() => fake.pending === 2);
    expect(isServed).toBeUndefined();
    peerSocket?.write(report(RUN, 2));
    await eventually(() => isServed === true);
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => { silent.listen(folder.join('99999995'), resolve); });
    let isOtherServed: boolean | undefined;
    void windows.isServed('8081:far:80').then((value) => { isOtherServed = value; });
    await eventually(() => fake.pending === 2);
    fake.advance(500);
    await eventually(() => isOtherServed === false);
    windows.dispose();
    for (const each of [waiting, silent]) each.close();
  });
});
