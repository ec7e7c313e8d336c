import { chown, lstat, mkdir, readdir, readFile, rename, symlink, unlink, writeFile } from 'node:fs/promises';
import { existsSync, renameSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { basename } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { removeStaleSocket, SocketFiles, type SocketPublication } from '../../src/system/socketFile.ts';
import { dialPath, serveAt } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const isRoot = process.getuid?.() === 0;

let folder: TemporaryFolder;
let files: SocketFiles;
let path: string;
const servers: Server[] = [];

beforeEach(async () => {
  folder = await createTemporaryFolder('sockets');
  files = new SocketFiles();
  path = folder.join('a.sock');
});

afterEach(async () => {
  for (const server of servers.splice(0)) server.close();
  await folder.remove();
});

/** Puts `other` in the place of `path` as soon as that is there, while whoever made it has had no turn to look. */
async function replaceAtOnce(other: string): Promise<void> {
  for (;;) {
    const until = performance.now() + 5;
    while (performance.now() < until) {
      if (!existsSync(path)) continue;
      renameSync(other, path);
      return;
    }
    await new Promise((resolve) => { setImmediate(resolve); });
  }
}

/** Binds as the plane does. */
async function bind(at = path): Promise<{ readonly path: string; readonly bindPath: string }> {
  const { bindPath } = await files.prepare(at);
  const server = createServer((socket) => { socket.on('error', () => undefined).end('hello'); }).listen(bindPath);
  servers.push(server);
  await once(server, 'listening');
  return { path: at, bindPath };
}

async function publish(options: Partial<SocketPublication> = {}): Promise<{ readonly path: string; readonly bindPath: string }> {
  const bound = await bind(options.path);
  await files.publish({ replacesStale: false, ...bound, ...options });
  return bound;
}

/** A socket whose listener is gone: its file was under another name when it went. */
async function leaveStale(at = path): Promise<void> {
  const server = await serveAt(folder.join('leaving'), () => undefined);
  await rename(folder.join('leaving'), at);
  await server.close();
}

async function modeOf(at: string): Promise<string> {
  return ((await lstat(at)).mode & 0o777).toString(8);
}

describe('a socket file', () => {
  it('is bound where nobody else can go, and appears for its owner alone, with nothing beside it', async () => {
    const { bindPath } = await bind();
    expect(bindPath.startsWith(`${folder.path}/`)).toBe(true);
    expect(await modeOf(bindPath.slice(0, bindPath.lastIndexOf('/')))).toBe('700');
    await files.publish({ path, bindPath, replacesStale: false });
    expect(await modeOf(path)).toBe('600');
    expect(await readdir(folder.path)).toEqual(['a.sock']);
    (await dialPath(path)).destroy();
  });

  it.each([['0111', '666'], ['0117', '660'], ['0', '777']])('has the mode that the mask %s leaves', async (mask, mode) => {
    await publish({ mask: Number.parseInt(mask, 8) });
    expect(await modeOf(path)).toBe(mode);
  });

  it('goes when it is withdrawn, published or not', async () => {
    await files.withdraw(await bind());
    expect(await readdir(folder.path)).toEqual([]);
    const published = await publish();
    await files.withdraw(published);
    await files.withdraw(published);
    expect(await readdir(folder.path)).toEqual([]);
  });

  it('is not removed when it is another by then', async () => {
    const published = await publish();
    await unlink(path);
    const other = await serveAt(path, () => undefined);
    await files.withdraw(published);
    (await dialPath(path)).destroy();
    await other.close();
    const again = await publish();
    await unlink(path);
    await writeFile(path, 'mine');
    await files.withdraw(again);
    expect(await readFile(path, 'utf8')).toBe('mine');
  });

  it('is not taken for what replaces it the moment it appears', async () => {
    await writeFile(folder.join('theirs'), 'theirs');
    const bound = await bind();
    const [, replaced] = await Promise.allSettled([files.publish({ ...bound, replacesStale: false }), replaceAtOnce(folder.join('theirs'))]);
    expect(replaced.status).toBe('fulfilled');
    await files.withdraw(bound);
    expect(await readFile(path, 'utf8')).toBe('theirs');
  });

  it('is bound under a name that no other file has: Node removes what has it when it closes, whoever owns the folder by then', async () => {
    const names = await Promise.all([1, 2, 3].map(async () => basename((await bind()).bindPath)));
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^\w{5}$/);
  });

  it('goes with the plane, which may bind anew', async () => {
    await publish();
    await bind(folder.join('b.sock'));
    await files.removeAll();
    expect(await readdir(folder.path)).toEqual([]);
    await publish();
    expect(await readdir(folder.path)).toEqual(['a.sock']);
  });

  it('is prepared only when what was left is gone', async () => {
    await publish();
    const order: string[] = [];
    const removing = files.removeAll().then(() => order.push('gone'));
    const preparing = files.prepare(path).then(() => order.push('prepared'));
    await Promise.all([removing, preparing]);
    expect(order).toEqual(['gone', 'prepared']);
  });

  it('does not come when the plane goes while it is published', async () => {
    const bound = await bind();
    const publishing = files.publish({ ...bound, replacesStale: false }).catch(() => undefined);
    await files.removeAll();
    await publishing;
    expect(await readdir(folder.path)).toEqual([]);
    await publish();
  });
});

