import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { end, type Contestant } from './contestant.ts';
import type { Sample } from './series.ts';

const run = promisify(execFile);

/** What is left out before each figure, in which code gets compiled. */
const WARM_UP_SECONDS = 1;

/** New connections in a second, one after another with either side closing first, and eight at once; `ends` is connections.c. */
export function connectionsSample(ends: string, contestant: Contestant, seconds: number): Sample {
  return async () => {
    const echo = spawn(ends, ['echo'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [port] = (await once(createInterface(echo.stdout), 'line')) as [string];
    const way = await contestant.open(Number(port));
    const rateOf = async (closeFrom: 'client' | 'server', lanes: number): Promise<number> => {
      await connect(ends, way.port, closeFrom, lanes, WARM_UP_SECONDS);
      return connect(ends, way.port, closeFrom, lanes, seconds);
    };
    try {
      return { client: await rateOf('client', 1), server: await rateOf('server', 1), eight: await rateOf('client', 8) };
    } finally {
      await way.close();
      await end(echo);
    }
  };
}

async function connect(ends: string, port: number, closeFrom: 'client' | 'server', lanes: number, seconds: number): Promise<number> {
  const { stdout } = await run(ends, [String(port), closeFrom, String(lanes), String(seconds)]);
  return Number(stdout);
}
