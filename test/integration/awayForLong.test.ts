import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { FakeClock } from '../support/fakeClock.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import { hopTo, identityOf, targetOf, trusting } from '../support/planeTargets.ts';
import { descendantsOf } from '../support/processes.ts';
import { Sshd, type SshdOptions } from '../support/sshd.ts';
import { createSshKey, type SshKeyFile } from '../support/sshKeys.ts';
import { dial, outcome, readAll, serve, type TestServer } from '../support/tcpPeers.ts';
import { createTemporaryFolder, type TemporaryFolder } from '../support/temporaryFolder.ts';
import { canCreateTestUser, createTestUser } from '../support/testUser.ts';

/* The waiting between the tries is the model's, and its clock is moved by hand; everything else is real. */

const table = new MeasuredTable('servers that are away for long (by a clock that was moved on)');

let folder: TemporaryFolder;
let key: SshKeyFile;
let echo: TestServer;
let sshd: Sshd;
let clock: FakeClock;
let control: ControlSide;

beforeEach(async () => {
  folder = await createTemporaryFolder('away');
  key = await createSshKey(folder.join('id'));
  echo = await serve((socket) => { socket.pipe(socket); });
  clock = new FakeClock();
});

afterEach(async () => {
  await control.close();
  await sshd.stop();
  await echo.close();
  await folder.remove();
});

async function open(way: Partial<SshHop> = {}, options: SshdOptions = {}): Promise<void> {
  sshd = await Sshd.start({ authorizedKeys: [key.publicKey], ...options });
  control = await ControlSide.start({
    answers: { ...trusting(sshd), needSecret: async () => ({ isCancelled: false, answers: ['out of date'] }) },
    target: () => targetOf(hopTo(sshd, { identities: [identityOf(key)], ...way })),
    clock, parkedMs: 200,
  });
}

async function echoThrough(port: number): Promise<string> {
  const client = await dial(port);
  client.end('hello');
  return (await readAll(client)).toString();
}

/** Lets a forward try again as its time comes, until so much has passed; gives how often it tried. */
async function tryFor(durationMs: number): Promise<number> {
  const end = clock.now() + durationMs;
  let tries = 0;
  for (;;) {
    const { retryAt } = await control.until('a', 'retrying');
    if (retryAt > end) break;
    const before = triesOf();
    clock.advance(retryAt - clock.now());
    await eventually(() => triesOf() > before);
    tries += 1;
  }
  clock.advance(end - clock.now());
  return tries;
}

function triesOf(): number {
  return (control.phases.get('a') ?? []).filter((phase, index, all) => phase === 'starting' && all[index - 1] === 'retrying').length;
}

describe('a tunnel whose server is away for ten minutes', () => {
  it('is tried at most 20 times, keeps its port, resets who waited too long, and is up at once when it is told to try', async () => {
    await open();
    const port = await control.forward('a', echo);
    const check = await FaultCheck.begin(control);
    await sshd.kill();
    await check.shows({ phase: 'retrying', cause: 'connection-lost' });
    expect(await outcome(await dial(port))).toBe('reset');
    const tries = await tryFor(600_000);
    expect(tries).toBeGreaterThan(5);
    expect(tries).toBeLessThanOrEqual(20);
    expect(await outcome(await dial(port))).toBe('reset');
    await sshd.restart();
    const begun = performance.now();
    control.model.retryNow();
    await control.until('a', 'listening');
    const upMs = performance.now() - begun;
    expect(await echoThrough(port)).toBe('hello');
    expect(new Set(control.phases.get('a')?.slice(2))).toEqual(new Set(['retrying', 'starting', 'listening']));
    await check.ends(table, 'the server is away for 10 minutes', `${String(tries)} tries, up ${upMs.toFixed(0)} ms after "retry now"`);
  });

  it('comes back by itself with the next try', async () => {
    await open();
    const port = await control.forward('a', echo);
    const check = await FaultCheck.begin(control);
    await sshd.kill();
    await check.shows({ phase: 'retrying', cause: 'connection-lost' });
    await tryFor(600_000);
    await sshd.restart();
    const { retryAt } = await control.until('a', 'retrying');
    expect(retryAt - clock.now()).toBeLessThanOrEqual(60_000);
    clock.advance(retryAt - clock.now());
    await control.until('a', 'listening');
    expect(await echoThrough(port)).toBe('hello');
    await check.ends();
  });
});

describe('a server that stands still for a minute', () => {
  it('is not shown as fine meanwhile, and has one session when it goes on', async () => {
    await open({ keepaliveIntervalMs: 500, keepaliveCountMax: 3, connectTimeoutMs: 1_000 });
    const port = await control.forward('a', echo);
    const sessions = descendantsOf(sshd.pid).length;
    const check = await FaultCheck.begin(control);
    sshd.freeze();
    await check.shows({ phase: 'retrying', cause: 'keepalive-timeout' });
    const tries = await tryFor(60_000);
    expect(control.phases.get('a')?.filter((phase) => phase === 'listening')).toHaveLength(1);
    sshd.thaw();
    const { retryAt } = await control.until('a', 'retrying');
    clock.advance(retryAt - clock.now());
    await control.until('a', 'listening');
    expect(await echoThrough(port)).toBe('hello');
    // What was begun meanwhile the server finds closed.
    await eventually(() => descendantsOf(sshd.pid).length === sessions);
    await check.ends(table, 'the server stands still for 60 s (0.5 s × 3)', `${String(tries)} tries`);
    await control.stop('a');
    await eventually(() => descendantsOf(sshd.pid).length === 0);
  });
});

describe.runIf(canCreateTestUser())('a remembered password that is wrong', () => {
  it('is tried once, and not again by itself', async () => {
    const user = await createTestUser();
    await open({ user: user.name, authenticationMethods: ['password'], numberOfPasswordPrompts: 1 }, { allowsPasswords: true });
    const check = await FaultCheck.begin(control);
    const tried = control.tryOut({ kind: 'local', listen: { host: '127.0.0.1', port: 0 }, connect: { host: echo.host, port: echo.port }, target: { host: 'server' } }, 'a');
    await eventually(() => sshd.logText().includes('Failed password'));
    check.happens();
    await tried;
    await check.shows({ phase: 'failed', cause: 'auth-failed', names: 'test-server' });
    expect(clock.pending).toBe(0);
    clock.advance(300_000);
    control.model.retryNow();
    expect(control.stateOf('a')?.phase).toBe('failed');
    expect(sshd.logText().match(/Failed password/g)).toHaveLength(1);
    await check.ends(table, 'a wrong password that was remembered', '1 line in the server\'s log, none more in 5 minutes');
    await user.remove();
  });
});
