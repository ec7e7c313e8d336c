import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { listenersOn } from '../support/listeners.ts';

/** A way to a destination that is measured: the product, or one of its peers. */
export interface Contestant {
  readonly name: string;
  /** Opens a way from a port of this machine to another port of this machine. */
  open(destination: number): Promise<Way>;
}

export interface Way {
  readonly port: number;
  /** The process that forwards; what it starts counts with it. */
  readonly pid: number;
  close(): Promise<void>;
}

/** A program that listens on a port it is given, started anew for each measurement. */
export function program(name: string, commandFor: (listen: number, destination: number) => readonly string[]): Contestant {
  return {
    name,
    open: async (destination) => {
      const port = await findFreePort();
      const [file = '', ...words] = commandFor(port, destination);
      const child = spawn(file, words, { stdio: ['ignore', 'ignore', 'pipe'] });
      let complaint = '';
      child.stderr.on('data', (text: Buffer) => { complaint = (complaint + text.toString()).slice(-2_000); });
      await eventually(() => {
        if (child.exitCode !== null) throw new Error(`${name} ended: ${complaint}`);
        return isListening(port);
      }, { deadlineMs: 20_000, explain: () => complaint });
      return { port, pid: child.pid ?? 0, close: () => end(child) };
    },
  };
}

export async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Asked of the system: a connection to find out would reach the destination. */
async function isListening(port: number): Promise<boolean> {
  return (await listenersOn(port)).length > 0;
}
