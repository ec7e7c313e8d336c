import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { PlaneClient } from '../support/planeClient.ts';
import { Route, type RouteKind } from '../support/planeRoutes.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { Sshd } from '../support/sshd.ts';
import { createSshKey } from '../support/sshKeys.ts';
import { dial, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';

const MB = 1_000_000;

/** No time is asserted, only who got how much meanwhile. */
const COMPARED_BYTES = 64 * MB;
/** Of all that passed, the smaller of two parts, in each direction. */
const FAIR_MIN = 0.2;
const IS_FAIR = expect.toSatisfy((part: number) => part >= FAIR_MIN, `at least ${String(FAIR_MIN)}`) as unknown;
const FAIR = [IS_FAIR, IS_FAIR];
const ROUND_TRIPS = 50;
/** What bulk streams may pass in the time of one round trip. Five to eight megabytes through SSH; one that is starved waits for ever. */
const BESIDE_MAX_BYTES = 64 * MB;

/** Sends and receives without end: what its client has got, and its destination. */
interface Bulk {
  readonly received: () => number;
  readonly sent: () => number;
}

type Connect = () => Promise<Socket>;

describe.each<RouteKind>(['relay', 'plain relay', 'local', 'dynamic', 'remote'])('bulk transfers of a %s', (kind) => {
  let route: Route;
  let peers: Peers;

  beforeEach(async () => {
    route = await Route.open(kind);
    peers = await Peers.start();
  });
  afterEach(async () => {
    await route.close();
    await peers.close();
  });

  it('have their share each, and leave the round trips of another connection theirs', async () => {
    const forward = await route.forward(peers.bulk);
    const bulks = [await peers.pourThrough(forward.dial), await peers.pourThrough(forward.dial)] as const;
    expect(await sharesOf(bulks)).toEqual(FAIR);
    const echo = await (await route.forward(peers.echo)).dial();
    expect(await bytesBeside(bulks, echo)).toBeLessThan(BESIDE_MAX_BYTES);
  });

  it('have their share each when they go through two forwards', async () => {
    const forwards = [await route.forward(peers.bulk), await route.forward(peers.bulk)] as const;
    expect(await sharesOf([await peers.pourThrough(forwards[0].dial), await peers.pourThrough(forwards[1].dial)])).toEqual(FAIR);
  });
});

describe('bulk transfers over two SSH servers', () => {
  let folder: TemporaryFolder;
  let servers: readonly [Sshd, Sshd];
  let plane: PlaneClient;
  let peers: Peers;
  let connects: readonly [Connect, Connect];

  beforeEach(async () => {
    folder = await createTemporaryFolder('fairness');
    const key = await createSshKey(folder.join('id'));
    const start = (): Promise<Sshd> => Sshd.start({ authorizedKeys: [key.publicKey] });
    servers = [await start(), await start()];
    plane = await PlaneClient.start(trusting(...servers));
    peers = await Peers.start();
    const through = async (server: Sshd): Promise<Connect> => {
      const { port } = await plane.forward(peers.bulk, targetOf(hopTo(server, { identities: [identityOf(key)] })));
      return () => dial(port);
    };
    connects = [await through(servers[0]), await through(servers[1])];
  });
  afterEach(async () => {
    await plane.close();
    for (const server of servers) await server.stop();
    await peers.close();
    await folder.remove();
  });

  it('have their share each', async () => {
    expect(await sharesOf([await peers.pourThrough(connects[0]), await peers.pourThrough(connects[1])])).toEqual(FAIR);
  });

  it('leave a relay its round trips, and a relay theirs to them', async () => {
    const relayed = await plane.forward(peers.bulk);
    const echo = await plane.forward(peers.echo);
    const overSsh = await peers.pourThrough(connects[0]);
    const relayBulk = await peers.pourThrough(() => dial(relayed.port));
    expect(await bytesBeside([overSsh, relayBulk], await dial(echo.port))).toBeLessThan(BESIDE_MAX_BYTES);
    const before = overSsh.received();
    await eventually(() => overSsh.received() - before > COMPARED_BYTES, { deadlineMs: 60_000 });
  });
});

const BLOCK = Buffer.alloc(65_536, 'z');

/** Sends and receives without end, a block for each turn of the loop, so that the ends of this test are fair themselves. */
function sendInTurns(socket: Socket): void {
  const fill = (): void => {
    if (!socket.destroyed && socket.write(BLOCK)) setImmediate(fill);
  };
  socket.on('drain', fill).resume();
  fill();
}

/** The smaller part of each direction, when both together have had enough. */
async function sharesOf([one, other]: readonly [Bulk, Bulk]): Promise<readonly number[]> {
  const counts = (): readonly (readonly [number, number])[] => [[one.received(), other.received()], [one.sent(), other.sent()]];
  await eventually(() => counts().flat().every((count) => count > 0));
  const start = counts();
  const passed = await eventually(() => {
    const now = counts().map(([first, second], at) => [first - start[at]![0], second - start[at]![1]] as const);
    return now.every(([first, second]) => first + second >= COMPARED_BYTES) ? now : undefined;
  }, { deadlineMs: 60_000, intervalMs: 1 });
  return passed.map(([first, second]) => Math.min(first, second) / (first + second));
}

async function bytesBeside(bulks: readonly Bulk[], echo: Socket): Promise<number> {
  const passed = (): number => bulks.reduce((sum, { received, sent }) => sum + received() + sent(), 0);
  await eventually(() => passed() > COMPARED_BYTES, { deadlineMs: 60_000 });
  const before = passed();
  for (let trips = 0; trips < ROUND_TRIPS; trips += 1) {
    echo.write('x');
    await once(echo, 'data');
  }
  return (passed() - before) / ROUND_TRIPS;
}

/** Two destinations: one answers, the other sends and receives without end. */
class Peers {
  private readonly clients: Socket[] = [];

  private constructor(readonly bulk: TestServer, readonly echo: TestServer, private readonly sent: (() => number)[]) {}

  static async start(): Promise<Peers> {
    const sent: (() => number)[] = [];
    const bulk = await serve((socket) => {
      sent.push(() => socket.bytesRead);
      sendInTurns(socket);
    });
    const echo = await serve((socket) => { socket.pipe(socket); });
    return new Peers(bulk, echo, sent);
  }

  /** One at a time. */
  async pourThrough(connect: Connect): Promise<Bulk> {
    const before = this.sent.length;
    const client = await connect();
    this.clients.push(client);
    sendInTurns(client);
    const sent = await eventually(() => this.sent[before]);
    return { received: () => client.bytesRead, sent };
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.destroy();
    await this.bulk.close();
    await this.echo.close();
  }
}
