import { createServer, type AddressInfo } from 'node:net';

/**
 * The far end of the small measurements, in a process of its own: answers each chunk with itself. A connection that begins
 * with `x` gets one byte back and is closed from here; one that begins with `s` is sent to without end, whether it reads or not.
 */
const server = createServer({ noDelay: true, allowHalfOpen: false }, (socket) => {
  socket.on('error', () => undefined);
  socket.on('data', (chunk: Buffer) => {
    if (chunk[0] === 0x78) socket.end('x');
    else if (chunk[0] === 0x73) pour();
    else socket.write(chunk);
  });
  const pour = (): void => {
    while (!socket.destroyed && socket.write(BLOCK));
    socket.once('drain', pour);
  };
});
const BLOCK = Buffer.alloc(64 * 1024);

server.listen(0, '127.0.0.1', 4_096, () => { process.send?.((server.address() as AddressInfo).port); });
process.on('disconnect', () => { process.exit(); });
