import { createHash, randomInt, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import ssh2 from 'ssh2';
import { demoPage } from './demoPage.mjs';
import { generateHostKey } from './hostKey.mjs';

export const DEMO_USER = 'demo';
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '::1'];
const WORDS = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord', 'grove', 'heron', 'inlet', 'juniper', 'kelp', 'lagoon'];

/**
 * @typedef {object} DemoServer
 * @property {number} sshPort
 * @property {number} webPort Where the page is, which no one but the SSH server is told about.
 * @property {string} password Good for this run only.
 * @property {string} fingerprint The host key's, as ssh shows it: SHA256:…
 * @property {string} publicKey The host key's base64 part.
 * @property {() => Promise<void>} stop
 */

/**
 * Starts an SSH server on loopback that does one thing: forward connections to its own web page.
 * @returns {Promise<DemoServer>}
 */
export async function startDemoServer() {
  const web = createServer(demoPage);
  const webPort = await listen(web);
  const keys = generateHostKey();
  const publicKey = keys.public.split(' ')[1] ?? '';
  const password = makePassword();
  const clients = new Set();
  const ssh = new ssh2.Server({ hostKeys: [keys.private] }, (client) => {
    clients.add(client);
    client.on('close', () => clients.delete(client));
    // A client that goes away in the middle of something is no news here.
    client.on('error', () => undefined);
    serve(client, password, webPort);
  });
  const sshPort = await listen(ssh);
  const stop = async () => {
    for (const client of clients) client.end();
    web.closeAllConnections();
    await Promise.all([close(ssh), close(web)]);
  };
  return { sshPort, webPort, password, publicKey, fingerprint: fingerprintOf(publicKey), stop };
}

/**
 * @param {import('ssh2').Connection} client
 * @param {string} password
 * @param {number} webPort
 */
function serve(client, password, webPort) {
  client.on('authentication', (context) => {
    const isPassword = context.method === 'password' && context.username === DEMO_USER && isSame(context.password, password);
    if (isPassword) context.accept();
    else context.reject(['password']);
  });
  client.on('tcpip', (accept, reject, { destIP, destPort }) => {
    if (destPort !== webPort || !LOOPBACK_NAMES.includes(destIP)) return reject();
    const socket = connect({ port: webPort, host: '127.0.0.1', allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      join(accept(), socket);
    });
  });
  // Without this answer a client that asks for a shell would wait for ever.
  client.on('session', (_accept, reject) => reject());
}

/**
 * @param {import('ssh2').ServerChannel} channel
 * @param {import('node:net').Socket} socket
 */
function join(channel, socket) {
  socket.on('error', () => channel.destroy());
  channel.on('error', () => socket.destroy());
  channel.on('close', () => socket.destroy());
  channel.pipe(socket).pipe(channel);
}

/**
 * @param {import('node:net').Server | import('ssh2').Server} server
 * @returns {Promise<number>}
 */
async function listen(server) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server without a port.');
  return address.port;
}

/** @param {import('node:net').Server | import('ssh2').Server} server */
function close(server) {
  return new Promise((resolve) => server.close(resolve));
}

function makePassword() {
  const word = () => WORDS[randomInt(WORDS.length)];
  return `${word()}-${word()}-${randomInt(1000, 10_000)}`;
}

/** @param {string} publicKey */
function fingerprintOf(publicKey) {
  const digest = createHash('sha256').update(Buffer.from(publicKey, 'base64')).digest('base64');
  return `SHA256:${digest.replace(/=+$/, '')}`;
}

/** @param {string} left @param {string} right */
function isSame(left, right) {
  const digest = (/** @type {string} */ text) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}
