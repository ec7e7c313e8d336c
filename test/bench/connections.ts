import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { end, type Contestant } from './contestant.ts';
import type { Sample } from './series.ts';

const run = promisify(execFile);

/** What is left out before each figure, in which code gets compiled, and how long the figure is taken for. */
export interface Span {
  readonly warmSeconds: number;
  readonly seconds: number;
}

/** New connections in a second, one after another and eight at once, with either side closing first; `ends` is connections.c. */
export function connectionsSample(ends: string, contestant: Contestant, { warmSeconds, seconds }: Span): Sample {
  return () => withEnds(ends, contestant, async (port) => {
    const rateOf = async (closeFrom: 'client' | 'server', lanes: number): Promise<number> => {
      await connect(ends, port, closeFrom, lanes, warmSeconds);
      return connect(ends, port, closeFrom, lanes, seconds);
    };
    return { client: await rateOf('client', 1), server: await rateOf('server', 1), eightClient: await rateOf('client', 8), eightServer: await rateOf('server', 8) };
  });
}

/** Round trips of one byte in ms while nothing else goes on, and beside one bulk stream, with its MB/s. */
export function roundTripSample(ends: string, contestant: Contestant, { warmSeconds, seconds }: Span): Sample {
  return () => withEnds(ends, contestant, async (port) => {
    const trips = async (beside: 'alone' | 'beside'): Promise<number[]> => {
      const { stdout } = await run(ends, [String(port), beside, String(warmSeconds), String(seconds)]);
      return stdout.split(' ').map(Number);
    };
    const [idle = NaN, idle99 = NaN] = await trips('alone');
    const [beside = NaN, beside99 = NaN, bulk = NaN] = await trips('beside');
    return { idle, idle99, beside, beside99, bulk };
  });
}

async function withEnds(ends: string, contestant: Contestant, measure: (port: number) => Promise<Readonly<Record<string, number>>>): Promise<Readonly<Record<string, number>>> {
  const echo = spawn(ends, ['echo'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(createInterface(echo.stdout), 'line')) as [string];
  const way = await contestant.open(Number(port));
  try {
    return await measure(way.port);
  } finally {
    await way.close();
    await end(echo);
  }
}

async function connect(ends: string, port: number, closeFrom: 'client' | 'server', lanes: number, seconds: number): Promise<number> {
  const { stdout } = await run(ends, [String(port), closeFrom, String(lanes), String(seconds)]);
  return Number(stdout);
}
