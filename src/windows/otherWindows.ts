import { readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { windowAddress, type WindowReport } from './windowAddress.ts';

/** A report is a line; more than this is not one. */
const MAX_REPORT_LENGTH = 1_000_000;

/** A window that is stopped in a debugger accepts and says nothing. */
const PATIENCE_MS = 1_000;

/** Asks the other windows whether one of them runs this very forward. Never rejects; windows that are gone are forgotten. */
export async function isForwardedElsewhere(folder: string, forward: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name) && name !== String(process.pid)).map(Number);
  const reports = await Promise.all(pids.map((pid) => askWindow(folder, pid)));
  return reports.some((report) => report?.forwards.includes(forward) === true);
}

async function askWindow(folder: string, pid: number): Promise<WindowReport | undefined> {
  try {
    return parseReport(await readAll(windowAddress(folder, pid)));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ECONNREFUSED' || (code === 'ENOENT' && process.platform === 'win32')) await rm(join(folder, String(pid)), { force: true });
    return undefined;
  }
}

function readAll(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > MAX_REPORT_LENGTH) socket.destroy(new Error('not a report'));
    });
    socket.setTimeout(PATIENCE_MS, () => { socket.destroy(new Error('no answer')); });
    socket.once('end', () => { resolve(text); });
    socket.once('error', reject);
  });
}

function parseReport(text: string): WindowReport | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || !('forwards' in value) || !Array.isArray(value.forwards)) return undefined;
  return { forwards: value.forwards.filter((forward) => typeof forward === 'string') };
}
