import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Below the ports that systems give to outgoing connections (32768 on Linux), so that none of those takes it meanwhile. */
const FIRST = 15_000;
const END = 32_000;

/** A TCP port that was free a moment ago. Somebody else may take it before its user does. */
export async function findFreePort(host = '127.0.0.1'): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    if (await isFree(host, port)) return port;
  }
}

/** The first of as many ports in a row that were free a moment ago, on both loopbacks. */
export async function findFreeRange(count: number): Promise<number> {
  for (;;) {
    const first = randomInt(FIRST, END - count);
    const ports = Array.from({ length: count }, (_, index) => first + index);
    const areFree = await Promise.all(['127.0.0.1', '::1'].flatMap((host) => ports.map((port) => isFree(host, port))));
    if (areFree.every(Boolean)) return first;
  }
}

/** The port itself where it is free, for what is to look familiar in a picture; else any other. */
export async function preferPort(port: number): Promise<number> {
  return (await isFree('127.0.0.1', port)) ? port : findFreePort();
}

function isFree(host: string, port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => { resolve(false); });
    server.listen(port, host, () => { server.close(() => { resolve(true); }); });
  });
}
