import { Readable } from 'node:stream';

const CHUNK = Buffer.alloc(64 * 1024, 'culvert ');
const LARGE_BYTES = 50 * 1024 * 1024;

/**
 * The web page at the far end of the demo's tunnel, and something larger to load so that the numbers in the tree move.
 * @type {import('node:http').RequestListener}
 */
export function demoPage(request, response) {
  if (request.url === '/large') return sendLarge(response);
  if (request.url !== '/') return void response.writeHead(404, { 'content-type': 'text/plain' }).end('There is only one page here.\n');
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' });
  response.end(page(request.headers.host ?? 'localhost'));
}

/** @param {import('node:http').ServerResponse} response */
function sendLarge(response) {
  response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': LARGE_BYTES });
  const chunks = Array.from({ length: LARGE_BYTES / CHUNK.length }, () => CHUNK);
  Readable.from(chunks, { objectMode: false }).pipe(response);
}

/** @param {string} host */
function page(host) {
  const shownHost = host.replace(/[^\w.:[\]-]/g, '');
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>You are through</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 1.1rem/1.6 system-ui, sans-serif; max-width: 38rem; margin: 12vh auto; padding: 0 1.5rem; }
  h1 { font-size: 2.2rem; line-height: 1.2; }
  code { background: #8882; padding: .1em .35em; border-radius: .25em; }
</style>
<h1>You are through.</h1>
<p>Your browser asked <code>${shownHost}</code>. Culvert took the connection there, carried it through an encrypted SSH
connection, and the SSH server at the other end opened this page for you.</p>
<p>Look at the Forwards view: this page is one of the connections there.
<a href="/large" download="fifty-megabytes">Load 50 MB</a> and watch its numbers.</p>
</html>
`;
}
