import { closeSync, open, openSync } from 'node:fs';
import { run } from './processes.ts';

/** How many threads libuv has for name lookups and files, unless told otherwise. */
const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);

/**
 * Holds up every name lookup of this process, as a resolver that does not answer would: all threads that could make one
 * wait for somebody to open the other end of a pipe. Nothing else that needs them goes on either, until it is released.
 */
export async function blockLookups(pipePath: string): Promise<() => Promise<void>> {
  await run('mkfifo', [pipePath]);
  const waiting = Array.from({ length: THREADS }, () => new Promise<void>((resolve) => {
    open(pipePath, 'r', (_error, descriptor) => {
      closeSync(descriptor);
      resolve();
    });
  }));
  return async () => {
    // Both ends at once, which waits for nobody.
    const descriptor = openSync(pipePath, 'r+');
    await Promise.all(waiting);
    closeSync(descriptor);
  };
}
