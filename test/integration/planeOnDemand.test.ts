import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import type { PlaneClient, StartedForward } from '../support/planeClient.ts';
import { descendantsOf } from '../support/processes.ts';
import { targetOf } from '../support/planeTargets.ts';
import { fixed, here } from '../support/poles.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, outcome, outcomeOfDialling, readAll } from '../support/tcpPeers.ts';
import { createTestUser } from '../support/testUser.ts';
import { Tunnels } from '../support/tunnels.ts';

const ANY_PORT = { host: '127.0.0.1', port: 0 };

let tunnels: Tunnels;
let plane: PlaneClient;
let sshd: Sshd;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  sshd = await tunnels.startServer();
});

afterEach(() => tunnels.close());

async function begin(idleMs: number, generation = 1, id?: string): Promise<StartedForward> {
  return plane.begin({ connect: fixed(tunnels.echo), listen: here(ANY_PORT), target: targetOf(tunnels.hop(sshd)), onDemand: { idleMs }, generation, ...(id === undefined ? {} : { id }) });
}

function rests(forward: StartedForward, times: number): Promise<unknown> {
  return plane.until(() => plane.of('idle', forward).length === times);
}

function logins(): number {
  return sshd.logText().match(/Accepted publickey/g)?.length ?? 0;
}

describe('a forward on demand', () => {
  it('listens without an SSH connection, opens it for the first client, closes it after a while, and again', async () => {
    const forward = await begin(100);
    await rests(forward, 1);
    const { port } = plane.boundOf(forward).addresses[0] as { port: number };
    expect(sshd.logText()).not.toContain('Connection from');
    expect(await tunnels.echoThrough(port)).toBe('hello');
    expect(plane.of('waking', forward)).toHaveLength(1);
    await rests(forward, 2);
    await eventually(() => descendantsOf(sshd.pid).length === 0);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    expect(logins()).toBe(2);
    await plane.stop(forward);
  });

  it('keeps the tunnel as long as somebody is connected', async () => {
    const forward = await begin(50);
    await rests(forward, 1);
    const { port } = plane.boundOf(forward).addresses[0] as { port: number };
    const client = await dial(port);
    await plane.untilUp(forward);
    for (let times = 0; times < 3; times += 1) expect(await tunnels.echoThrough(port)).toBe('hello');
    expect(logins()).toBe(1);
    client.end('still here');
    expect((await readAll(client)).toString()).toBe('still here');
    await rests(forward, 2);
    await plane.stop(forward);
  });

  it('tells that the server is away, serves who waited once it is back, and rests when nobody does', async () => {
    const forward = await begin(60_000);
    await rests(forward, 1);
    const { port } = plane.boundOf(forward).addresses[0] as { port: number };
    await sshd.kill();
    const client = await dial(port);
    client.end('hello');
    expect((await plane.untilLost(forward)).failure.code).toBe('connect-refused');
    await sshd.restart();
    const again = await begin(60_000, 2, forward.id);
    await plane.untilUp(again);
    expect((await readAll(client)).toString()).toBe('hello');
    const third = await begin(60_000, 3, forward.id);
    await rests(third, 1);
    await plane.stop(third);
  });

  it('is stopped while it rests, and while it wakes', async () => {
    const forward = await begin(60_000);
    await rests(forward, 1);
    const { port } = plane.boundOf(forward).addresses[0] as { port: number };
    sshd.freeze();
    const waiting = await dial(port);
    await plane.until(() => plane.of('waking', forward).length === 1);
    const seen = outcome(waiting);
    await plane.stop(forward);
    expect(await seen).toBe('reset');
    sshd.thaw();
    await expect(dial(port)).rejects.toThrow('ECONNREFUSED');
    expect(plane.of('lost', forward)).toEqual([]);
  });
});

describe('a login that a program\'s connection brings about', () => {
  it('says what was connected to; one that was started by hand does not', async () => {
    const user = await createTestUser();
    const asking = await tunnels.startServer({ allowsPasswords: true, authorizedKeys: [] });
    plane.answers = { ...plane.answers, needSecret: async () => ({ isCancelled: false, answers: [user.password] }) };
    const target = targetOf(tunnels.hop(asking, { user: user.name, authenticationMethods: ['password'] }));
    const askedFor = (what: string): unknown[] => plane.questions.filter(({ method }) => method === what).map(({ params }) => (params as { onDemandAt?: string }).onDemandAt);
    const forward = await plane.begin({ connect: fixed(tunnels.echo), listen: here(ANY_PORT), target, onDemand: { idleMs: 60_000 } });
    await rests(forward, 1);
    const { port } = plane.boundOf(forward).addresses[0] as { port: number };
    expect(await tunnels.echoThrough(port)).toBe('hello');
    const first = `127.0.0.1:${String(port)}`;
    expect([askedFor('verifyHostKey'), askedFor('needSecret')]).toEqual([[first], [first]]);
    await plane.stop(forward);
    const byHand = await plane.begin({ connect: fixed(tunnels.echo), listen: here(ANY_PORT), target });
    await plane.untilUp(byHand);
    expect([askedFor('verifyHostKey'), askedFor('needSecret')]).toEqual([[first, undefined], [first, undefined]]);
    await plane.stop(byHand);
    await user.remove();
  });
});

describe('the limits of what waits for a tunnel', () => {
  it('are those of the order', async () => {
    const forward = await plane.begin({ connect: fixed(tunnels.echo), listen: here(ANY_PORT), target: targetOf(tunnels.hop(sshd)), parking: { maxCount: 1, maxMs: 60_000 } });
    await plane.untilUp(forward);
    const { port } = plane.boundOf(forward).addresses[0] as { port: number };
    await sshd.dropConnections();
    await plane.untilLost(forward);
    await dial(port);
    await eventually(async () => (await plane.connections(forward)).some(({ phase }) => phase === 'parked'));
    expect(await outcomeOfDialling(port)).toBe('reset');
    await plane.stop(forward);
  });
});
