import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { program } from './contestant.ts';
import { connectionsSample, roundTripSample } from './connections.ts';
import { culvert } from './culvert.ts';
import { idleMemorySample, mainLoopSample, manyForwardsSample, readySamples, stalledMemorySample, startHelper, throughputSample, type Scale } from './measurements.ts';
import { activationSample, busyViewSample } from './editor.ts';
import { describeMachine, renderTable, writeTable } from './report.ts';
import { BenchServer, CIPHER } from './server.ts';
import { interleave, type Figure, type Row, type Sample, type Target } from './series.ts';

const FULL: Scale = { rounds: 3, warmSeconds: 1, seconds: 2, streams: [1, 8, 64] };
const QUICK: Scale = { rounds: 1, warmSeconds: 0.5, seconds: 1, streams: [1, 64] };
const LINK_MS = 25;

const [resultsFolder = '.', sourceFolder = '.', ...words] = process.argv.slice(2);
const scale = words.includes('--quick') ? QUICK : FULL;
const only = words.find((word) => !word.startsWith('--'));
const rows: Row[] = [];
const failures: string[] = [];

type Contestants = Readonly<Record<string, Sample>>;

/** Measures one thing for all contestants and adds a row for each of its figures that is given here. */
async function measure(what: string, samples: Contestants, figures: Readonly<Record<string, Omit<Row, 'figures' | 'what'> & { readonly what?: string }>>, rounds = scale.rounds): Promise<void> {
  if (only !== undefined && !what.includes(only)) return;
  const start = performance.now();
  process.stderr.write(`▸ ${what}:`);
  const found = await interleave(samples, rounds, (name) => process.stderr.write(` ${name}`), (name, error) => {
    failures.push(`${what}, ${name}: ${String(error)}`);
  });
  process.stderr.write(` (${((performance.now() - start) / 1000).toFixed(0)} s)\n`);
  for (const [figure, row] of Object.entries(figures)) rows.push({ ...row, what: `${what}${row.what === undefined ? '' : `, ${row.what}`}`, figures: valued(found.get(figure)) });
}

function valued(figures: readonly Figure[] | undefined): readonly Figure[] {
  return (figures ?? []).filter(({ values }) => values.every(Number.isFinite));
}

function more(unit: string, ...targets: readonly Target[]): Omit<Row, 'figures' | 'what'> {
  return { unit, isMoreBetter: true, targets };
}

function less(unit: string, ...targets: readonly Target[]): Omit<Row, 'figures' | 'what'> {
  return { unit, isMoreBetter: false, targets };
}

function atMost(limit: number, unit: string): Omit<Row, 'figures' | 'what'> {
  return { ...less(unit), atMost: limit };
}

/** The limits of the product's own figures. */
function atLeast(limit: number, unit: string): Omit<Row, 'figures' | 'what'> {
  return { ...more(unit), atLeast: limit };
}

function against(name: string, atLeast: number): Target {
  return { against: name, atLeast };
}

const splice = compile('spliceRelay');
const ends = compile('connections');
const relays = [
  culvert(),
  program('socat', (listen, to) => ['socat', `TCP-LISTEN:${String(listen)},bind=127.0.0.1,fork,reuseaddr,backlog=1024`, `TCP:127.0.0.1:${String(to)}`]),
  program('socat -b 262144', (listen, to) => ['socat', '-b', '262144', `TCP-LISTEN:${String(listen)},bind=127.0.0.1,fork,reuseaddr,backlog=1024`, `TCP:127.0.0.1:${String(to)}`]),
  program('splice', (listen, to) => [splice, String(listen), String(to)]),
];
const server = await BenchServer.start();
const SAME = `ssh -L (${CIPHER.replace('@openssh.com', '')})`;
const tunnels = [culvert(server.target()), server.ssh(CIPHER), server.ssh()];

function compile(name: string): string {
  const program = join(resultsFolder, name);
  execFileSync('gcc', ['-O2', '-Wall', '-pthread', '-o', program, join(sourceFolder, `${name}.c`)]);
  return program;
}

function each(contestants: typeof relays, sampleOf: (contestant: (typeof relays)[number]) => Sample): Contestants {
  return Object.fromEntries(contestants.map((contestant) => [contestant.name, sampleOf(contestant)]));
}

async function measureBulk(): Promise<void> {
  for (const streams of scale.streams) {
    for (const direction of ['down', 'up'] as const) {
      const label = `${String(streams)} stream${streams === 1 ? '' : 's'} ${direction}`;
      await measure(`relay, ${label}`, each(relays, (it) => throughputSample(it, direction, streams, scale.seconds)), {
        throughput: more('MB/s', ...(streams === 1 ? [against('socat', 4), against('socat -b 262144', 1), against('splice', 1)] : [])),
        ...(streams === 1 ? { cpu: { ...atMost(0.28, 's/GB'), what: 'CPU' } } : {}),
      });
      await measure(`-L, ${label}`, each(tunnels, (it) => throughputSample(it, direction, streams, scale.seconds)), {
        throughput: more('MB/s', against(SAME, direction === 'up' ? (streams === 1 ? 1.1 : 1) : (streams === 1 ? 1 : 0.9)), ...(streams === 1 && direction === 'down' ? [against('ssh -L', 1.25)] : [])),
        ...(streams === 1 ? { cpu: { ...less('s/GB'), what: 'CPU' } } : {}),
      });
    }
  }
}

