import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { socketPathLimit } from '../core/socketPathLimit.ts';

/** The name of a window's socket there, of the longest process id (2^22 on Linux) and while it is being made. */
const LONGEST_NAME = '~4194304';

/**
 * Where the windows of this editor find each other: in the extension's storage, or where that is too deep for a socket, in a
 * folder of its own among the temporary ones. Every window comes to the same.
 */
export function windowsFolder(storage: string, temporary: string = tmpdir()): string {
  const folder = join(storage, 'windows');
  if (process.platform === 'win32' || Buffer.byteLength(join(folder, LONGEST_NAME)) <= socketPathLimit(process.platform)) return folder;
  return join(temporary, `culvert-${createHash('sha256').update(storage).digest('hex').slice(0, 12)}`);
}
