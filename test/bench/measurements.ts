import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client } from 'ssh2';
import { readFile } from 'node:fs/promises';
import { descendantsOf } from '../support/processes.ts';
import type { Span } from './connections.ts';
import { end, type Contestant, type Way } from './contestant.ts';
import { CulvertProcess } from './culvert.ts';
import { measureRoundTrips, open, percentile } from './roundTrips.ts';
import type { BenchServer } from './server.ts';
import type { Sample } from './series.ts';
import { measureThroughput, runningSecondsOf, startSink, type Direction } from './throughput.ts';

export interface Scale extends Span {
  readonly rounds: number;
  readonly streams: readonly number[];
}

/** A helper in a process of its own, which says its port once it listens. */
export async function startHelper(name: string, ...words: readonly string[]): Promise<{ readonly port: number; close(): Promise<void> }> {
  const child: ChildProcess = fork(join(import.meta.dirname, `${name}.mjs`), words);
  const [port] = (await once(child, 'message')) as [number];
  return { port, close: () => end(child) };
}

/** Bulk data one way over a number of streams. */
export function throughputSample(contestant: Contestant, direction: Direction, streams: number, seconds: number): Sample {
  return async () => {
    const sink = await startSink();
    const way = await contestant.open(sink.port);
    try {
      const { bytesPerSecond, cpuSecondsPerGB } = await measureThroughput(way, direction, streams, seconds);
      await sink.untilDone();
      return { throughput: bytesPerSecond / 1e6, cpu: cpuSecondsPerGB };
    } finally {
      await way.close();
      await sink.close();
    }
  };
}

/** Resident memory that an idle connection costs, in kB. */
export function idleMemorySample(contestant: Contestant, count: number): Sample {
  return () => withEcho(contestant, async (way) => {
    const touch = async (): Promise<void> => {
      const socket = await open(way.port);
      socket.write('e');
      await once(socket, 'data');
      sockets.push(socket);
    };
    const sockets: Awaited<ReturnType<typeof open>>[] = [];
    for (let warm = 0; warm < count / 5; warm += 1) await touch();
    const before = residentKB(way.pid);
    for (let round = 0; round < count; round += 1) await touch();
    const after = residentKB(way.pid);
    for (const socket of sockets) socket.destroy();
    return { memory: (after - before) / count };
  });
}

/** How long the buffers on a way take to fill. */
const FILL_MS = 1_500;

/** The same for one whose destination sends without end and whose client reads nothing. */
export function stalledMemorySample(contestant: Contestant, count: number): Sample {
  return () => withEcho(contestant, async (way) => {
    const sockets = [await stall(way.port)];
    await pause(FILL_MS);
    const before = residentKB(way.pid);
    for (let round = 0; round < count; round += 1) sockets.push(await stall(way.port));
    await pause(FILL_MS);
    const after = residentKB(way.pid);
    for (const socket of sockets) socket.destroy();
    return { memory: (after - before) / count };
  });
}

async function stall(port: number): ReturnType<typeof open> {
  const socket = await open(port);
  socket.pause().write('s');
  return socket;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** From the order to a forward that is up, beside the time of ssh2 as it comes to its `ready`; both have been loaded before. */
export function readySamples(server: BenchServer): Readonly<Record<string, Sample>> {
  return {
    culvert: async () => {
      const process = await CulvertProcess.start();
      await process.forward(1);
      const { readyMs } = await process.forward(1, server.target());
      await process.close();
      return { ready: readyMs };
    },
    'stock ssh2': async () => {
      const privateKey = await readFile(server.privateKeyPath);
      const client = new Client();
      const start = performance.now();
      client.connect({ host: '127.0.0.1', port: server.sshd.port, username: server.sshd.userName, privateKey, hostVerifier: () => true });
      await once(client, 'ready');
      const readyMs = performance.now() - start;
      client.end();
      return { ready: readyMs };
    },
  };
}

/** The extension host's main loop blocked by a neighbour; and its delay while a tunnel runs flat out. */
export function mainLoopSample(server: BenchServer | undefined, seconds: number): Sample {
  return async () => {
    const echo = await startHelper('echoProcess');
    const process = await CulvertProcess.start();
    const { port } = await process.forward(echo.port, server?.target());
    const bulk = await open(port);
    bulk.resume().write('s');
    await process.ask({ kind: 'watch-loop' });
    await measureRoundTrips(port, seconds * 1000);
    const { loopDelayP99Ms = Number.NaN } = await process.ask({ kind: 'loop-delay' });
    bulk.destroy();
    await process.ask({ kind: 'block' });
    const blocked = await measureRoundTrips(port, seconds * 1000);
    await process.close();
    await echo.close();
    return { blocked: percentile(blocked, 0.99), delay: loopDelayP99Ms };
  };
}

/** How long it takes until what has been started is at rest: compiling and collecting go on for a while. */
const REST_MS = 1_000;

/**
 * What a listening forward costs: time to start, memory, and processor time while nothing happens. The first ones pay for what
 * is there once for all: compiled code, and V8's room for what is new.
 */
export function manyForwardsSample(count: number, seconds: number): Sample {
  return async () => {
    const process = await CulvertProcess.start();
    const more = async (number: number): Promise<{ readonly us: number; readonly kB: number }> => {
      const before = residentKB(process.pid);
      const { readyMs } = await process.forward(1, undefined, number);
      return { us: (readyMs * 1000) / number, kB: (residentKB(process.pid) - before) / number };
    };
    await more(10);
    const first = await more(count);
    await pause(REST_MS);
    const cpu = runningSecondsOf(process.pid);
    await pause(seconds * 1000);
    const idlePercent = ((runningSecondsOf(process.pid) - cpu) / seconds) * 100;
    const next = await more(count);
    await process.close();
    return { first: first.us, firstMemory: first.kB, each: next.us, memory: next.kB, idle: idlePercent };
  };
}

async function withEcho<T>(contestant: Contestant, measure: (way: Way) => Promise<T>): Promise<T> {
  const echo = await startHelper('echoProcess');
  const way = await contestant.open(echo.port);
  try {
    return await measure(way);
  } finally {
    await way.close();
    await echo.close();
  }
}

/** Of the forwarding process and all that it started: some peers fork for each connection. What they share counts once (proc(5), Pss), in units of 1,000 bytes. */
function residentKB(pid: number): number {
  return [pid, ...descendantsOf(pid)].reduce((sum, each) => sum + residentOf(each), 0);
}

function residentOf(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1.024;
  } catch {
    return 0;
  }
}
