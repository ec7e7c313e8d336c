import { chmod, lstat, mkdir } from 'node:fs/promises';
import { ForwardError } from '../core/failure.ts';

/** Makes a folder that only this user may enter; rejects when it cannot be made, or is somebody else's. */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // There it is in the user's profile, and has its rights.
  if (process.platform === 'win32') return;
  const stats = await lstat(folder);
  if (!stats.isDirectory() || stats.uid !== process.getuid?.()) throw new ForwardError('permission-denied', `${folder} is not this user's own`);
  if ((stats.mode & 0o077) !== 0) await chmod(folder, 0o700);
}
