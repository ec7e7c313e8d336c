import { describe, expect, it } from 'vitest';
import { advance, beginDiagnosis, type Diagnosis, type DiagnosisFact, type DiagnosedHop } from '../../../src/core/diagnosis.ts';
import type { Failure } from '../../../src/core/failure.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { formatDiagnosis } from '../../../src/ui/diagnosisText.ts';
import { DYNAMIC, failure, forwardOf, LOCAL, NOW, RELAY, STATES } from './samples.ts';

const JUMP: DiagnosedHop = { name: 'jump', host: '192.0.2.1', port: 2222, user: 'me', hasProxyCommand: true };
const BASTION: DiagnosedHop = { name: 'bastion', host: 'bastion.example', port: 22, user: 'me', hasProxyCommand: false };

function after(spec: ForwardSpec, facts: readonly (readonly [DiagnosisFact, number?])[], end?: Failure | 'finished'): Diagnosis {
  let at = NOW;
  let diagnosis = beginDiagnosis(spec, NOW);
  for (const [fact, hop] of facts) diagnosis = advance(diagnosis, { type: 'fact', at: (at += 1_250), fact, ...(hop === undefined ? {} : { hop }) });
  if (end === undefined) return diagnosis;
  return advance(diagnosis, end === 'finished' ? { type: 'finished', at } : { type: 'failed', at: at + 40, failure: end });
}

function reportOf(diagnosis: Diagnosis, phase: keyof typeof STATES = 'stopped'): string {
  return formatDiagnosis(forwardOf(STATES[phase], { name: 'db', spec: diagnosis.spec }), diagnosis).text;
}

/** What stands on a rung, on one line. */
function rungIn(report: string, label: string): string {
  const lines = report.split('\n');
  const first = lines.findIndex((line) => new RegExp(`^ {2}\\S ${label}`).test(line));
  const last = lines.findIndex((line, index) => index > first && !/^ {20}/.test(line));
  return lines.slice(first, last).join(' ').replaceAll(/\s+/g, ' ').trim();
}

const offered = (name: string): [DiagnosisFact, number] => [{ kind: 'offered', name }, 0];

