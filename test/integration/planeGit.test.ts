import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StartForward } from '../../src/protocol/messages.ts';
import { git, GitDaemon } from '../support/git.ts';
import { targetOf } from '../support/planeTargets.ts';
import { asked, fixed, here, onServer } from '../support/poles.ts';
import type { Sshd } from '../support/sshd.ts';
import { sha256 } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { Tunnels } from '../support/tunnels.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };
const SMALL_FILES = 200;
/** Nothing that could be made shorter on the way. */
const BIG_FILE = randomBytes(10_000_003);

let folder: TemporaryFolder;
let daemon: GitDaemon;
let web: Server;
let tunnels: Tunnels;
let sshd: Sshd;
/** Of what is in the repository. */
let head: string;

beforeAll(async () => {
  folder = await createTemporaryFolder('git');
  head = await makeRepository();
  web = createServer((request, response) => { void answer(decodeURI(request.url ?? '/')).then((file) => (file === undefined ? response.writeHead(404).end() : createReadStream(file).pipe(response))); });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  daemon = await GitDaemon.start(folder.join('served'));
  tunnels = await Tunnels.open();
  sshd = await tunnels.startServer();
});

afterAll(async () => {
  try {
    await tunnels.close();
  } finally {
    await daemon.stop();
    web.close();
    web.closeAllConnections();
    await folder.remove();
  }
});

/** A repository with a big file, many small ones and two commits, served as `served/project.git`; gives its head. */
async function makeRepository(): Promise<string> {
  const work = folder.join('work');
  await git(folder.path, 'init', '--quiet', '--initial-branch=main', work);
  await mkdir(join(work, 'small'));
  await Promise.all(Array.from({ length: SMALL_FILES }, (_, index) => writeFile(join(work, 'small', `${String(index)}.txt`), `file ${String(index)}\n`.repeat(index))));
  await git(work, 'add', '.');
  await git(work, 'commit', '--quiet', '--message=small files');
  await writeFile(join(work, 'big'), BIG_FILE);
  await git(work, 'add', '.');
  await git(work, 'commit', '--quiet', '--message=a big file');
  await git(folder.path, 'clone', '--quiet', '--bare', work, folder.join('served', 'project.git'));
  // What a web server without git needs to serve a repository (gitrepository-layout(5)).
  await git(folder.join('served', 'project.git'), 'update-server-info');
  return git(work, 'rev-parse', 'HEAD');
}

async function answer(path: string): Promise<string | undefined> {
  const file = folder.join('served', path.replace(/\?.*$/, ''));
  return (await stat(file).catch(() => undefined))?.isFile() === true ? file : undefined;
}

/** Starts a forward over the server and gives the port on which it listens. */
async function start(poles: Pick<StartForward, 'listen' | 'connect'>): Promise<number> {
  const forward = await tunnels.plane.begin({ ...poles, target: targetOf(tunnels.hop(sshd)) });
  await tunnels.plane.untilUp(forward);
  return tunnels.plane.boundOf(forward).addresses[0]!.port;
}

/** Holds a clone against the original: git's own check of every object, and the files. */
async function expectWhole(clone: string): Promise<void> {
  expect(await git(clone, 'rev-parse', 'HEAD')).toBe(head);
  await git(clone, 'fsck', '--full', '--strict');
  expect(await git(clone, 'status', '--porcelain')).toBe('');
  expect(sha256(await readFile(join(clone, 'big')))).toBe(sha256(BIG_FILE));
  expect((await git(clone, 'ls-files', 'small')).split('\n')).toHaveLength(SMALL_FILES);
}

describe('git clone', () => {
  it('over -L, by git\'s own protocol; and what is pushed arrives', async () => {
    const port = await start({ listen: here(ANY_PORT), connect: fixed(daemon) });
    const clone = folder.join('over-local');
    await git(folder.path, 'clone', '--quiet', `git://127.0.0.1:${String(port)}/project.git`, clone);
    await expectWhole(clone);
    await writeFile(join(clone, 'new'), randomBytes(5_000_000));
    await git(clone, 'add', '.');
    await git(clone, 'commit', '--quiet', '--message=from the other side');
    await git(clone, 'push', '--quiet', 'origin', 'HEAD:pushed');
    const served = folder.join('served', 'project.git');
    expect(await git(served, 'rev-parse', 'pushed')).toBe(await git(clone, 'rev-parse', 'HEAD'));
    await git(served, 'fsck', '--full', '--strict');
  });

  it('over -R, from a service here', async () => {
    const port = await start({ listen: onServer(ANY_PORT), connect: fixed(daemon) });
    const clone = folder.join('over-remote');
    await git(folder.path, 'clone', '--quiet', `git://127.0.0.1:${String(port)}/project.git`, clone);
    await expectWhole(clone);
  });

  it.each([['-D', here(ANY_PORT)], ['-R port', onServer(ANY_PORT)]])('over %s, by HTTP through SOCKS, the name looked up at the far end', async (name, listen) => {
    const port = await start({ listen, connect: asked() });
    const clone = folder.join(`over${name.replace(' ', '-')}`);
    const url = `http://localhost:${String((web.address() as AddressInfo).port)}/project.git`;
    await git(folder.path, '-c', `http.proxy=socks5h://127.0.0.1:${String(port)}`, 'clone', '--quiet', url, clone);
    await expectWhole(clone);
  });
});
