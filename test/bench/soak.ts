import type { Socket } from 'node:net';
import type { HostPort } from '../../src/core/address.ts';
import type { ForwardSpec } from '../../src/core/forwardSpec.ts';
import { eventually } from '../support/eventually.ts';
import { HostProcess } from '../support/hostProcess.ts';
import { dialSocks5 } from '../support/socksClient.ts';
import { dial, dialPath, serve } from '../support/tcpPeers.ts';
import { createTemporaryFolder } from '../support/temporaryFolder.ts';
import { BenchServer } from './server.ts';
import { median } from './series.ts';
import { tryEcho, type Outcome } from './soakLoad.ts';

const DEFAULT_MINUTES = 5;
const CONNECTIONS_PER_SECOND = 20;
const DROP_INTERVAL_MS = 60_000;
const SAMPLE_INTERVAL_MS = 2_000;
/** What a process grows by at first, it keeps: the slope is that of what follows. */
const WARM_UP_SHARE = 1 / 3;

interface Sample {
  readonly atMs: number;
  readonly residentBytes: number;
  readonly descriptors: number;
}

const minutes = Number(process.argv[process.argv.indexOf('--minutes') + 1] ?? DEFAULT_MINUTES) || DEFAULT_MINUTES;
const begun = performance.now();
const endsAt = begun + minutes * 60_000;
const server = await BenchServer.start();
const folder = await createTemporaryFolder('soak');
const echo = await serve((socket) => { socket.pipe(socket); });
const host = await HostProcess.start();
const forwards = await startForwards();

const outcomes = new Map<Outcome | 'broken by a drop', number>();
const backMs: number[] = [];
const samples: Sample[] = [];
const running = new Set<Promise<void>>();
let drops = 0;
let isDown = false;

await Promise.all([every(1_000 / CONNECTIONS_PER_SECOND, connectOnce), every(SAMPLE_INTERVAL_MS, takeSample), every(DROP_INTERVAL_MS, drop)]);
await Promise.all(running);
// What has been closed is given back a moment later.
await eventually(() => host.descriptors <= (samples[0]?.descriptors ?? 0), { deadlineMs: 10_000 }).catch(() => undefined);
takeSample();
const { log } = await host.look();
report();
await host.kill();
await echo.close();
await folder.remove();
await server.close();

/** Calls again and again until the time is over, however long one call takes, and not at the beginning. */
async function every(intervalMs: number, act: () => void): Promise<void> {
  for (let next = performance.now() + intervalMs; next < endsAt; next += intervalMs) {
    await new Promise((resolve) => setTimeout(resolve, next - performance.now()));
    act();
  }
}

async function startForwards(): Promise<readonly (() => Promise<Socket>)[]> {
  const connect = { host: echo.host, port: echo.port };
  const listen = { host: '127.0.0.1', port: 0 };
  const target = { host: 'server' };
  const specs: readonly ForwardSpec[] = [
    { kind: 'relay', listen, connect }, { kind: 'relay', listen, connect }, { kind: 'relay', listen: { path: folder.join('relay.sock') }, connect },
    { kind: 'local', listen, connect, target }, { kind: 'local', listen, connect, target }, { kind: 'local', listen: { path: folder.join('local.sock') }, connect, target },
    { kind: 'remote', listen, connect, target }, { kind: 'remote', listen, connect, target },
    { kind: 'dynamic', listen, target }, { kind: 'dynamic', listen, target },
  ];
  const dials: (() => Promise<Socket>)[] = [];
  for (const [index, spec] of specs.entries()) dials.push(await startForward(String(index), spec, connect));
  return dials;
}

async function startForward(id: string, spec: ForwardSpec, destination: HostPort): Promise<() => Promise<Socket>> {
  if ('path' in spec.listen) {
    const { path } = spec.listen;
    const { state } = await host.start(id, spec, server.target());
    if (state?.phase !== 'listening') throw new Error(`not up: ${JSON.stringify(state)}`);
    return () => dialPath(path);
  }
  const port = await host.portOf(id, spec, server.target());
  return spec.kind === 'dynamic' ? () => dialSocks5(port, destination) : () => dial(port);
}