describe('a report', () => {
  it('says that another window runs the forward, and where it listens there', () => {
    const diagnosis = after(RELAY, [[{ kind: 'bindable', addresses: [{ host: '127.0.0.1', port: 8080 }], isRunning: true, isElsewhere: true }]], failure('destination-refused'));
    const report = reportOf(diagnosis, 'elsewhere');
    expect(report).toContain('Another window of the editor runs this forward; this one looked for itself.');
    expect(rungIn(report, 'Port')).toContain('this forward listens, in another window of the editor, on 127.0.0.1:8080');
    expect(reportOf(diagnosis)).not.toContain('Another window');
  });

  it('shows the whole ladder while it is climbed, and where it stands', () => {
    expect(reportOf(after(LOCAL, [[{ kind: 'configured', hops: [BASTION] }], [{ kind: 'bindable', addresses: [{ host: '127.0.0.1', port: 5432 }], isRunning: false }]]))).toBe([
      'Why doesn\'t it work?  db',
      '5432:db:5432 me@bastion',
      '',
      '… Looking: Name (bastion)',
      '',
      'This computer',
      '  ✓ Configuration               1.3 s  bastion (me@bastion.example:22)',
      '  ✓ Port                        1.3 s  free: 127.0.0.1:5432',
      '',
      'bastion (me@bastion.example:22)',
      '  … Name                      looking',
      '  · TCP',
      '  · Banner',
      '  · Key exchange',
      '  · Host key',
      '  · Login',
      '',
      'Through bastion',
      '  · Forwarding allowed',
      '  · Destination accepts',
      '  · First byte',
      '',
    ].join('\n'));
  });

  it('says in one sentence why it stops, and what to do; the marks are where it says', () => {
    const diagnosis = after(RELAY, [[{ kind: 'destination-found', addresses: ['192.0.2.9'] }]], failure('destination-refused', { host: 'far', port: 80 }));
    const { text, marks, titles, verdictLine } = formatDiagnosis(forwardOf(STATES.stopped, { spec: RELAY }), diagnosis);
    const lines = text.split('\n');
    expect(lines.slice(verdictLine, verdictLine + 2)).toEqual(['✗ It stops at: Destination accepts', '  far:80 refused the connection. Is the program there running, and on that port?']);
    expect(titles.map((line) => lines[line])).toEqual(['Why doesn\'t it work?  8080 → far:80', '✗ It stops at: Destination accepts', 'This computer', 'From this computer to the destination']);
    expect(rungIn(text, 'Destination accepts')).toBe('✗ Destination accepts failed 40 ms');
    expect(rungIn(text, 'First byte')).toBe('· First byte not reached');
    expect(marks.map(({ line, status }) => `${lines[line]?.trim().charAt(0) ?? ''} ${status}`)).toEqual(['✗ failed', '✓ passed', '✓ passed', '✗ failed', '· waiting']);
  });

  it('names the way over jump hosts, and no ProxyCommand', () => {
    const report = reportOf(after(LOCAL, [[{ kind: 'configured', hops: [JUMP, BASTION] }], [{ kind: 'connected' }, 0], [{ kind: 'connected', via: 'jump' }, 1]]));
    expect(rungIn(report, 'Configuration')).toContain('bastion (me@bastion.example:22), through jump (me@192.0.2.1:2222), by the ProxyCommand of ssh_config');
    expect(report).toContain('\njump (me@192.0.2.1:2222)\n');
    expect(rungIn(report, 'TCP')).toContain('by the ProxyCommand of ssh_config');
    expect(report).toContain('through jump');
  });

  it.each<[string, (readonly [DiagnosisFact, number?])[], string]>([
    ['a key', [offered('publickey /a'), offered('publickey /b'), [{ kind: 'logged-in' }, 0]], 'logged in with publickey /b offered before: publickey /a'],
    ['two factors', [offered('publickey /a'), [{ kind: 'factor' }, 0], offered('keyboard-interactive'), [{ kind: 'logged-in' }, 0]], 'logged in with publickey /a and keyboard-interactive'],
    ['nothing', [[{ kind: 'logged-in' }, 0]], 'let in without a question'],
    ['what is refused', [offered('publickey /a'), offered('password'), offered('password')], 'offered: publickey /a; password'],
  ])('tells a login with %s', (_, facts, expected) => {
    expect(rungIn(reportOf(after(LOCAL, [[{ kind: 'configured', hops: [BASTION] }], ...facts])), 'Login').endsWith(` ${expected}`)).toBe(true);
  });

  it.each<[DiagnosisFact, string]>([
    [{ kind: 'key-trusted', trust: { status: 'known', file: '/known_hosts', line: 3 } }, 'known: /known_hosts, line 3'],
    [{ kind: 'key-trusted', trust: { status: 'unknown', file: '/known_hosts' } }, 'not known before, trusted now and added to /known_hosts'],
    [{ kind: 'key-trusted', trust: { status: 'unknown' } }, 'not known before, trusted now'],
    [{ kind: 'key-trusted' }, 'trusted'],
  ])('tells why a host key was trusted', (fact, expected) => {
    const facts = [[{ kind: 'configured', hops: [BASTION] }], [{ kind: 'key-shown', keyType: 'ssh-ed25519', fingerprint: 'SHA256:x' }, 0], [fact, 0]] as const;
    expect(rungIn(reportOf(after(LOCAL, facts)), 'Host key')).toMatch(new RegExp(`ssh-ed25519 SHA256:x ${expected}$`));
  });

  it.each<[ForwardSpec, DiagnosisFact, string]>([
    [RELAY, { kind: 'first-byte', how: 'waits', text: '' }, '✓ The way is open, from here to the destination.'],
    [RELAY, { kind: 'first-byte', how: 'ends', text: '' }, '! The way is open, but the destination closes it at once.'],
    [DYNAMIC, { kind: 'allowed', probe: { host: 'localhost', port: 9 } }, '✓ The way is open; where it leads is up to each connection.'],
  ])('says what came of it where nothing failed', (spec, fact, verdict) => {
    expect(reportOf(after(spec, [[fact]], 'finished'))).toContain(verdict);
  });

  it('says that a forward is merely not started', () => {
    const diagnosis = after(RELAY, [[{ kind: 'first-byte', how: 'waits', text: '' }]], 'finished');
    expect(reportOf(diagnosis, 'failed')).toContain('The forward itself is not running: start it.');
    expect(reportOf(diagnosis, 'listening')).not.toContain('start it');
  });

  it('keeps its width, but for words that cannot be broken', () => {
    const long = 'word '.repeat(80);
    const diagnosis = after(LOCAL, [[{ kind: 'configured', hops: [BASTION] }], [{ kind: 'identified', text: long }, 0]], failure('handshake-failed', {}, long));
    for (const line of reportOf(diagnosis).split('\n')) expect(line.length).toBeLessThanOrEqual(90);
  });
});
