import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { findUdpHolder, listUdpReceivers } from '../../src/system/udpPorts.ts';

const sockets: Socket[] = [];
afterEach(() => { for (const socket of sockets.splice(0)) socket.close(); });

async function receive(host: string): Promise<{ readonly host: string; readonly port: number }> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  sockets.push(socket);
  socket.bind(0, host);
  await once(socket, 'listening');
  return { host, port: socket.address().port };
}

describe.runIf(process.platform === 'linux')('who receives the datagrams of a port', () => {
  it.each(['127.0.0.1', '::1', '0.0.0.0', '::'])('is found for %s', async (host) => {
    const address = await receive(host);
    expect(await listUdpReceivers()).toContainEqual(address);
    const holder = await findUdpHolder({ host: host.includes(':') ? '::1' : '127.0.0.1', port: address.port });
    expect(holder?.pid).toBe(process.pid);
  });

  it('is nobody at another address, nor once the socket is closed', async () => {
    const { port } = await receive('127.0.0.1');
    expect(await findUdpHolder({ host: '127.0.0.2', port })).toBeUndefined();
    sockets.splice(0).forEach((socket) => { socket.close(); });
    expect(await findUdpHolder({ host: '127.0.0.1', port })).toBeUndefined();
  });
});
