import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { eventually } from '../support/eventually.ts';
import { findFreePort } from '../support/freePort.ts';
import { NetworkNamespace } from '../support/netns.ts';
import { run } from '../support/processes.ts';
import { TelnetClient } from '../support/telnetClient.ts';
import { expect, test } from './fixtures.ts';

const FIFTY_MB = 50_000_000;

test('curl fetches 50 MB from port 80 of another machine through a relay', async ({ workbench, own }) => {
  const machine = own(await NetworkNamespace.create(), (it) => it.remove());
  machine.spawn(process.execPath, join(import.meta.dirname, '../support/fileServer.mjs'), machine.thereAddress, '80', String(FIFTY_MB));
  await eventually(async () => (await machine.exec('ss', '-Hltn', 'sport = :80')) !== '');
  const port = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(port)}:${machine.thereAddress}:80`);
  await workbench.forwards.waitForRow(/listening/);

  const fetched = await run('curl', ['--silent', '--show-error', '--fail', '--output', '-', `http://localhost:${String(port)}/`]).then((text) => createHash('sha256').update(text, 'latin1').digest('hex'));
  expect(fetched).toBe(createHash('sha256').update(Buffer.alloc(FIFTY_MB, 'culvert')).digest('hex'));
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('↓ 50 MB'));
  expect(workbench.problems()).toEqual([]);
});

test('telnet reaches another port of the same machine, from a port and arrow typed as people write it', async ({ workbench, own }) => {
  const server = own(createServer((socket) => { socket.end('welcome to port twenty-three\r\n'); }), async (it) => { await new Promise((resolve) => it.close(resolve)); });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const there = typeof address === 'object' && address !== null ? address.port : 0;
  const here = await findFreePort();
  await workbench.openCulvert();
  await workbench.forward(`${String(here)} -> ${String(there)}`);
  await workbench.forwards.waitForRow(/listening/);
  const telnet = own(new TelnetClient('localhost', here), (it) => { it.kill(); });
  await telnet.waitFor('welcome to port twenty-three');
  await workbench.forwards.waitForRow((row) => row.label === 'CLOSED' && row.description.includes('closed by the destination'));
  expect(workbench.problems()).toEqual([]);
});
