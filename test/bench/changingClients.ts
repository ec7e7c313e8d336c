import { connect, type Socket } from 'node:net';

/**
 * A connection to each of the ports, in a process of its own: twice a second each of them sends a byte, and one in twenty is
 * closed and made anew.
 */
const ROUND_MS = 500;
const RENEWED_PART = 20;

process.on('message', (ports: readonly number[]) => {
  const sockets = ports.map(open);
  let round = 0;
  setInterval(() => {
    round += 1;
    ports.forEach((port, index) => {
      if (index % RENEWED_PART === round % RENEWED_PART) {
        sockets[index]?.end();
        sockets[index] = open(port);
      }
      sockets[index]?.write('e');
    });
  }, ROUND_MS);
});
process.on('disconnect', () => { process.exit(); });
process.send?.(0);

function open(port: number): Socket {
  return connect({ port, host: '127.0.0.1' }).on('error', () => undefined).resume();
}
