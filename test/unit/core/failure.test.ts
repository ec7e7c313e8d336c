import { describe, expect, it } from 'vitest';
import { ForwardError, fromFailure, isTransient, toFailure, untrustedText, type FailureCode } from '../../../src/core/failure.ts';

describe('the data of a thrown value', () => {
  it('keeps what a ForwardError says, there and back', () => {
    const cause = new Error('EADDRINUSE');
    const error = new ForwardError('address-in-use', 'port 80', { cause, context: { port: 80, names: ['a'] } });
    const failure = toFailure(error);
    expect(failure).toEqual({ code: 'address-in-use', detail: 'port 80', context: { port: 80, names: ['a'] } });
    expect(error.cause).toBe(cause);
    expect(toFailure(fromFailure(failure))).toEqual(failure);
  });

  it('has no context and no cause that nobody gave', () => {
    const error = new ForwardError('internal', 'x');
    expect(error.context).toEqual({});
    expect('cause' in error).toBe(false);
  });

  it.each<[string, unknown, string]>([
    ['an Error', new TypeError('no such thing'), 'no such thing'],
    ['a text', 'boom', 'boom'],
    ['nothing', undefined, 'undefined'],
    ['a symbol', Symbol('s'), 'Symbol(s)'],
    ['an object without a prototype', Object.create(null), 'an error that cannot be described'],
    ['an object that cannot be written', { toString() { throw new Error('never'); } }, 'an error that cannot be described'],
  ])('is internal for %s', (_, thrown, detail) => {
    expect(toFailure(thrown)).toEqual({ code: 'internal', detail, context: {} });
  });
});

describe('what time alone may heal', () => {
  // Every code is decided here: a new one does not compile without its line.
  const heals: Readonly<Record<FailureCode, boolean>> = {
    'host-not-found': true, 'host-unreachable': true, 'connect-refused': true, 'connect-timeout': true, 'not-ssh': true, 'handshake-failed': true,
    'proxy-command-failed': true, 'connection-lost': true, 'keepalive-timeout': true, 'plane-crashed': true, 'too-many-open-files': true,
    'invalid-forward': false, 'address-in-use': false, 'permission-denied': false, 'address-not-available': false, 'bind-not-allowed': false,
    'config-invalid': false, 'config-unsupported': false, 'host-key-unknown': false, 'host-key-mismatch': false, 'host-key-revoked': false,
    'host-key-rejected': false, 'known-hosts-unreadable': false, 'auth-failed': false, 'auth-cancelled': false, 'login-expired': false, 'identity-unreadable': false,
    'remote-bind-refused': false, 'forwarding-prohibited': false, 'destination-refused': false, 'destination-unreachable': false, 'destination-unhealthy': false, cancelled: false, internal: false,
    'running-elsewhere': false, 'too-many-connections': false, 'too-much-queued': false,
  };
  it.each(Object.entries(heals))('%s: %s', (code, isHealing) => { expect(isTransient(code as FailureCode)).toBe(isHealing); });
});

describe('a text from outside', () => {
  it.each([
    ['stays as it is', 'Größe: 3 × 4 — 日本 👍', 'Größe: 3 × 4 — 日本 👍'],
    ['loses escape sequences', 'a\u001b[31mred\u0007', 'a [31mred'],
    ['stays on one line', 'one\r\ntwo\u2028three\u2029four', 'one two three four'],
    ['loses marks that turn the direction', 'moc.\u202elive\u2066x\u200f', 'moc. live x'],
    ['loses half characters', 'a\ud800b\udc00', 'a b'],
    ['has no space around it', '\n  a\t', 'a'],
  ])('%s', (_, text, clean) => {
    expect(untrustedText(text)).toBe(clean);
  });

  it('is cut at its bound, and never inside a character', () => {
    expect(untrustedText('x'.repeat(301))).toBe(`${'x'.repeat(299)}…`);
    expect(untrustedText('x'.repeat(300))).toBe('x'.repeat(300));
    expect(untrustedText('xxx👍👍', 5)).toBe('xxx…');
  });
});
