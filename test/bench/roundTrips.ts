import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

/** How one byte goes to the echo and back, one after another over one connection: milliseconds, sorted. */
export async function measureRoundTrips(port: number, durationMs: number): Promise<number[]> {
  const socket = await open(port);
  const times: number[] = [];
  const end = performance.now() + durationMs;
  // The first exchange opens the far side.
  await exchange(socket, 'e');
  while (performance.now() < end) {
    const start = performance.now();
    await exchange(socket, 'e');
    times.push(performance.now() - start);
  }
  socket.destroy();
  return times.sort((one, other) => one - other);
}

export async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return socket;
}

function exchange(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('data', () => {
      socket.off('close', onClose);
      resolve();
    });
    const onClose = (): void => { reject(new Error('the connection was closed')); };
    socket.once('close', onClose);
    socket.write(text);
  });
}

/** The value below which this share of the sorted values lies. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
