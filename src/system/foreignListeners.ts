import type { HostPort } from '../core/address.ts';
import type { Program } from './linuxSockets.ts';
import { outputOf } from './runProgram.ts';

/** A listening socket and who holds it, as the tools of macOS and Windows list them. */
export interface HeldListener {
  readonly address: HostPort;
  readonly holder?: Program;
}

/** macOS: lsof(8) is part of the system. All listening ports, or one. */
export async function listenersOfMac(port?: number): Promise<HeldListener[]> {
  const selection = port === undefined ? '-iTCP' : `-iTCP:${port}`;
  return parseLsof((await outputOf('/usr/sbin/lsof', ['-nP', selection, '-sTCP:LISTEN', '-FpcPn'])) ?? '');
}

/** Reads `lsof -F`: one field per line, `p` and `c` hold for the `n` lines behind them. */
export function parseLsof(text: string): HeldListener[] {
  const listeners: HeldListener[] = [];
  let pid = Number.NaN;
  let program = '';
  for (const line of text.split('\n')) {
    const value = line.slice(1);
    if (line.startsWith('p')) pid = Number(value);
    else if (line.startsWith('c')) program = value;
    const address = line.startsWith('n') ? parseAddress(value) : undefined;
    if (address !== undefined) listeners.push({ address, ...(Number.isInteger(pid) ? { holder: { pid, program } } : {}) });
  }
  return listeners;
}

/** Windows: Get-NetTCPConnection, with the name of each owning process. */
export async function listenersOfWindows(systemRoot: string, port?: number): Promise<HeldListener[]> {
  const powershell = `${systemRoot}\\System32\\WindowsPowerShell\\v1.0\\powershell.exe`;
  const selection = port === undefined ? '' : ` -LocalPort ${port}`;
  const script = `Get-NetTCPConnection -State Listen${selection} -ErrorAction SilentlyContinue | ForEach-Object { ` +
    "'{0}|{1}|{2}|{3}' -f $_.LocalAddress, $_.LocalPort, $_.OwningProcess, (Get-Process -Id $_.OwningProcess -ErrorAction SilentlyContinue).ProcessName }";
  return parseWindowsListeners((await outputOf(powershell, ['-NoProfile', '-NonInteractive', '-Command', script])) ?? '');
}

/** Reads lines of `address|port|pid|program`. */
export function parseWindowsListeners(text: string): HeldListener[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const [host, port, pid, program] = line.split('|');
    if (host === undefined || port === undefined || !/^\d+$/.test(port)) return [];
    const address = { host: host.replace(/%.*$/, ''), port: Number(port) };
    return [{ address, ...(pid !== undefined && /^\d+$/.test(pid) ? { holder: { pid: Number(pid), program: program ?? '' } } : {}) }];
  });
}

function parseAddress(text: string): HostPort | undefined {
  const found = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(text);
  const host = found?.[1] ?? found?.[2];
  return host === undefined ? undefined : { host, port: Number(found?.[3]) };
}
