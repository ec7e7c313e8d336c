import { connect } from 'node:net';

/** Whether somebody listens on a Unix socket: `refused` when nobody does, `gone` when nothing is there. What may not be asked counts as listening. */
export function probeSocket(path: string): Promise<'listening' | 'refused' | 'gone'> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve('listening');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ENOENT' ? 'gone' : 'listening');
    });
  });
}
