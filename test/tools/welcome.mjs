import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import ssh2 from 'ssh2';
import { DEMO_USER } from './demoServer.mjs';

const FIRST_PORT = 8080;
const PORTS_TRIED = 100;

/**
 * Writes the page that a new person sees first, and gives the same steps for the terminal.
 * @param {string} workspace
 * @param {import('./demoServer.mjs').DemoServer} server
 */
export async function writeWelcome(workspace, server) {
  const port = await freePortFrom(FIRST_PORT);
  const notation = `${port}:localhost:${server.webPort} ${DEMO_USER}@127.0.0.1:${server.sshPort}`;
  const file = join(workspace, 'WELCOME.md');
  await writeFile(file, welcomeText(server, notation, port));
  const steps = [
    `The demo's SSH server listens on 127.0.0.1:${server.sshPort}.`,
    `  Forward Port…   ${notation}`,
    `  Password        ${server.password}   (for this run only)`,
    `  Host key        ED25519 ${server.fingerprint}`,
    `  Then open       http://localhost:${port}`,
  ].join('\n');
  return { file, steps };
}

/**
 * @param {import('./demoServer.mjs').DemoServer} server
 * @param {string} notation
 * @param {number} port
 */
function welcomeText(server, notation, port) {
  return `# Your first tunnel, in three steps

On this computer an SSH server has been started for you, and behind it a web page. It takes you there, and nowhere else.

### 1. Forward a port

Press **F1**, choose **Culvert: Forward Port…**, and enter this line:

\`\`\`
${notation}
\`\`\`

It reads: listen on port ${port} of this computer; what connects there comes out at port ${server.webPort} of the SSH server's machine.

### 2. Check the server, and log in

You are asked whether this server is the right one. It is, if the fingerprint is exactly this:

\`\`\`
${server.fingerprint}
\`\`\`

The password, good until you stop the demo:

\`\`\`
${server.password}
\`\`\`

### 3. Look through the tunnel

Open <http://localhost:${port}> in a browser, or right-click the forward in the **Culvert** view (its icon is in the activity bar)
and choose **Open in Browser**. Each connection shows up under the forward while it lives.

---

**Ctrl+C** in the terminal where you typed \`npm start\` ends all of this and leaves nothing behind.
`;
}

/** @param {number} first */
async function freePortFrom(first) {
  for (let port = first; port < first + PORTS_TRIED; port += 1) {
    if (await isFree(port)) return port;
  }
  throw new Error(`None of the ports ${first} to ${first + PORTS_TRIED - 1} is free.`);
}

/** @param {number} port */
function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

/**
 * Fetches the page as a tunnel does: an SSH connection, a channel, a request.
 * @param {import('./demoServer.mjs').DemoServer} server
 * @returns {Promise<string>}
 */
export function fetchThroughTunnel(server) {
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.on('error', reject);
    client.on('ready', () =>
      client.forwardOut('127.0.0.1', 0, 'localhost', server.webPort, (error, channel) => {
        if (error !== undefined) return reject(error);
        let answer = '';
        channel.on('data', (/** @type {Buffer} */ chunk) => (answer += chunk.toString()));
        channel.on('close', () => {
          client.end();
          resolve(answer);
        });
        channel.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      }),
    );
    client.connect({ host: '127.0.0.1', port: server.sshPort, username: DEMO_USER, password: server.password });
  });
}

/**
 * Takes the demo's host key out of known_hosts again: the key is gone with the server, and the line would stay for ever.
 * @param {string} publicKey
 */
export async function forgetHostKey(publicKey) {
  const file = join(homedir(), '.ssh', 'known_hosts');
  const text = await readFile(file, 'utf8').catch(() => '');
  if (!text.includes(publicKey)) return;
  const kept = text.split('\n').filter((line) => !line.includes(publicKey));
  if (kept.every((line) => line.trim() === '')) return rm(file);
  const { mode } = await stat(file);
  const replacement = `${file}.culvert-${process.pid}`;
  await writeFile(replacement, kept.join('\n'), { mode });
  await rename(replacement, file);
}
