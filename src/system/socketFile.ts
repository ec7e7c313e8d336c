import { chmod, link, lstat, mkdtemp, rename, rmdir, unlink } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { ForwardError, type FailureCode, type FailureContext } from '../core/failure.ts';
import { socketPathLimit } from '../core/socketPathLimit.ts';
import { probeSocket } from './socketProbe.ts';

/** StreamLocalBindMask of ssh_config(5) where it is not set: for its owner alone. */
const DEFAULT_MASK = 0o177;

/** Short: the path of the private folder's socket has the same limit as any other. mkdtemp(3) adds six characters. */
const PREFIX = '.c';
const NAME_LENGTH = 5;

/** Where the plane binds before anybody can see it. */
export interface PreparedSocket {
  readonly bindPath: string;
}

/** A socket that has been bound and is to appear where it was asked for. */
export interface SocketPublication extends PreparedSocket {
  readonly path: string;
  /** The bits of its mode that are taken away, as of umask(2). */
  readonly mask?: number;
  /** Whether a socket of this user that nobody listens on is removed for it (StreamLocalBindUnlink of ssh_config(5)). */
  readonly replacesStale: boolean;
}

/** What tells a file from another that has its name later. */
interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly birthtimeNs: bigint;
}

interface PublishedSocket extends PreparedSocket {
  readonly identity: FileIdentity;
}

/**
 * The files of the Unix sockets that the plane listens on: it has no disk, so it binds in a folder that nobody else may
 * enter, and the socket appears under its own name with its mode already right. What has that name is never overwritten.
 */
export class SocketFiles {
  readonly #published = new Map<string, PublishedSocket>();
  /** The private folders that are still there. */
  readonly #folders = new Set<string>();
  #removing: Promise<void> = Promise.resolve();

  /** Rejects with `address-not-available` (with `limitBytes` for a path that is too long) or `permission-denied`. */
  async prepare(path: string): Promise<PreparedSocket> {
    await this.#removing;
    assertUsable(path);
    assertFits(bindPathIn(join(dirname(path), `${PREFIX}XXXXXX`)), path);
    const folder = await mkdtemp(join(dirname(path), PREFIX)).catch((error: unknown) => { throw systemFailure(error, path); });
    this.#folders.add(folder);
    return { bindPath: bindPathIn(folder) };
  }

