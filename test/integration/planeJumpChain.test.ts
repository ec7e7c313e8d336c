import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SshHop } from '../../src/core/sshTarget.ts';
import { ControlSide } from '../support/controlSide.ts';
import { eventually } from '../support/eventually.ts';
import { FaultCheck } from '../support/faultCheck.ts';
import { MeasuredTable } from '../support/measuredTable.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { targetOf, trusting } from '../support/planeTargets.ts';
import { descendantsOf } from '../support/processes.ts';
import type { Sshd } from '../support/sshd.ts';
import { dial, outcome } from '../support/tcpPeers.ts';
import { canCreateTestUser, createTestUser, type TestUser } from '../support/testUser.ts';
import { Tunnels } from '../support/tunnels.ts';

const NAMES = ['bastion', 'middle', 'inner'] as const;
const EACH = NAMES.map((name, index) => ({ name, index }));

const table = new MeasuredTable('chains that break, and how long it took');

let tunnels: Tunnels;
let plane: PlaneClient;
let servers: Sshd[];

beforeAll(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
  servers = [];
  for (const _name of NAMES) servers.push(await tunnels.startServer({ allowsPasswords: true }));
});

afterAll(() => tunnels.close());

beforeEach(() => { plane.answers = trusting(...servers); });

/** The way over all three, with what is different at one of them. */
function chain(at?: number, overrides: Partial<SshHop> = {}): SshHop[] {
  return servers.map((sshd, index) => tunnels.hop(sshd, { name: NAMES[index]!, ...(index === at ? overrides : {}) }));
}

/** Waits until no server has a session any more, those that do not run aside. */
async function expectNoSessions(): Promise<void> {
  await eventually(() => servers.every((sshd) => !sshd.isRunning || descendantsOf(sshd.pid).length === 0), {
    explain: () => servers.map((sshd) => (sshd.isRunning ? descendantsOf(sshd.pid).join(' ') : 'down')).join(', '),
  });
}

/** Where the failure stands and what it names; nothing is left on any server. */
async function expectFailure(hops: readonly SshHop[], index: number, code: string): Promise<void> {
  const forward = await tunnels.begin(hops);
  const { failure } = await plane.untilLost(forward);
  const { host, port } = servers[index]!;
  expect(failure).toMatchObject({ code, context: { hop: NAMES[index], host, port } });
  await plane.stop(forward);
  await expectNoSessions();
}

