import { once } from 'node:events';
import { createServer } from 'node:http';

/**
 * Sends `/PORT/path` on to `http://localhost:PORT/path`. The VS Code from npm opens a port of this machine under an address
 * that it makes from a template, and takes none that has `{{port}}` where a port belongs: that is no URL.
 * @returns {Promise<{ readonly template: string, readonly stop: () => Promise<unknown> }>}
 */
export async function startPortRedirect() {
  const server = createServer((request, response) => {
    const [, port, rest = '/'] = /^\/(\d{1,5})(\/.*)?$/.exec(request.url ?? '') ?? [];
    if (port === undefined) return void response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing here.\n');
    response.writeHead(302, { location: `http://localhost:${port}${rest}` }).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('A TCP server without a port.');
  const stop = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { template: `http://127.0.0.1:${address.port}/{{port}}/`, stop };
}