async function measureSmall(): Promise<void> {
  const trips = { idle: less('ms'), idle99: { ...less('ms'), what: 'p99' }, beside: { ...less('ms'), what: 'beside a bulk stream' }, beside99: { ...less('ms'), what: 'beside a bulk stream, p99' }, bulk: { ...more('MB/s'), what: 'that bulk stream' } };
  const fair = { ...trips, beside: { ...trips.beside, atMost: 1 } };
  await measure('relay, round trip', each(relays, (it) => roundTripSample(ends, it, scale)), { ...fair, bulk: { ...atLeast(1_000, 'MB/s'), what: 'that bulk stream' } });
  await measure('-L, round trip', each(tunnels, (it) => roundTripSample(ends, it, scale)), fair);
  const rates = (client: readonly Target[], last: readonly Target[]): Record<string, Omit<Row, 'figures' | 'what'> & { what: string }> => ({
    client: { ...more('/s', ...client), what: 'the client closing first' },
    server: { ...more('/s', ...last), what: 'the server closing first' },
    eightClient: { ...more('/s'), what: 'eight at once, the client closing first' },
    eightServer: { ...more('/s'), what: 'eight at once, the server closing first' },
  });
  await measure('relay, new connections', each(relays, (it) => connectionsSample(ends, it, scale)), rates([against('socat', 3)], [against('socat', 3)]));
  await measure('-L, new connections', each(tunnels, (it) => connectionsSample(ends, it, scale)), rates([], [against('ssh -L', 80)]));
  await measure('relay, idle connection', each(relays.slice(0, 2), (it) => idleMemorySample(it, 200)), { memory: atMost(13, 'kB') });
  await measure('-L, idle connection', each(tunnels, (it) => idleMemorySample(it, 200)), { memory: atMost(13, 'kB') });
  await measure('relay, stalled connection', each(relays.slice(0, 2), (it) => stalledMemorySample(it, 20)), { memory: atMost(1_500, 'kB') });
  await measure('-L, stalled connection', each(tunnels, (it) => stalledMemorySample(it, 20)), { memory: atMost(5_000, 'kB') });
}

async function measureHost(): Promise<void> {
  await measure('connect to ready', readySamples(server), { ready: { ...less('ms', against('stock ssh2', 0.25)), atMost: 40 } }, scale.rounds * 3);
  const loop = { blocked: { ...atMost(5, 'ms'), what: 'round trip p99 while the main loop is blocked 200 of 250 ms' }, delay: { ...atMost(5, 'ms'), what: 'main loop delay p99 at full speed' } };
  await measure('relay, main loop', { culvert: mainLoopSample(undefined, scale.seconds) }, loop);
  await measure('-L, main loop', { culvert: mainLoopSample(server, scale.seconds) }, loop);
  await measure('1,000 forwards', { culvert: manyForwardsSample(1_000, scale.seconds) }, {
    first: { ...less('µs'), what: 'to start one' }, firstMemory: { ...less('kB'), what: 'memory of one' }, idle: { ...atMost(0.05, '%'), what: 'CPU of all, idle' },
    each: { ...atMost(53, 'µs'), what: 'to start one of 1,000 more' }, memory: { ...atMost(4.4, 'kB'), what: 'memory of one of 1,000 more' },
  });
}

async function measureEditor(): Promise<void> {
  const extension = join(sourceFolder, '..', '..');
  await measure('activation, 500 forwards', { culvert: activationSample(extension, 500) }, {
    whole: atMost(100, 'ms'), load: { ...less('ms'), what: 'loading the bundle' }, activate: { ...less('ms'), what: 'activate()' }, after: { ...less('ms'), what: 'longest delay of the main loop in the half second after' },
  }, scale.rounds * 3);
  await measure('1,000 forwards with 1,000 changing connections', { culvert: busyViewSample(extension, 1_000, scale.seconds * 3) }, {
    shown99: { ...atMost(10, 'ms'), what: 'main loop delay p99, view shown' }, shownMax: { ...less('ms'), what: 'longest delay, view shown' }, shownBusy: { ...less('%'), what: 'main thread busy, view shown' },
    hidden99: { ...atMost(10, 'ms'), what: 'main loop delay p99, view hidden' }, hiddenBusy: { ...less('%'), what: 'main thread busy, view hidden' },
    refresh: { ...atMost(50, 'ms'), what: 'drawing the whole tree' }, starting: { ...less('ms'), what: 'longest delay while all start' },
  });
}

async function measureLink(): Promise<void> {
  const link = await startHelper('delayLink', String(LINK_MS), String(server.sshd.port));
  const far = [culvert(server.target(link.port)), server.ssh(CIPHER, link.port)];
  await measure('-L over a 50 ms link, 1 stream down', each(far, (it) => throughputSample(it, 'down', 1, scale.seconds)), { throughput: more('MB/s', against(SAME, 10)) });
  await measure('-L over a 50 ms link, 8 streams up', each(far, (it) => throughputSample(it, 'up', 8, scale.seconds)), { throughput: more('MB/s', against(SAME, 2)) });
  await link.close();
}

try {
  await measureBulk();
  await measureSmall();
  await measureHost();
  await measureEditor();
  await measureLink();
} finally {
  await server.close();
}
const machine = describeMachine(CIPHER, scale);
console.log(`\n${machine.join('\n')}\n\n${renderTable(rows)}`);
mkdirSync(resultsFolder, { recursive: true });
const file = join(resultsFolder, 'bench.json');
writeFileSync(file, JSON.stringify({ machine, scale, rows }, undefined, 2));
console.log(`\nAll figures: ${file}`);
for (const failure of failures) console.error(`FAILED  ${failure}`);
if (failures.length > 0) process.exitCode = 1;
else if (words.includes('--readme') && only === undefined) writeTable(join(sourceFolder, '..', '..', 'README.md'), `${machine.join('\n')}\n\n${renderTable(rows)}`);
process.exit();
