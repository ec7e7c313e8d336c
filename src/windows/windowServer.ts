import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Disposable } from '../core/lifecycle.ts';
import { windowAddress, type WindowReport } from './windowAddress.ts';

/** Tells the other editor windows of this user what this one forwards. */
export class WindowServer implements Disposable {
  readonly #folder: string;
  readonly #report: () => WindowReport;
  #server: Server | undefined;

  /** `folder` is the same for all windows and private to the user. */
  constructor(folder: string, report: () => WindowReport) {
    this.#folder = folder;
    this.#report = report;
  }

  /** Rejects when the window cannot be reached by the others; forwards work all the same. */
  async start(): Promise<void> {
    const address = windowAddress(this.#folder, process.pid);
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // What an earlier process with this id left behind.
    await rm(join(this.#folder, String(process.pid)), { force: true });
    const server = createServer((socket) => {
      socket.on('error', () => { socket.destroy(); });
      socket.end(`${JSON.stringify(this.#report())}\n`);
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, resolve);
    });
    // A pipe is in no folder: a file of the same name lets the others find it.
    if (process.platform === 'win32') await writeFile(join(this.#folder, String(process.pid)), '');
    server.unref();
  }

  /** Stops answering; on Unix the socket's file goes with it. */
  dispose(): void {
    this.#server?.close();
    this.#server = undefined;
  }
}
