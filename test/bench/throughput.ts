import { execFile, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { descendantsOf } from '../support/processes.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { end, type Way } from './contestant.ts';

const run = promisify(execFile);

/** Linux counts processor time in this many ticks a second (proc(5), `_SC_CLK_TCK`). */
const TICKS_PER_SECOND = 100;

export type Direction = 'up' | 'down';

export interface Throughput {
  readonly bytesPerSecond: number;
  /** Processor seconds of the forwarding process per 10^9 bytes. */
  readonly cpuSecondsPerGB: number;
}

/** A cheap end for bulk data: iperf3, so that it is the way that is measured and not the end. */
export interface Sink {
  readonly port: number;
  /** Settles once it has heard its client's last word: a way that is closed before swallows that. */
  untilDone(): Promise<void>;
  close(): Promise<void>;
}

export async function startSink(): Promise<Sink> {
  const port = await findFreePort();
  const child = spawn('iperf3', ['-s', '-B', '127.0.0.1', '-p', String(port), '--forceflush'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (text: Buffer) => { output += text.toString(); });
  // It says so anew for each client.
  const untilListening = async (times: number): Promise<void> => { await eventually(() => output.split('Server listening').length > times); };
  await untilListening(1);
  return { port, untilDone: () => untilListening(2), close: () => end(child) };
}

interface Report {
  readonly error?: string;
  readonly intervals: readonly { readonly sum: { readonly bytes: number } }[];
  readonly end: { readonly sum_received: { readonly bits_per_second: number } };
}

/** What iperf3 leaves out at the start, in which code gets compiled and windows grow. Processor time is that of all bytes. */
const WARM_UP_SECONDS = 1;

/** Sends as fast as it goes for some seconds, after a warm-up. */
export async function measureThroughput(way: Way, direction: Direction, streams: number, seconds: number): Promise<Throughput> {
  const before = cpuSecondsOf(way.pid);
  const words = ['-c', '127.0.0.1', '-p', String(way.port), '-J', '-O', String(WARM_UP_SECONDS), '-t', String(seconds), '-P', String(streams), ...(direction === 'down' ? ['-R'] : [])];
  const { stdout } = await run('iperf3', words, { maxBuffer: 64 * 1024 * 1024, timeout: (WARM_UP_SECONDS + seconds + 30) * 1000 });
  const { error, intervals, end: { sum_received: received } } = JSON.parse(stdout) as Report;
  if (error !== undefined) throw new Error(`iperf3: ${error}`);
  const cpuSeconds = cpuSecondsOf(way.pid) - before;
  const bytes = intervals.reduce((sum, interval) => sum + interval.sum.bytes, 0);
  return { bytesPerSecond: received.bits_per_second / 8, cpuSecondsPerGB: cpuSeconds / (bytes / 1e9) };
}

/** Of a process, of those below it, and of those that it had and that ended (proc(5), fields 14 to 17). */
export function cpuSecondsOf(pid: number): number {
  return [pid, ...descendantsOf(pid)].reduce((sum, each) => sum + ticksOf(each), 0) / TICKS_PER_SECOND;
}

/** Of the threads of one process, to the nanosecond, where a hundredth of a second is too coarse. */
export function runningSecondsOf(pid: number): number {
  const threads = `/proc/${String(pid)}/task`;
  return readdirSync(threads).reduce((sum, thread) => sum + Number(readFileSync(join(threads, thread, 'schedstat'), 'utf8').split(' ')[0]), 0) / 1e9;
}

function ticksOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${String(pid)}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  } catch {
    return 0;
  }
}
