import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import type { Scale } from './measurements.ts';
import { median, ratioTo, type Figure, type Row } from './series.ts';

/** What the figures were taken on and how: programs, cipher, buffers, machine, and how often. */
export function describeMachine(cipher: string, { rounds, seconds, warmSeconds }: Scale): string[] {
  const [cpu] = cpus();
  return [
    `${String(cpus().length)} × ${cpu?.model.trim() ?? 'unknown processor'}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Linux ${release()}, loopback (${congestionControl()}); Node.js ${process.versions.node}`,
    `${firstLine('ssh', ['-V'])}; ssh2 ${SSH2_VERSION}; ${firstLine('socat', ['-V']).replace(/ on .*/, '')}; ${firstLine('iperf3', ['--version'])}`,
    `Cipher of the product and of the peer that has one in its name: ${cipher}; plain ssh -L has ${SSH_CIPHER}. The product reads 64 KiB to 1 MiB at once from TCP; socat 8 KiB, or with -b 256 KiB, both without TCP_NODELAY; the splice relay through pipes of 256 KiB.`,
    `${String(rounds)} round${rounds === 1 ? '' : 's'} of ${String(seconds)} s for each figure after ${String(warmSeconds)} s that do not count; medians${rounds === 1 ? '' : ' (lowest–highest)'}. kB and MB are powers of ten.`,
  ];
}

/** The kernel's default for TCP, which test/tools/steadyLoopback.mjs may have changed. */
function congestionControl(): string {
  return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
}

/** What OpenSSH's client proposes first, and its server takes (ssh_config(5), Ciphers). */
const SSH_CIPHER = 'chacha20-poly1305@openssh.com';

declare const SSH2_VERSION: string;

function firstLine(program: string, words: readonly string[]): string {
  const text = execFileSync('sh', ['-c', '"$0" "$@" 2>&1', program, ...words], { encoding: 'utf8' });
  return text.split('\n').find((line) => /\d/.test(line))?.trim() ?? program;
}

/** The table as Markdown: what, each contestant's median with its extremes, and the ratios beside their targets. */
export function renderTable(rows: readonly Row[]): string {
  const lines = ['| what | culvert | peers | ratio (target) |', '|---|---|---|---|'];
  for (const row of rows) {
    const own = row.figures.find(({ contestant }) => contestant === 'culvert');
    const peers = row.figures.filter(({ contestant }) => contestant !== 'culvert');
    lines.push(`| ${row.what} | ${own === undefined ? '–' : show(own, row.unit)} | ${peers.map((peer) => `${peer.contestant} ${show(peer, row.unit)}`).join('<br>')} | ${ratios(row)} |`);
  }
  return lines.join('\n');
}

/** Puts the text where a Markdown file has a place for it. */
export function writeTable(file: string, text: string): void {
  const before = readFileSync(file, 'utf8');
  const after = before.replace(/(?<=<!-- bench -->\n).*?(?=<!-- \/bench -->)/s, () => `${text}\n`);
  if (after === before) throw new Error(`${file} has no place for the table`);
  writeFileSync(file, after);
}

function ratios(row: Row): string {
  const own = median(row.figures.find(({ contestant }) => contestant === 'culvert')?.values ?? []);
  const limit = row.atMost === undefined ? [] : [`≤ ${String(row.atMost)} ${row.unit}${own <= row.atMost ? '' : ', missed'}`];
  const floor = row.atLeast === undefined ? [] : [`≥ ${String(row.atLeast)} ${row.unit}${own >= row.atLeast ? '' : ', missed'}`];
  return [...limit, ...floor, ...row.targets.map((target) => {
    const ratio = ratioTo(row, target.against);
    const isMet = row.isMoreBetter ? ratio >= target.atLeast : ratio <= target.atLeast;
    return `${ratio.toFixed(2)}× ${target.against} (${row.isMoreBetter ? '≥' : '≤'} ${String(target.atLeast)}${isMet ? '' : ', missed'})`;
  })].join('<br>');
}

function show({ values }: Figure, unit: string): string {
  const range = values.length > 1 ? ` (${round(Math.min(...values))}–${round(Math.max(...values))})` : '';
  return `${round(median(values))}${range} ${unit}`;
}

function round(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
