import { mkdir } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/**
 * The folder that ssh itself reads: it asks the user database, not $HOME. The tests' own is mounted over it, so it has to
 * be there, and stays: another run may have it mounted, too.
 */
export async function prepareRealSshFolder(): Promise<string> {
  const path = join(userInfo().homedir, '.ssh');
  if (process.getuid?.() === 0) await mkdir(path, { recursive: true, mode: 0o700 });
  return path;
}

/** As root: a mount namespace in which ~/.ssh is the tests' own, and no right to ports below 1024. */
export function asNormalUser(testSshFolder: string, realSshFolder: string): string[] {
  if (process.getuid?.() !== 0) return [];
  const script = 'mount --bind "$1" "$2" && shift 2 && exec setpriv --bounding-set=-net_bind_service "$@"';
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', testSshFolder, realSshFolder];
}
