import { outputOf } from './runProgram.ts';

/** Ports in a row, both ends included. */
export interface PortStretch {
  readonly first: number;
  readonly last: number;
}

/** Windows: the stretch with this port that the system keeps for itself, as Hyper-V and WSL make it do. Never rejects. */
export async function findExcludedStretch(port: number, systemRoot = process.env.SystemRoot ?? 'C:\\Windows'): Promise<PortStretch | undefined> {
  const text = await outputOf(`${systemRoot}\\System32\\netsh.exe`, ['interface', 'ipv4', 'show', 'excludedportrange', 'protocol=tcp']);
  return parseExcludedStretches(text ?? '').find(({ first, last }) => port >= first && port <= last);
}

/** Reads what `netsh interface ipv4 show excludedportrange` prints, in whatever language its headings are. */
export function parseExcludedStretches(text: string): PortStretch[] {
  return [...text.matchAll(/^\s*(\d{1,5})\s+(\d{1,5})(?:\s+\*)?\s*$/gm)].map(([, first, last]) => ({ first: Number(first), last: Number(last) }));
}
