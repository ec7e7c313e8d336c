import { join } from 'node:path';

/** Where the window of the extension host with this process id answers the others: a socket in `folder`, or a pipe on Windows. */
export function windowAddress(folder: string, pid: number): string {
  return process.platform === 'win32' ? String.raw`\\.\pipe\culvert-window-${String(pid)}` : join(folder, String(pid));
}

/** What a window answers to whoever connects: one line of JSON, then the end. */
export interface WindowReport {
  /** The forwards that listen in the window, in the notation of Forward Port. */
  readonly forwards: readonly string[];
}
