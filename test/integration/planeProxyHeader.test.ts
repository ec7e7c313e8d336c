import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostPort } from '../../src/core/address.ts';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { here, portOf } from '../support/poles.ts';
import { dial, readAll, serve, sha256, testBytes } from '../support/tcpPeers.ts';
import { createTemporaryFolder } from '../support/temporaryFolder.ts';

const NGINX = '/usr/sbin/nginx';

interface Nginx {
  readonly address: HostPort;
  stop(): Promise<void>;
}

/** A real nginx that wants the header and answers what it has read in it. */
async function startNginx(): Promise<Nginx> {
  const folder = await createTemporaryFolder('nginx');
  const port = await findFreePort();
  const says = '$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port';
  await writeFile(folder.join('nginx.conf'), `
    daemon off; pid ${folder.join('pid')}; error_log stderr; worker_processes 1;
    events {}
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder.join(name)};`).join(' ')}
      server { listen 127.0.0.1:${port} proxy_protocol; location / { return 200 "${says}"; } }
    }`);
  const child = spawn(NGINX, ['-c', folder.join('nginx.conf'), '-p', folder.join('.'), '-e', 'stderr'], { stdio: 'ignore' });
  const exit = once(child, 'exit');
  await eventually(async () => { (await dial(port)).destroy(); return child.exitCode === null; });
  return {
    address: { host: '127.0.0.1', port },
    stop: async () => {
      child.kill('SIGTERM');
      await exit;
      await folder.remove();
    },
  };
}

describe('a forward that sends the header of the PROXY protocol', () => {
  let plane: PlaneClient;
  beforeAll(async () => { plane = await PlaneClient.start(); });
  afterAll(() => plane.close());

  async function start(address: HostPort, ...listen: readonly HostPort[]): Promise<{ forward: StartedForward; port: number }> {
    const forward = await plane.begin({ listen: here(...listen), connect: { kind: 'fixed', address, sendsProxyHeader: true } });
    await plane.untilUp(forward);
    return { forward, port: portOf(plane.boundOf(forward).addresses[0]) };
  }

  it('tells a real nginx who connected, and where, over IPv4 and IPv6', async () => {
    const nginx = await startNginx();
    const { forward, port } = await start(nginx.address, { host: '127.0.0.1', port: 0 }, { host: '127.0.0.2', port: 0 }, { host: '::1', port: 0 });
    for (const host of ['127.0.0.1', '127.0.0.2', '::1']) {
      const client = await dial(port, host);
      const { localAddress, localPort } = client;
      client.end('GET / HTTP/1.0\r\n\r\n');
      const answer = (await readAll(client)).toString();
      expect(answer.split('\r\n\r\n')[1]).toBe(`${localAddress} ${localPort} ${host} ${port}`);
    }
    await plane.stop(forward);
    await nginx.stop();
  });

  it('sends it at once to a destination that speaks first, and counts only what is passed', async () => {
    const greeting = await serve((socket) => {
      socket.once('data', (header: Buffer) => { socket.end(`saw ${header.length}`); });
    });
    const { forward, port } = await start({ host: greeting.host, port: greeting.port }, { host: '127.0.0.1', port: 0 });
    const client = await dial(port);
    expect((await readAll(client)).toString()).toBe('saw 28');
    client.end();
    await eventually(async () => {
      expect(await plane.connections(forward)).toMatchObject([{ phase: 'closed', bytesUp: 0, bytesDown: 6 }]);
      return true;
    });
    await plane.stop(forward);
    await greeting.close();
  });

  it('changes nothing of what follows', async () => {
    const received: Buffer[] = [];
    const sink = await serve((socket) => {
      socket.on('data', (chunk: Buffer) => received.push(chunk));
      socket.once('end', () => { socket.end('done'); });
    });
    const { forward, port } = await start({ host: sink.host, port: sink.port }, { host: '127.0.0.1', port: 0 });
    const bytes = testBytes(16 * 1024 * 1024);
    const client = await dial(port);
    client.end(bytes);
    expect((await readAll(client)).toString()).toBe('done');
    expect(sha256(Buffer.concat(received).subarray(28))).toBe(sha256(bytes));
    await plane.stop(forward);
    await sink.close();
  });
});