  /**
   * Gives the bound socket its mode and its name. Rejects with `address-in-use`: `isStale` when the name is a socket of
   * this user that nobody listens on, `isFile` when it is anything else that is not in use.
   */
  async publish({ path, bindPath, mask = DEFAULT_MASK, replacesStale }: SocketPublication): Promise<void> {
    const folder = dirname(bindPath);
    if (!this.#folders.has(folder)) throw new ForwardError('internal', `${bindPath} was not prepared`);
    try {
      await chmod(bindPath, 0o777 & ~mask);
      // Of the file in the private folder: at the path there may be another one as soon as it has appeared.
      const identity = await identityOf(bindPath);
      await this.#link(bindPath, path, replacesStale);
      if (this.#folders.has(folder)) this.#published.set(path, { bindPath, identity });
      else await removeIfSame(path, identity);
    } catch (error) {
      throw error instanceof ForwardError ? error : systemFailure(error, path);
    }
    await this.#removeFolder(bindPath);
  }

  /** Takes back what was prepared or published, and nothing that has come in its place since. Never rejects. */
  async withdraw({ path, bindPath }: PreparedSocket & { readonly path: string }): Promise<void> {
    const published = this.#published.get(path);
    if (published?.bindPath === bindPath) {
      this.#published.delete(path);
      await removeIfSame(path, published.identity);
    }
    await this.#removeFolder(bindPath);
  }

  /** Takes back everything: the plane is gone, and nobody listens. Never rejects. */
  removeAll(): Promise<void> {
    const published = [...this.#published];
    const folders = [...this.#folders];
    this.#published.clear();
    const removing = Promise.all([
      this.#removing,
      ...published.map(([path, { identity }]) => removeIfSame(path, identity)),
      ...folders.map((folder) => this.#removeFolder(bindPathIn(folder))),
    ]);
    return this.#removing = removing.then(() => undefined);
  }

  /** link(2) never overwrites. What is in the way may go in the meantime, or be let go. */
  async #link(bindPath: string, path: string, replacesStale: boolean): Promise<void> {
    if (await isLinked(bindPath, path)) return;
    if (this.#published.has(path)) throw inUse(path, {});
    const occupant = await occupantOf(path);
    if (occupant === 'file') throw inUse(path, { isFile: true });
    if (occupant === 'listening') throw inUse(path, {});
    if (occupant === 'stale') {
      if (!replacesStale) throw inUse(path, { isStale: true });
      await removeStaleSocket(path);
    }
    if (!(await isLinked(bindPath, path))) throw inUse(path, {});
  }

  async #removeFolder(bindPath: string): Promise<void> {
    const folder = dirname(bindPath);
    if (!this.#folders.delete(folder)) return;
    await unlink(bindPath).catch(() => undefined);
    await rmdir(folder).catch(() => undefined);
  }
}

/**
 * By chance, like the folder's: libuv removes what is at this path when the listener closes (uv__pipe_close), and by then another user
 * may have put a link to anywhere in the place of the folder.
 */
function bindPathIn(folder: string): string {
  return join(folder, basename(folder).slice(-NAME_LENGTH));
}

/**
 * Removes a socket of this user that nobody listens on. Rejects with `address-in-use`, as `publish` does, when it is
 * anything else, and with `permission-denied` when its folder does not let it go; what is gone already is no error.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  assertUsable(path);
  const before = await identityOf(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw systemFailure(error, path);
  });
  if (before === undefined) return;
  const occupant = await occupantOf(path);
  if (occupant === 'gone') return;
  if (occupant !== 'stale') throw inUse(path, occupant === 'file' ? { isFile: true } : {});
  try {
    await removeAside(path, before);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw systemFailure(error, path);
  }
}

/** What has a name: a socket of another user that nobody listens on is as little ours to remove as any other file. */
async function occupantOf(path: string): Promise<'gone' | 'file' | 'listening' | 'stale'> {
  try {
    const stats = await lstat(path);
    if (!stats.isSocket()) return 'file';
    const answer = await probeSocket(path);
    if (answer !== 'refused') return answer;
    return stats.uid === process.getuid?.() ? 'stale' : 'file';
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return 'gone';
    throw systemFailure(error, path);
  }
}

/** False when the name is taken. */
async function isLinked(bindPath: string, path: string): Promise<boolean> {
  try {
    await link(bindPath, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    // The folder has just let us write: link(2) says EPERM where the file system has no hard links.
    throw code === 'EPERM' ? failure('address-not-available', path, error) : error;
  }
}

async function identityOf(path: string): Promise<FileIdentity> {
  const { dev, ino, birthtimeNs } = await lstat(path, { bigint: true });
  return { dev, ino, birthtimeNs };
}

/** For one of our own, which nobody takes for stale: it is listened on until it is gone. Never rejects. */
async function removeIfSame(path: string, wanted: FileIdentity): Promise<void> {
  try {
    if (isSame(await identityOf(path), wanted)) await unlink(path);
  } catch {
    // It is gone already, or its folder does not let it go.
  }
}

/**
 * Removes a file that others may be removing, too, to put their own in its place: between looking and unlink(2) it may be
 * another. So it is looked at once nobody else can reach it, and put back if it is not the one.
 */
async function removeAside(path: string, wanted: FileIdentity): Promise<void> {
  if (!isSame(await identityOf(path), wanted)) return;
  const folder = await mkdtemp(join(dirname(path), PREFIX));
  const aside = bindPathIn(folder);
  try {
    await rename(path, aside);
    // Where it can't be put back, since another has its name by now, it stays where it is: somebody may listen on it.
    if (!isSame(await identityOf(aside), wanted)) await link(aside, path);
    await unlink(aside);
  } finally {
    await rmdir(folder).catch(() => undefined);
  }
}

function isSame(left: FileIdentity, right: FileIdentity): boolean {
  return left.dev === right.dev && left.ino === right.ino && left.birthtimeNs === right.birthtimeNs;
}

function assertUsable(path: string): void {
  // Node has named pipes there, and nothing that is a file.
  if (process.platform === 'win32') throw new ForwardError('address-not-available', `${path}: on Windows a socket is a pipe, \\\\.\\pipe\\name`, { context: { path } });
  if (!isAbsolute(path)) throw new ForwardError('address-not-available', `${path} is not an absolute path`, { context: { path } });
  assertFits(path, path);
}

/** libuv cuts a path that is too long, and binds or connects to another name (uv_pipe_bind, uv_pipe_connect). */
function assertFits(bound: string, path: string): void {
  const limitBytes = socketPathLimit(process.platform);
  if (Buffer.byteLength(bound) <= limitBytes) return;
  const why = bound === path ? '' : ', and its folder leaves too few of them';
  throw new ForwardError('address-not-available', `${path} is too long for a socket: this system takes ${String(limitBytes)} bytes${why}`, { context: { path, limitBytes } });
}

function inUse(path: string, facts: FailureContext): ForwardError {
  return new ForwardError('address-in-use', `${path} is there already`, { context: { path, ...facts } });
}

function systemFailure(error: unknown, path: string): ForwardError {
  const isForbidden = ['EACCES', 'EPERM', 'EROFS'].includes(codeOf(error));
  return failure(isForbidden ? 'permission-denied' : 'address-not-available', path, error);
}

function failure(code: FailureCode, path: string, error: unknown): ForwardError {
  const detail = `${path}: ${error instanceof Error ? error.message : String(error)}`;
  return new ForwardError(code, detail, { cause: error, context: { path, reason: codeOf(error) } });
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
