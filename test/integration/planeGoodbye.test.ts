import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isTransient } from '../../src/core/failure.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import type { ControlRequests } from '../../src/protocol/messages.ts';
import { explain } from '../../src/ui/messages.ts';
import { eventually } from '../support/eventually.ts';
import type { PlaneClient } from '../support/planeClient.ts';
import { descendantsOf } from '../support/processes.ts';
import { dial } from '../support/tcpPeers.ts';
import { Tunnels } from '../support/tunnels.ts';

let tunnels: Tunnels;
let plane: PlaneClient;

beforeEach(async () => {
  tunnels = await Tunnels.open();
  plane = tunnels.plane;
});

afterEach(() => tunnels.close());

describe('a server that sends people away', () => {
  it('because too many are logging in (MaxStartups) is quoted', async () => {
    const sshd = await tunnels.startServer({ extraConfig: ['MaxStartups 1:100:1'] });
    const first = await dial(sshd.port);
    await once(first, 'data');
    const failure = await tunnels.failureOf(tunnels.hop(sshd));
    expect(failure).toMatchObject({ code: 'connection-lost', context: { hop: 'test-server', said: 'Exceeded MaxStartups' } });
    expect(isTransient('connection-lost')).toBe(true);
    first.destroy();
    await eventually(() => descendantsOf(sshd.pid).length === 0);
    const { forward, port } = await tunnels.forward([tunnels.hop(sshd)]);
    expect(await tunnels.echoThrough(port)).toBe('hello');
    await plane.stop(forward);
  });

  it.each<[keyof ControlRequests, Partial<SshHop>]>([
    ['verifyHostKey', {}],
    ['needSecret', { identities: [], authenticationMethods: ['password'] }],
  ])('while a person still thinks (LoginGraceTime, %s) is said to, and not tried again by itself', async (asked, overrides) => {
    const sshd = await tunnels.startServer({ allowsPasswords: true, extraConfig: ['LoginGraceTime 4'] });
    let isCancelled = false;
    const never = (_question: unknown, signal: AbortSignal): Promise<never> => new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        isCancelled = true;
        reject(new Error('cancelled'));
      });
    });
    plane.answers = { ...plane.answers, [asked]: never };
    const forward = await tunnels.begin([tunnels.hop(sshd, overrides)]);
    const { failure } = await plane.untilLost(forward);
    expect(failure).toMatchObject({ code: 'login-expired', context: { hop: 'test-server' } });
    expect(explain(failure).sentence).toContain('waited no longer for your answer');
    expect(isTransient(failure.code)).toBe(false);
    await plane.until(() => isCancelled);
    await plane.stop(forward);
  });

  it('for good reasons of its own is quoted', async () => {
    const sshd = await tunnels.startServer({ allowsPasswords: true, extraConfig: ['MaxAuthTries 1'] });
    plane.answers = { ...plane.answers, needSecret: async () => ({ isCancelled: false, answers: ['wrong'] }) };
    const failure = await tunnels.failureOf(tunnels.hop(sshd, { identities: [], authenticationMethods: ['password'] }));
    expect(failure).toMatchObject({ code: 'auth-failed' });
    expect(explain({ ...failure, code: 'auth-failed', context: { hop: 'test-server' } }).sentence).toContain('Too many authentication failures');
  });

  it('in the middle of its work is not taken for anything else', async () => {
    const sshd = await tunnels.startServer();
    const { forward } = await tunnels.forward([tunnels.hop(sshd)]);
    await sshd.dropConnections();
    const { failure } = await plane.untilLost(forward);
    expect(explain(failure).sentence).toMatch(/^The SSH connection to test-server \(.*\) was lost\.$/);
    await plane.stop(forward);
  });
});
