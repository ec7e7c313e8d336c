import { open, stat, type FileHandle } from 'node:fs/promises';
import { ForwardError } from '../core/failure.ts';

const MAX_KEY_BYTES = 1024 * 1024;

/**
 * Reads a private key file. Refuses, as `identity-unreadable` with `path` and `reason`, what ssh refuses: a file of the
 * user's own that others may read (sshkey_perm_ok of OpenSSH's authfile.c). On Windows the access list is not judged.
 */
export async function readPrivateKey(path: string): Promise<string> {
  try {
    // Opening a pipe would wait for its other end.
    if (!(await stat(path)).isFile()) throw refusal(path, 'it is not a file');
    const handle = await open(path, 'r');
    try {
      await assertPrivate(handle, path);
      return await handle.readFile('latin1');
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof ForwardError) throw error;
    throw refusal(path, reasonOf(error), error);
  }
}

async function assertPrivate(handle: FileHandle, path: string): Promise<void> {
  const stats = await handle.stat();
  if (stats.size > MAX_KEY_BYTES) throw refusal(path, 'it is too large for a key');
  if (process.platform === 'win32' || stats.uid !== process.getuid?.() || (stats.mode & 0o077) === 0) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  throw refusal(path, `its permissions ${mode} are too open; it must be readable by its owner alone (chmod 600)`);
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'reading it is not permitted';
  return error instanceof Error ? error.message : String(error);
}

function refusal(path: string, reason: string, cause?: unknown): ForwardError {
  return new ForwardError('identity-unreadable', `The key file ${path} cannot be used: ${reason}.`, { cause, context: { path, reason } });
}
