import { join } from 'node:path';

/** Where the window of the extension host with this process id answers the others: a socket in `folder`, or a pipe on Windows. */
export function windowAddress(folder: string, pid: number): string {
  return process.platform === 'win32' ? String.raw`\\.\pipe\culvert-window-${String(pid)}` : join(folder, String(pid));
}
