import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { SshTarget } from '../../src/core/sshTarget.ts';
import { end, type Contestant, type Way } from './contestant.ts';
import type { Answer, Order } from './culvertProcess.ts';

/** The product's plane, as it ships, in a worker thread of a process of its own. */
export class CulvertProcess {
  private constructor(private readonly child: ChildProcess) {}

  static async start(): Promise<CulvertProcess> {
    const child = fork(join(import.meta.dirname, 'culvertProcess.mjs'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await once(child, 'message');
    return new CulvertProcess(child);
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async ask(order: Order): Promise<Answer> {
    this.child.send(order);
    const [answer] = (await once(this.child, 'message')) as [Answer];
    return answer;
  }

  async forward(destination: number, target?: SshTarget, count = 1): Promise<Required<Pick<Answer, 'port' | 'readyMs'>>> {
    const { port = 0, readyMs = 0 } = await this.ask({ kind: 'forward', destination, count, ...(target === undefined ? {} : { target }) });
    return { port, readyMs };
  }

  close(): Promise<void> {
    return end(this.child);
  }
}

/** The product with one forward. */
export function culvert(target?: SshTarget): Contestant {
  return {
    name: 'culvert',
    open: async (destination): Promise<Way> => {
      const process = await CulvertProcess.start();
      const { port } = await process.forward(destination, target);
      return { port, pid: process.pid, close: () => process.close() };
    },
  };
}