describe('a chain of three servers', () => {
  it('tells each step with the hop it is at, and leaves no session behind', async () => {
    const { forward, port } = await tunnels.forward(chain());
    expect(await tunnels.echoThrough(port)).toBe('hello');
    const steps = plane.of('progress', forward).map(({ progress }) => progress).filter(({ step }) => step === 'logging-in');
    expect(steps).toEqual(NAMES.map((host) => ({ step: 'logging-in', host })));
    expect(servers.map((sshd) => descendantsOf(sshd.pid).length > 0)).toEqual([true, true, true]);
    await plane.stop(forward);
    await expectNoSessions();
  });

  it.each(EACH)('names $name when it is not there', async ({ index }) => {
    await servers[index]!.kill();
    try {
      await expectFailure(chain(), index, 'connect-refused');
    } finally {
      await servers[index]!.restart();
    }
  });

  it.each(EACH)('names $name when its key is refused, and goes no further', async ({ index, name }) => {
    const logged = servers.map((sshd) => sshd.logText().length);
    const asked: string[] = [];
    const { verifyHostKey: accept } = plane.answers;
    plane.answers.verifyHostKey = async (question, signal) => {
      asked.push(question.hop);
      if (question.hop !== name) return accept!(question, signal);
      const { hop, host, port } = question;
      return { isAccepted: false, failure: { code: 'host-key-mismatch', detail: 'another key is known', context: { hop, host, port } } };
    };
    await expectFailure(chain(), index, 'host-key-mismatch');
    expect(asked).toEqual(NAMES.slice(0, index + 1));
    const hasLoggedIn = servers.map((sshd, at) => sshd.logText().slice(logged[at]).includes('Accepted publickey'));
    expect(hasLoggedIn).toEqual(NAMES.map((_, at) => at < index));
  });

  it.each(EACH)('names $name when it does not know the key offered', async ({ index }) => {
    await expectFailure(chain(index, { identities: [], authenticationMethods: ['publickey'] }), index, 'auth-failed');
  });

  it.each(EACH)('names $name when it stops answering', async ({ index }) => {
    const forward = await tunnels.begin(chain(index, { keepaliveIntervalMs: 200, keepaliveCountMax: 2 }));
    await plane.untilUp(forward);
    servers[index]!.freeze();
    try {
      expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'keepalive-timeout', context: { hop: NAMES[index] } });
      await plane.stop(forward);
    } finally {
      servers[index]!.thaw();
    }
    await expectNoSessions();
  });

  it.each(EACH)('breaks as a whole when the session at $name dies, and is rebuilt as a whole', async ({ index }) => {
    const { forward, port } = await tunnels.forward(chain());
    const client = await dial(port);
    client.write('x');
    const seen = outcome(client);
    await eventually(() => tunnels.echo.sockets.size > 0);
    await servers[index]!.dropConnections();
    expect((await plane.untilLost(forward)).failure).toMatchObject({ code: 'connection-lost', context: { hop: NAMES[index] } });
    expect(await seen).toBe('reset');
    await expectNoSessions();
    const again = await tunnels.begin(chain(), forward);
    await plane.untilUp(again);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(again);
    await expectNoSessions();
  });

  it.each(EACH)('comes back by itself when the session at $name is killed, and says so once', async ({ index, name }) => {
    const control = await ControlSide.start({ answers: trusting(...servers), target: () => targetOf(...chain()) });
    const port = await control.forward('a', tunnels.echo);
    const check = await FaultCheck.begin(control);
    await servers[index]!.dropConnections();
    await check.shows({ phase: 'retrying', cause: 'connection-lost', names: name });
    await check.heals();
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await check.ends(table, `in a chain the session at ${name} is killed`);
    await control.close();
    await expectNoSessions();
  });

  it.each(EACH)('leaves nothing when it is stopped while the key of $name is asked about', async ({ name }) => {
    const { verifyHostKey: accept } = plane.answers;
    let isAsked = false;
    plane.answers.verifyHostKey = (question, signal) => {
      if (question.hop !== name) return accept!(question, signal);
      isAsked = true;
      return new Promise((_resolve, reject) => { signal.addEventListener('abort', () => { reject(new Error('cancelled')); }); });
    };
    const forward = await tunnels.begin(chain());
    await plane.until(() => isAsked);
    await plane.stop(forward);
    expect(plane.of('lost', forward)).toEqual([]);
    await expectNoSessions();
  });

  it('says who cannot be found from whom', async () => {
    const forward = await tunnels.begin(chain(1, { host: 'no-such-host.invalid' }));
    const { failure } = await plane.untilLost(forward);
    expect(failure.context).toMatchObject({ hop: 'middle', host: 'no-such-host.invalid' });
    expect(failure.detail).toContain('from bastion');
    await plane.stop(forward);
    await expectNoSessions();
  });

  describe.runIf(canCreateTestUser())('with a password', () => {
    let user: TestUser;
    beforeAll(async () => { user = await createTestUser(); });
    afterAll(() => user.remove());

    it.each(EACH)('names $name when it refuses it', async ({ index, name }) => {
      const asked: string[] = [];
      plane.answers.needSecret = async (question) => {
        asked.push(question.hop);
        return { isCancelled: false, answers: ['wrong'] };
      };
      const password: Partial<SshHop> = { user: user.name, identities: [], authenticationMethods: ['password'], numberOfPasswordPrompts: 1 };
      await expectFailure(chain(index, password), index, 'auth-failed');
      expect(asked).toEqual([name]);
    });
  });
});
