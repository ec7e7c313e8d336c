import { describe, expect, it } from 'vitest';
import type { SshHop } from '../../../../src/core/sshTarget.ts';
import { clientFailure, closedFailure, connectFailure, isGoodbye, type Ending, type SshPhase } from '../../../../src/plane/ssh/sshFailure.ts';

const HOP: SshHop = {
  name: 'bastion', host: 'bastion.example', port: 22, user: 'me', hostKeyAlgorithms: [], identitiesOnly: false, identities: [],
  authenticationMethods: [], numberOfPasswordPrompts: 3, connectTimeoutMs: 1_000, keepaliveIntervalMs: 0, keepaliveCountMax: 3,
};
const ENDING: Ending = { phase: 'handshake', said: '', isAskingPerson: false };

describe('a connection that its other end closed', () => {
  it.each<[string, Partial<Ending>, string, object]>([
    ['before anything', {}, 'connection-lost', { stage: 'handshake' }],
    ['with words before the handshake', { said: 'go away' }, 'connection-lost', { stage: 'handshake', said: 'go away' }],
    ['by the end of a ProxyCommand', { epitaph: 'exit code 1' }, 'proxy-command-failed', {}],
    ['with words that came through a ProxyCommand', { epitaph: 'exit code 0', said: 'go away' }, 'connection-lost', { stage: 'handshake', said: 'go away' }],
    ['while logging in', { phase: 'authentication' }, 'connection-lost', { stage: 'authentication' }],
    ['with words while logging in', { phase: 'authentication', said: 'too many tries' }, 'auth-failed', {}],
    ['while a person was asked', { phase: 'authentication', isAskingPerson: true, said: 'too late' }, 'login-expired', {}],
    ['in the middle of its work', { phase: 'ready' }, 'connection-lost', {}],
    ['with words in the middle of its work', { phase: 'ready', said: 'idle for too long' }, 'connection-lost', { said: 'idle for too long' }],
  ])('%s', (_, ending, code, context) => {
    const failure = closedFailure(HOP, { ...ENDING, ...ending });
    expect(failure.code).toBe(code);
    expect(failure.context).toEqual({ hop: 'bastion', host: 'bastion.example', port: 22, user: 'me', ...context });
  });
});

it('a reset while it is being made counts as one before anything', () => {
  const { code, context } = connectFailure(HOP, Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
  expect({ code, context }).toEqual({ code: 'connection-lost', context: { hop: 'bastion', host: 'bastion.example', port: 22, user: 'me', stage: 'handshake' } });
});

describe('an error of ssh2\'s client', () => {
  it.each<[SshPhase, number, boolean]>([
    ['handshake', 2, false], ['handshake', 3, false], ['handshake', 12, true], ['handshake', 1, true], ['authentication', 2, true], ['ready', 2, true],
  ])('in the phase %s with the reason %i is a goodbye: %s', (phase, code, expected) => {
    expect(isGoodbye(Object.assign(new Error('x'), { code }), phase)).toBe(expected);
  });

  it.each<[SshPhase, string | undefined, string]>([
    ['handshake', 'handshake', 'handshake-failed'], ['authentication', 'protocol', 'handshake-failed'], ['ready', 'protocol', 'connection-lost'], ['ready', 'client-timeout', 'keepalive-timeout'],
  ])('in the phase %s of the level %s is %s', (phase, level, code) => {
    expect(clientFailure(HOP, phase, Object.assign(new Error('x'), level === undefined ? {} : { level })).code).toBe(code);
  });
});
