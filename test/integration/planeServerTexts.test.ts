import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Failure } from '../../src/core/failure.ts';
import type { SshHop } from '../../src/core/sshTarget.ts';
import type { SecretQuestion } from '../../src/protocol/messages.ts';
import { explain } from '../../src/ui/messages.ts';
import { PlaneClient, type StartedForward } from '../support/planeClient.ts';
import { fixed, here } from '../support/poles.ts';
import { targetOf } from '../support/planeTargets.ts';
import { scriptedSshServer, sendBanner, type ScriptedSshServer, type ServerScript } from '../support/scriptedSshServer.ts';
import { outcomeOfDialling } from '../support/tcpPeers.ts';

/** Everything that could forge a display or a log: control characters, line ends, bidirectional marks; and a very long tail. */
const HOSTILE = `\u001b[2J\u001b]0;title\u0007\r\nroot: you were let in\u2028\u202egnp.exe\u2066\u200f \u0000[click](command:x) $(trash) ${'x'.repeat(5_000)}`;
const FORGING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

let plane: PlaneClient;
let server: ScriptedSshServer;

beforeAll(async () => {
  plane = await PlaneClient.start();
});

afterAll(() => plane.close());
afterEach(() => server.close());

async function begin(script: ServerScript): Promise<StartedForward> {
  server = await scriptedSshServer(script);
  plane.answers = { verifyHostKey: async () => ({ isAccepted: true }), needSecret: async ({ prompts }) => ({ isCancelled: false, answers: prompts.map(() => 'x') }) };
  const hop: SshHop = {
    name: 'hostile', host: server.host, port: server.port, user: 'me', hostKeyAlgorithms: [], identitiesOnly: true, identities: [],
    authenticationMethods: ['keyboard-interactive'], numberOfPasswordPrompts: 1, connectTimeoutMs: 5_000, keepaliveIntervalMs: 0, keepaliveCountMax: 3,
  };
  return plane.begin({ connect: fixed({ host: 'far', port: 9 }), listen: here({ host: '127.0.0.1', port: 0 }), target: targetOf(hop) });
}

/** Every text in a value, however deep. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function expectHarmless(value: unknown, maxLength: number): void {
  for (const text of textsIn(value)) {
    expect(text).not.toMatch(FORGING);
    expect(text.length).toBeLessThanOrEqual(maxLength);
  }
}

function expectHarmlessFailure(failure: Failure): void {
  expectHarmless(failure, 300);
  expect(explain(failure).sentence).not.toMatch(FORGING);
  expect(explain(failure).summary).not.toContain('$(');
}

/** What the plane has told of hostile texts in its log. */
function logged(): string[] {
  return plane.payloads('log').map(({ text }) => text).filter((text) => text.includes('you were let in'));
}

describe('what a server says', () => {
  it('in its banner reaches the log cleaned, on one line and bounded', async () => {
    const forward = await begin({ banner: HOSTILE });
    await plane.untilUp(forward);
    expect(logged()).toHaveLength(1);
    expect(logged()[0]).toMatch(/^hostile: banner: \[2J ?\]0;title root: you were let in/);
    expectHarmless(logged(), 2_100);
    await plane.stop(forward);
  });

  it('in a thousand banners is told twenty times', async () => {
    const forward = await begin({
      login: (attempt, connection) => {
        for (let count = 0; count < 1_000; count += 1) sendBanner(connection, `flood ${String(count)}`);
        attempt.accept();
      },
    });
    await plane.untilUp(forward);
    expect(plane.log().match(/banner: flood/g)).toHaveLength(20);
    expect(plane.log()).toContain('which is left out here');
    await plane.stop(forward);
  });

  it('in a banner of 100 kB, more than an SSH packet must hold (RFC 4253 section 6.1), is one clear failure', async () => {
    const forward = await begin({ banner: 'x'.repeat(100_000) });
    const { failure } = await plane.untilLost(forward);
    expect(failure).toMatchObject({ code: 'handshake-failed' });
    expect(explain(failure).sentence).toMatch(/could not agree on how to talk SSH: Bad packet length/);
    await plane.stop(forward);
  });

  it('in its questions reaches people cleaned and bounded', async () => {
    const asked = plane.questions.length;
    const forward = await begin({
      login: (attempt) => {
        if (attempt.method !== 'keyboard-interactive') attempt.reject(['keyboard-interactive']);
        else attempt.prompt([{ prompt: HOSTILE, echo: true }, { prompt: 'Code: ', echo: false }], HOSTILE, HOSTILE, () => attempt.accept());
      },
    });
    await plane.untilUp(forward);
    const question = plane.questions.slice(asked).find(({ method }) => method === 'needSecret')?.params as SecretQuestion;
    expect(question.prompts.map(({ isEchoed }) => isEchoed)).toEqual([true, false]);
    expect(question.instructions).toContain('you were let in');
    expectHarmless(question, 300);
    await plane.stop(forward);
  });

  it('about the ways to log in is bounded in number and length', async () => {
    const forward = await begin({ login: (attempt) => attempt.reject(Array.from({ length: 2_000 }, (_, index) => `\u202eway${String(index)}`) as never) });
    const { failure } = await plane.untilLost(forward);
    expect(failure).toMatchObject({ code: 'auth-failed' });
    expect(failure.context['methods']).toHaveLength(20);
    expectHarmlessFailure(failure);
    await plane.stop(forward);
  });

  it.each([1, 2, 3, 4, 77])('when it refuses a channel for reason %i is cleaned and bounded', async (reason) => {
    const forward = await begin({ refusal: { reason, text: HOSTILE } });
    await plane.untilUp(forward);
    expect(await outcomeOfDialling(plane.boundOf(forward).addresses[0]!.port)).toBe('reset');
    const failure = await plane.untilComplaint(forward);
    expect(failure.detail).toContain('you were let in');
    expectHarmlessFailure(failure);
    await plane.stop(forward);
  });
});
