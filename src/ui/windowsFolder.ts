import { createHash } from 'node:crypto';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { socketPathLimit } from '../core/socketPathLimit.ts';

/** The name of a window's socket there, of the longest process id (2^22 on Linux) and while it is being made. */
const LONGEST_NAME = '~4194304';

/**
 * Where the windows of this editor find each other: in the extension's storage, or where that is too deep for a socket, in a
 * folder of its own among the temporary ones. Every window of this computer comes to the same; those of others, which may
 * share the storage, would find nobody at its sockets, and take them away.
 */
export function windowsFolder(storage: string, temporary: string = tmpdir(), computer: string = hostname()): string {
  const folder = join(storage, `windows-${shortDigest(computer)}`);
  if (process.platform === 'win32' || Buffer.byteLength(join(folder, LONGEST_NAME)) <= socketPathLimit(process.platform)) return folder;
  return join(temporary, `culvert-${shortDigest(storage)}`);
}

function shortDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
