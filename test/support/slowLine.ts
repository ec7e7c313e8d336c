import { connect, type Socket } from 'node:net';
import type { HostPort } from '../../src/core/address.ts';
import { serve, type TestServer } from './tcpPeers.ts';

export interface LineQuality {
  /** In each direction. */
  readonly bytesPerSecond: number;
  /** How long a chunk is under way; asked for each, and none overtakes another. */
  readonly latencyMs: () => number;
}

/** What the line holds before whoever sends has to wait. */
const HELD_BYTES = 64 * 1024;

/** A port that leads to a server over a bad line. */
export function slowLine(server: HostPort, quality: LineQuality): Promise<TestServer> {
  return serve((near) => {
    const far = connect({ ...server, allowHalfOpen: true, noDelay: true });
    near.setNoDelay(true);
    carry(near, far, quality);
    carry(far, near, quality);
  });
}

function carry(from: Socket, to: Socket, { bytesPerSecond, latencyMs }: LineQuality): void {
  let sentAt = 0;
  let arrivesAt = 0;
  let held = 0;
  // Timers of different lengths may overtake each other; what they deliver does not.
  const underWay: (() => void)[] = [];
  const send = (length: number, deliver: () => void): void => {
    const now = performance.now();
    sentAt = Math.max(now, sentAt) + (length / bytesPerSecond) * 1_000;
    arrivesAt = Math.max(arrivesAt, sentAt + latencyMs());
    held += length;
    underWay.push(deliver);
    if (held > HELD_BYTES) from.pause();
    setTimeout(() => {
      held -= length;
      if (held <= HELD_BYTES) from.resume();
      const next = underWay.shift();
      if (!to.destroyed) next?.();
    }, arrivesAt - now);
  };
  from.on('data', (chunk: Buffer) => {
    // In pieces of the line's own, as packets are.
    for (let start = 0; start < chunk.length; start += 1_400) {
      const piece = chunk.subarray(start, start + 1_400);
      send(piece.length, () => to.write(piece));
    }
  });
  from.on('end', () => { send(0, () => to.end()); });
  from.on('error', () => to.destroy()).on('close', () => { if (!from.readableEnded) to.destroy(); });
}