describe('what is there already', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['a file', () => writeFile(path, 'mine')],
    ['a folder', () => mkdir(path)],
    ['a link to nowhere', () => symlink('/nonexistent/place', path)],
  ])('is never removed: %s', async (_, make) => {
    await make();
    const { ino } = await lstat(path);
    await expect(publish({ replacesStale: true })).rejects.toMatchObject({ code: 'address-in-use', context: { path, isFile: true } });
    await expect(removeStaleSocket(path)).rejects.toMatchObject({ code: 'address-in-use', context: { isFile: true } });
    expect((await lstat(path)).ino).toBe(ino);
  });

  it('is never removed: a socket that somebody listens on', async () => {
    const other = await serveAt(path, (socket) => { socket.end('other'); });
    const refusal = await publish({ replacesStale: true }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'address-in-use', context: { path } });
    expect(refusal).not.toHaveProperty('context.isStale');
    await expect(removeStaleSocket(path)).rejects.toMatchObject({ code: 'address-in-use' });
    (await dialPath(path)).destroy();
    await other.close();
  });

  it.runIf(isRoot)('is never removed: a socket of another user, listened on or not', async () => {
    await leaveStale();
    await chown(path, 65_534, 65_534);
    await expect(publish({ replacesStale: true })).rejects.toMatchObject({ code: 'address-in-use', context: { isFile: true } });
    await expect(removeStaleSocket(path)).rejects.toMatchObject({ code: 'address-in-use', context: { isFile: true } });
    expect((await lstat(path)).uid).toBe(65_534);
  });

  it('is told of as stale when nobody listens, and replaced when that is wished', async () => {
    await leaveStale();
    const bound = await bind();
    await expect(files.publish({ ...bound, replacesStale: false })).rejects.toMatchObject({ code: 'address-in-use', context: { path, isStale: true } });
    expect((await lstat(path)).isSocket()).toBe(true);
    await files.publish({ ...bound, replacesStale: true });
    (await dialPath(path)).destroy();
  });

  it('is told of without being asked when it is one of ours, which stays', async () => {
    await publish();
    let asked = 0;
    servers[0]!.on('connection', () => { asked += 1; });
    const second = await bind();
    await expect(files.publish({ ...second, replacesStale: true })).rejects.toMatchObject({ code: 'address-in-use', context: { path } });
    await files.withdraw(second);
    expect(asked).toBe(0);
    (await dialPath(path)).destroy();
    expect(await readdir(folder.path)).toEqual(['a.sock']);
  });

  it('is removed once where several find it stale, and never what has come in its place', async () => {
    for (let round = 0; round < 200; round += 1) {
      await leaveStale();
      const bound = await bind();
      const removing = Array.from({ length: 3 }, () => removeStaleSocket(path).catch(() => undefined));
      await files.publish({ replacesStale: true, ...bound });
      await Promise.all(removing);
      expect(await readdir(folder.path)).toEqual(['a.sock']);
      (await dialPath(path)).destroy();
      await files.withdraw(bound);
    }
  });

  it('is removed by the button when it is a stale socket, or gone by then', async () => {
    await leaveStale();
    await removeStaleSocket(path);
    await removeStaleSocket(path);
    expect(await readdir(folder.path)).toEqual([]);
  });
});

describe('a place for a socket', () => {
  it.each([
    ['no folder', 'missing/a.sock', 'address-not-available', 'ENOENT'],
    ['a file for a folder', 'file/a.sock', 'address-not-available', 'ENOTDIR'],
  ])('that is none: %s', async (_, name, code, reason) => {
    await writeFile(folder.join('file'), '');
    const asked = folder.join(name);
    await expect(files.prepare(asked)).rejects.toMatchObject({ code, context: { path: asked, reason } });
  });

  it.runIf(process.platform === 'linux')('that lets nobody write', async () => {
    await expect(files.prepare('/sys/a.sock')).rejects.toMatchObject({ code: 'permission-denied', context: { path: '/sys/a.sock' } });
  });

  it('that is not absolute', async () => {
    await expect(files.prepare('a.sock')).rejects.toMatchObject({ code: 'address-not-available', context: { path: 'a.sock' } });
  });

  it.runIf(process.platform === 'linux')('takes 107 bytes, a name of fourteen at least among them, and no more', async () => {
    const deep = folder.join('d'.repeat(106 - 14 - folder.path.length - 1));
    await mkdir(deep);
    const longest = `${deep}/${'n'.repeat(14)}`;
    expect(longest).toHaveLength(107);
    await publish({ path: longest });
    (await dialPath(longest)).destroy();
    const tooLong = { code: 'address-not-available', context: { limitBytes: 107 } };
    await expect(files.prepare(`${longest}n`)).rejects.toMatchObject(tooLong);
    await expect(files.prepare(`${deep}dd/n`)).rejects.toMatchObject(tooLong);
    expect(await readdir(deep)).toEqual(['n'.repeat(14)]);
  });
});

