import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { testBytes } from '../support/tcpPeers.ts';

/** How one connection went. */
export type Outcome = 'whole' | 'broken' | 'wrong';

const LONGEST_BYTES = 64 * 1024;
const DEADLINE_MS = 60_000;
const BYTES = testBytes(4 * LONGEST_BYTES);

/** Sends some bytes to an echo and compares what comes back; `broken` is a connection that did not come to its end. */
export async function tryEcho(connect: () => Promise<Socket>): Promise<Outcome> {
  const start = randomInt(BYTES.length - LONGEST_BYTES);
  const sent = BYTES.subarray(start, start + randomInt(1, LONGEST_BYTES));
  let socket: Socket;
  try {
    socket = await connect();
  } catch {
    return 'broken';
  }
  return new Promise((resolve) => {
    let received = 0;
    const end = (outcome: Outcome): void => {
      socket.destroy();
      resolve(outcome);
    };
    socket.setTimeout(DEADLINE_MS, () => { end('broken'); });
    socket.on('data', (chunk: Buffer) => {
      if (!chunk.equals(sent.subarray(received, received + chunk.length))) end('wrong');
      received += chunk.length;
    });
    socket.on('error', () => { end('broken'); });
    socket.on('close', () => { end('broken'); });
    socket.on('end', () => { end(received === sent.length ? 'whole' : 'broken'); });
    socket.end(sent);
  });
}
