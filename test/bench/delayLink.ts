import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

/** A link with a pure delay and an unbounded queue; run in a process of its own, where nothing else takes its time. */
const [delay = '25', destination = '0'] = process.argv.slice(2);
const delayMs = Number(delay);

const server = createServer({ noDelay: true, allowHalfOpen: true }, (near) => {
  const far = connect({ port: Number(destination), host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
  carry(near, far);
  carry(far, near);
});

function carry(from: Socket, to: Socket): void {
  const queue: { readonly due: number; readonly chunk: Buffer | undefined }[] = [];
  let isTimed = false;
  const serve = (): void => {
    isTimed = false;
    const now = performance.now();
    while (queue[0] !== undefined && queue[0].due <= now) {
      const chunk = queue.shift()?.chunk;
      if (chunk === undefined) to.end();
      else to.write(chunk);
    }
    plan();
  };
  const plan = (): void => {
    const [first] = queue;
    if (first === undefined || isTimed) return;
    isTimed = true;
    setTimeout(serve, Math.max(0, first.due - performance.now()));
  };
  const add = (chunk: Buffer | undefined): void => {
    queue.push({ due: performance.now() + delayMs, chunk });
    plan();
  };
  from.on('data', (chunk: Buffer) => { add(chunk); });
  from.on('end', () => { add(undefined); });
  from.on('error', () => { to.destroy(); });
  from.on('close', () => { if (!from.readableEnded) to.destroy(); });
}

server.listen(0, '127.0.0.1');
await once(server, 'listening');
process.send?.((server.address() as AddressInfo).port);
process.on('disconnect', () => { process.exit(); });
