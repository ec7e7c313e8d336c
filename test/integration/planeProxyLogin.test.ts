import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { curl } from '../support/curl.ts';
import { eventually } from '../support/eventually.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { asked, here } from '../support/poles.ts';
import { socks5WithLogin } from '../support/proxyRequests.ts';
import { dial, readAll } from '../support/tcpPeers.ts';

const OWN = { user: 'me', password: 'ge:heim é' };
const LOGIN = `${OWN.user}:${OWN.password}`;
const LISTEN = here({ host: '127.0.0.1', port: 0 });

let plane: PlaneClient;
let web: Server;
let url: string;
let visits = 0;
let fields: string[] = [];

beforeAll(async () => {
  plane = await PlaneClient.start();
  web = createServer((request, response) => {
    visits += 1;
    fields = request.rawHeaders;
    response.end('a page');
  });
  web.listen(0, '127.0.0.1');
  await once(web, 'listening');
  url = `http://127.0.0.1:${String((web.address() as AddressInfo).port)}/`;
});

afterAll(async () => {
  web.close();
  web.closeAllConnections();
  await plane.close();
});

async function start(credentials = OWN, after?: StartedForward): Promise<{ forward: StartedForward; proxy: string; port: number }> {
  const run = after === undefined ? {} : { id: after.id, generation: after.generation + 1 };
  const forward = await plane.begin({ listen: LISTEN, connect: asked(undefined, credentials), ...run });
  await plane.untilUp(forward);
  const address = plane.boundOf(forward).addresses[0]!;
  const port = 'port' in address ? address.port : 0;
  return { forward, proxy: `127.0.0.1:${String(port)}`, port };
}

/** The ways of curl to log in; `login` empty does not. */
const CLIENTS: readonly [string, (proxy: string, login: string) => string[]][] = [
  ['--socks5', (proxy, login) => ['--socks5', proxy, ...(login === '' ? [] : ['--proxy-user', login])]],
  ['--socks5-hostname user:password@', (proxy, login) => ['--socks5-hostname', login === '' ? proxy : `${login.split(':').map(encodeURIComponent).join(':').replace('%3A', ':')}@${proxy}`]],
  ['--proxy, for a page', (proxy, login) => ['--proxy', `http://${proxy}`, ...(login === '' ? [] : ['--proxy-user', login])]],
  ['--proxytunnel', (proxy, login) => ['--proxy', `http://${proxy}`, '--proxytunnel', ...(login === '' ? [] : ['--proxy-user', login])]],
  ['--proxy-anyauth', (proxy, login) => ['--proxy', `http://${proxy}`, '--proxytunnel', '--proxy-anyauth', ...(login === '' ? [] : ['--proxy-user', login])]],
];

describe.each(CLIENTS)('curl %s, to a proxy with a login', (_, flags) => {
  it('gets through with the right one', async () => {
    const { forward, proxy } = await start();
    expect(await curl(...flags(proxy, LOGIN), url)).toMatchObject({ code: 0, text: 'a page' });
    expect(fields.join(' ')).not.toContain('Authorization');
    await plane.stop(forward);
  });

  it.each(['me:guess', 'you:ge:heim é', ''])('gets nowhere with "%s", and is told so', async (login) => {
    const { forward, proxy } = await start();
    const before = visits;
    const { code, complaint, text } = await curl('--fail', '--write-out', '%{http_connect} %{http_code}', ...flags(proxy, login), url);
    expect(code).not.toBe(0);
    expect(`${complaint} ${text}`).toMatch(/407|SOCKS5|[Aa]uthentication/);
    expect(visits).toBe(before);
    await eventually(async () => (await plane.connections(forward)).every(({ closeReason }) => closeReason === 'login-refused'));
    await plane.stop(forward);
  });
});

describe('a proxy with a login', () => {
  it('has no room for SOCKS 4', async () => {
    const { forward, proxy } = await start();
    for (const flag of ['--socks4', '--socks4a']) {
      expect(await curl(flag, `me:x@${proxy}`, url)).toMatchObject({ code: 97, complaint: expect.stringMatching(/\(?91\)?|rejected/) as string });
    }
    await plane.stop(forward);
  });

  it('ends the connection after a wrong one', async () => {
    const { forward, port } = await start();
    const client = await dial(port);
    client.write(socks5WithLogin('me', 'guess', '127.0.0.1', 1));
    expect((await readAll(client)).toString('hex')).toBe('05020101');
    client.destroy();
    await plane.stop(forward);
  });

  it('takes the new one from the next run on', async () => {
    const { forward, proxy } = await start();
    const next = await start({ user: 'me', password: 'geheimer' }, forward);
    expect(next.proxy).toBe(proxy);
    expect((await curl('--socks5', proxy, '--proxy-user', LOGIN, url)).code).not.toBe(0);
    expect((await curl('--socks5', proxy, '--proxy-user', 'me:geheimer', url)).code).toBe(0);
    await plane.stop(next.forward);
  });

  it('shows neither itself nor a request for another server to one that keeps its connection open against the request', async () => {
    const { forward, proxy } = await start();
    const heard: string[] = [];
    const greedy = createTcpServer((socket) => {
      socket.on('data', (chunk) => {
        heard.push(chunk.toString('latin1'));
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: keep-alive\r\nProxy-Connection: keep-alive\r\n\r\ngreedy');
      });
      socket.on('error', () => undefined);
    }).listen(0, '127.0.0.1');
    await once(greedy, 'listening');
    const first = `http://127.0.0.1:${String((greedy.address() as AddressInfo).port)}/`;
    const { code, text } = await curl('--proxy', `http://${proxy}`, '--proxy-user', LOGIN, '--data', 'x=1', first, '--next', '--proxy', `http://${proxy}`, '--proxy-user', LOGIN, '--header', 'Cookie: mine', url);
    expect({ code, text }).toEqual({ code: 0, text: 'greedya page' });
    expect(heard.join('')).not.toMatch(/Authorization|mine/);
    greedy.close();
    await plane.stop(forward);
  });

  it('tells the log nothing of it', () => {
    expect(plane.log()).not.toMatch(/heim|guess/);
    expect(JSON.stringify(plane.events)).not.toMatch(/heim|guess/);
  });
});
