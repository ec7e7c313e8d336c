import { get } from 'node:http';
import { eventually } from '../support/eventually.ts';
import { run, signalProcess } from '../support/processes.ts';
import type { Workbench } from './workbench.ts';

/**
 * Ends the data plane's worker thread as a crash would, through the debugger that every Node process brings: the
 * extension has nothing for it. The extension host itself goes on.
 */
export async function killPlane(workbench: Workbench, extensionHostPid: number): Promise<void> {
  const before = await portsOf(extensionHostPid);
  // Node opens its inspector at this signal.
  signalProcess(extensionHostPid, 'SIGUSR1');
  const port = await eventually(async () => (await portsOf(extensionHostPid)).find((each) => !before.includes(each)));
  const [target] = JSON.parse(await fetchText(`http://127.0.0.1:${String(port)}/json/list`)) as { webSocketDebuggerUrl: string }[];
  // A page without a policy about what it may connect to.
  const page = await workbench.page.context().newPage();
  try {
    await page.evaluate(endWorker, target?.webSocketDebuggerUrl ?? '');
  } finally {
    await page.close();
  }
  await workbench.vsCode.evaluate("process.getBuiltinModule('node:inspector').close()");
}

/** Runs in the page: attaches to the worker through the inspector and lets it exit. */
async function endWorker(url: string): Promise<void> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => { reject(new Error('no inspector')); };
  });
  const attached = new Promise<string>((resolve) => {
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const { method, params } = JSON.parse(data) as { method?: string; params?: { sessionId: string; workerInfo: { title: string; url: string } } };
      if (method === 'NodeWorker.attachedToWorker' && params?.workerInfo.url.endsWith('plane.js') === true) resolve(params.sessionId);
    };
  });
  socket.send(JSON.stringify({ id: 1, method: 'NodeWorker.enable', params: { waitForDebuggerOnStart: false } }));
  const sessionId = await attached;
  const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'process.exit(70)' } });
  const detached = new Promise((resolve) => {
    socket.onmessage = ({ data }: MessageEvent<string>) => { if (data.includes('NodeWorker.detachedFromWorker')) resolve(undefined); };
  });
  socket.send(JSON.stringify({ id: 2, method: 'NodeWorker.sendMessageToWorker', params: { sessionId, message } }));
  await detached;
  socket.close();
}

/** The TCP ports on which a process listens. */
async function portsOf(pid: number): Promise<number[]> {
  const lines = (await run('ss', ['-Hltnp'])).split('\n').filter((line) => line.includes(`pid=${String(pid)},`));
  return lines.map((line) => Number(/:(\d+)$/.exec(line.split(/\s+/)[3] ?? '')?.[1]));
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => { text += chunk.toString(); });
      response.once('end', () => { resolve(text); });
    }).once('error', reject);
  });
}
