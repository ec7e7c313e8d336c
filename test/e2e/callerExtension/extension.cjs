// An extension of 1.100 is CommonJS.
/* eslint-disable @typescript-eslint/no-require-imports */
// Runs what a test sends to its socket, as an extension beside Culvert would; `api` is Culvert's.
const { createServer } = require('node:net');
const { join } = require('node:path');
const vscode = require('vscode');

const AsyncFunction = /** @type {new (...parts: string[]) => (...args: unknown[]) => Promise<unknown>} */ (/** @type {unknown} */ ((async () => undefined).constructor));

/** @param {string} source */
async function evaluate(source) {
  try {
    const api = await vscode.extensions.getExtension('culvert.culvert')?.activate();
    return { value: await new AsyncFunction('api', source)(api) };
  } catch (error) {
    const { code, message } = /** @type {{ code?: string, message?: string }} */ (error);
    return { error: { code, message } };
  }
}

exports.activate = () => {
  const folder = process.env.CULVERT_TEST_FOLDER;
  if (folder === undefined) return;
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let source = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => (source += chunk.toString()));
    socket.on('end', async () => socket.end(JSON.stringify(await evaluate(source))));
  });
  server.listen(join(folder, String(process.pid)));
};
