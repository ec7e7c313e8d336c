import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { eventually } from './eventually.ts';
import { breakOff, readAll, readSlowly, sha256, testBytes } from './tcpPeers.ts';

/**
 * Runs `test` against a forward to a destination that serves with `handle`; `dial` is a client of the forward that
 * connects, and `sockets` are the destination's open ones.
 */
export type Through = (handle: (socket: Socket) => void, test: (dial: () => Promise<Socket>, sockets: ReadonlySet<Socket>) => Promise<void>) => Promise<void>;

/** Something that programs do with a connection and that a forward must not change. */
export interface Transfer {
  readonly name: string;
  run(through: Through): Promise<void>;
}

const KiB = 1024;
const MiB = 1024 * KiB;
const SIZES = [1, 32 * KiB - 1, 32 * KiB, 32 * KiB + 1, 2 * MiB - 1, 2 * MiB, 2 * MiB + 1, 50_000_000];
const ROUNDS = 100;
const RESETS = 200;
const AT_ONCE = 200;
const READERS = [{ speed: 'fast', read: readAll }, { speed: 'slow', read: readSlowly }];

/** What every kind of forward must do, whatever carries it. */
export const TRANSFERS: readonly Transfer[] = [
  ...SIZES.map((size): Transfer => ({ name: `delivers ${String(size)} bytes up`, run: (through) => sendUp(through, size) })),
  ...SIZES.map((size): Transfer => ({ name: `delivers ${String(size)} bytes down`, run: (through) => sendDown(through, size) })),
  { name: `keeps the other direction open after the client ended, ${String(ROUNDS)} of ${String(ROUNDS)}`, run: clientEndsFirst },
  { name: `keeps the other direction open after the destination ended, ${String(ROUNDS)} of ${String(ROUNDS)}`, run: destinationEndsFirst },
  ...READERS.map(({ speed, read }): Transfer => ({ name: `delivers 16 MB of a client that writes and closes, to a ${speed} reader`, run: (through) => clientWritesAndCloses(through, read) })),
  ...READERS.map(({ speed, read }): Transfer => ({ name: `delivers 16 MB of a destination that writes and closes, to a ${speed} reader`, run: (through) => destinationWritesAndCloses(through, read) })),
  { name: `serves ${String(AT_ONCE)} connections at once`, run: manyAtOnce },
  { name: `keeps nothing of a client that resets while it is being dialled, ${String(RESETS)} of ${String(RESETS)}`, run: clientResetsAtOnce },
];

async function sendUp(through: Through, size: number): Promise<void> {
  const sent = testBytes(size);
  let received: Promise<Buffer> | undefined;
  await through((socket) => { received = readAll(socket).finally(() => socket.end('got it')); }, async (dial) => {
    const client = await dial();
    client.end(sent);
    assert.equal((await readAll(client)).toString(), 'got it');
    assert.equal(sha256(await received!), sha256(sent));
  });
}

async function sendDown(through: Through, size: number): Promise<void> {
  const sent = testBytes(size);
  await through((socket) => { socket.resume().end(sent); }, async (dial) => {
    const client = await dial();
    assert.equal(sha256(await readAll(client)), sha256(sent));
    client.end();
  });
}

async function clientEndsFirst(through: Through): Promise<void> {
  await through((socket) => {
    void readAll(socket).then((request) => { socket.end(`answer to ${request.toString()}`); });
  }, async (dial) => {
    const answers = await Promise.all(rounds(ROUNDS, async (round) => {
      const client = await dial();
      client.end(`question ${String(round)}`);
      return (await readAll(client)).toString();
    }));
    assert.deepEqual(answers, rounds(ROUNDS, (round) => `answer to question ${String(round)}`));
  });
}

async function destinationEndsFirst(through: Through): Promise<void> {
  const requests: Promise<string>[] = [];
  await through((socket) => {
    requests.push(readAll(socket).then((request) => request.toString()));
    socket.end('greeting');
  }, async (dial) => {
    await Promise.all(rounds(ROUNDS, async (round) => {
      const client = await dial();
      assert.equal((await readAll(client)).toString(), 'greeting');
      client.end(`late ${String(round)}`);
    }));
    await eventually(() => requests.length === ROUNDS);
    assert.deepEqual((await Promise.all(requests)).sort(), rounds(ROUNDS, (round) => `late ${String(round)}`).sort());
  });
}

async function clientWritesAndCloses(through: Through, read: typeof readAll): Promise<void> {
  const sent = testBytes(16 * MiB);
  let received: Promise<Buffer> | undefined;
  await through((socket) => { received = read(socket).finally(() => socket.end()); }, async (dial) => {
    const client = await dial();
    client.write(sent);
    client.destroySoon();
    const arrived = await eventually(() => received);
    assert.equal(sha256(arrived), sha256(sent));
  });
}

async function destinationWritesAndCloses(through: Through, read: typeof readAll): Promise<void> {
  const sent = testBytes(16 * MiB);
  await through((socket) => {
    socket.write(sent);
    socket.destroySoon();
  }, async (dial) => {
    const client = await dial();
    assert.equal(sha256(await read(client)), sha256(sent));
    client.end();
  });
}

async function manyAtOnce(through: Through): Promise<void> {
  const sent = testBytes(100_000);
  await through((socket) => { socket.pipe(socket); }, async (dial) => {
    const clients = await Promise.all(rounds(AT_ONCE, () => dial()));
    const digests = await Promise.all(clients.map(async (client) => {
      client.end(sent);
      return sha256(await readAll(client));
    }));
    assert.deepEqual(digests, rounds(AT_ONCE, () => sha256(sent)));
  });
}

async function clientResetsAtOnce(through: Through): Promise<void> {
  await through((socket) => { socket.resume().on('end', () => socket.end()); }, async (dial, sockets) => {
    for (let round = 0; round < RESETS; round += 1) breakOff(await dial());
    await eventually(() => sockets.size === 0, { explain: () => `${String(sockets.size)} sockets are open: ${JSON.stringify([...sockets].map(stateOf))}` });
  });
}

function stateOf({ readableEnded, writableEnded, writableFinished, destroyed, bytesRead, bytesWritten }: Socket): object {
  return { readableEnded, writableEnded, writableFinished, destroyed, bytesRead, bytesWritten };
}

function rounds<T>(count: number, make: (round: number) => T): T[] {
  return Array.from({ length: count }, (_, round) => make(round));
}
