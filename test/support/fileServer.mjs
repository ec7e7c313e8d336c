// A web server for one big answer, to be run as a process of its own: node fileServer.mjs HOST PORT BYTES
import { createServer } from 'node:http';

const [host, port, bytes] = process.argv.slice(2);
const body = Buffer.alloc(Number(bytes), 'culvert');
createServer((_, response) => {
  response.setHeader('Content-Length', body.length);
  response.end(body);
}).listen(Number(port), host);
