import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { StartedForward } from '../support/planeClient.ts';
import { Postgres, psqlArguments } from '../support/postgres.ts';
import { run } from '../support/processes.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { Tunnels } from '../support/tunnels.ts';

const QUERIES = 1_000;
/** 100 bytes a row, its line feed included. */
const ROWS = 1_000_000;
const MAKE_TABLE = `CREATE UNLOGGED TABLE original AS SELECT lpad(i::text, 9, '0') AS number, digest || digest || left(digest, 25) AS text FROM (SELECT i, md5(i::text) AS digest FROM generate_series(1, ${String(ROWS)}) AS i OFFSET 0) AS digests`;

let tunnels: Tunnels;
let postgres: Postgres;
let folder: TemporaryFolder;
let forward: StartedForward;
/** Of the forward, here. */
let port: number;

beforeAll(async () => {
  folder = await createTemporaryFolder('psql');
  [tunnels, postgres] = await Promise.all([Tunnels.open(), Postgres.start()]);
  ({ forward, port } = await tunnels.forward([tunnels.hop(await tunnels.startServer())], postgres));
});

afterAll(async () => {
  try {
    await tunnels.close();
  } finally {
    await postgres.stop();
    await folder.remove();
  }
});

/** Runs one command without the forward. */
function directly(sql: string): Promise<string> {
  return run('psql', psqlArguments(postgres.port, '-c', sql)).then((text) => text.trim());
}

/** What a COPY gives, written to a file where one is named. */
async function copyOut(from: number, table: string, file?: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const child = spawn('psql', psqlArguments(from, '-c', `COPY ${table} TO STDOUT`), { stdio: ['ignore', 'pipe', 'inherit'] });
  const hash = createHash('sha256');
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  const written = file === undefined ? undefined : pipeline(child.stdout, createWriteStream(file));
  const [[code]] = await Promise.all([once(child, 'close') as Promise<[number]>, written]);
  expect(code).toBe(0);
  return { bytes, sha256: hash.digest('hex') };
}

async function copyIn(file: string): Promise<void> {
  const child = spawn('psql', psqlArguments(port, '-c', 'COPY copied FROM STDIN'), { stdio: ['pipe', 'inherit', 'inherit'] });
  const [[code]] = await Promise.all([once(child, 'close') as Promise<[number]>, pipeline(createReadStream(file), child.stdin)]);
  expect(code).toBe(0);
}

describe('psql over -L', () => {
  it(`asks ${String(QUERIES)} times over one connection, and gets every answer`, async () => {
    const numbers = Array.from({ length: QUERIES }, (_, index) => index);
    const script = numbers.map((number) => `SELECT ${String(number)} * 7 || ' of ' || pg_backend_pid();`).join('\n');
    const answers = (await run('psql', psqlArguments(port, '-f', '-'), script)).trim().split('\n');
    expect(answers.map((answer) => answer.split(' of ')[0])).toEqual(numbers.map((number) => String(number * 7)));
    expect(new Set(answers.map((answer) => answer.split(' of ')[1])).size).toBe(1);
  });

  it('copies 100 MB out and in, to the last byte', async () => {
    await directly(MAKE_TABLE);
    const out = await copyOut(port, 'original', folder.join('copy'));
    expect(out.bytes).toBe(100_000_000);
    expect(out).toEqual(await copyOut(postgres.port, 'original'));
    await directly('CREATE UNLOGGED TABLE copied (number text, text text)');
    await copyIn(folder.join('copy'));
    expect(await copyOut(postgres.port, 'copied')).toEqual(out);
  });

  it('cancels a query by Ctrl+C, which takes a connection of its own', async () => {
    const before = (await tunnels.plane.connections(forward)).length;
    const child = spawn('psql', psqlArguments(port, '-c', 'SELECT pg_sleep(300)'), { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => { complaint += chunk.toString(); });
    const sleeping = (): Promise<string> => directly("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(300)' AND state = 'active'");
    await eventually(async () => await sleeping() === '1', { intervalMs: 100 });
    const exit = once(child, 'close');
    child.kill('SIGINT');
    const [code] = await exit as [number];
    expect(code).toBe(1);
    expect(complaint).toContain('ERROR:  canceling statement due to user request');
    expect(await sleeping()).toBe('0');
    await eventually(async () => (await tunnels.plane.connections(forward)).slice(before).map(({ phase }) => phase).join() === 'closed,closed');
  });
});