function connectOnce(): void {
  const connect = forwards[Math.floor(Math.random() * forwards.length)];
  if (connect === undefined) return;
  const dropsBefore = drops;
  const wasDown = isDown;
  const trying = tryEcho(connect).then((outcome) => {
    const isOfDrop = outcome === 'broken' && (wasDown || isDown || drops !== dropsBefore);
    const seen = isOfDrop ? 'broken by a drop' : outcome;
    outcomes.set(seen, (outcomes.get(seen) ?? 0) + 1);
  }).finally(() => running.delete(trying));
  running.add(trying);
}

function takeSample(): void {
  samples.push({ atMs: performance.now() - begun, residentBytes: host.residentBytes, descriptors: host.descriptors });
}

function drop(): void {
  const dropping = dropOnce().finally(() => running.delete(dropping));
  running.add(dropping);
}

/** Kills every session on the server, and takes the time until each forward has been seen to go and come back. */
async function dropOnce(): Promise<void> {
  drops += 1;
  isDown = true;
  const droppedAt = Date.now();
  const start = performance.now();
  await server.sshd.dropConnections();
  const through = forwards.map((_, index) => String(index)).slice(3);
  for (const id of through) {
    await eventually(async () => {
      const { state } = await host.look(id);
      if (state?.phase === 'failed') throw new Error(JSON.stringify(state));
      return state?.phase === 'listening' && state.since >= droppedAt;
    }, { deadlineMs: 120_000 });
  }
  backMs.push(performance.now() - start);
  isDown = false;
  process.stderr.write(`▸ minute ${String(drops)}: back after ${((backMs.at(-1) ?? 0) / 1000).toFixed(1)} s, ${(host.residentBytes / 1e6).toFixed(0)} MB, ${String(host.descriptors)} descriptors\n`);
}

/** The least squares' slope of the resident memory, in kB a minute. */
function slope(): number {
  const settled = samples.filter(({ atMs }) => atMs >= minutes * 60_000 * WARM_UP_SHARE);
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanAt, meanBytes] = [mean(settled.map(({ atMs }) => atMs)), mean(settled.map(({ residentBytes }) => residentBytes))];
  const covariance = mean(settled.map(({ atMs, residentBytes }) => (atMs - meanAt) * (residentBytes - meanBytes)));
  return (covariance / mean(settled.map(({ atMs }) => (atMs - meanAt) ** 2))) * 60_000 / 1_000;
}

function report(): void {
  const count = (outcome: Outcome | 'broken by a drop'): string => String(outcomes.get(outcome) ?? 0);
  const [first, last] = [samples[0], samples.at(-1)];
  const seconds = backMs.map((ms) => (ms / 1000).toFixed(1));
  const unexpected = log.filter((line) => line.startsWith('error '));
  console.log([
    `${String(minutes)} minutes, ${String(forwards.length)} forwards, ${String(drops)} drops`,
    `connections    ${count('whole')} whole, ${count('broken by a drop')} broken by a drop, ${count('broken')} broken otherwise, ${count('wrong')} with a wrong byte`,
    `reconnected    ${seconds.length === 0 ? 'never dropped' : `after ${seconds.join(', ')} s (median ${(median(backMs) / 1000).toFixed(1)} s)`}`,
    `memory         ${((first?.residentBytes ?? 0) / 1e6).toFixed(0)} MB at the beginning, ${((last?.residentBytes ?? 0) / 1e6).toFixed(0)} MB at the end, ${slope().toFixed(0)} kB a minute after the first third`,
    `descriptors    ${String(first?.descriptors)} at the beginning, ${String(last?.descriptors)} at the end`,
    `errors logged  ${String(unexpected.length)}${unexpected.map((line) => `\n  ${line}`).join('')}`,
  ].join('\n'));
  if ((outcomes.get('wrong') ?? 0) > 0) process.exitCode = 1;
}
