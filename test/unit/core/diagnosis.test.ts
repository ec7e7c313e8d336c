import { describe, expect, it } from 'vitest';
import { advance, beginDiagnosis, isAddress, type Diagnosis, type DiagnosisEvent, type DiagnosisFact, type DiagnosedHop } from '../../../src/core/diagnosis.ts';
import type { ForwardSpec } from '../../../src/core/forwardSpec.ts';
import { DYNAMIC, failure, LOCAL, NOW, RELAY, REMOTE, REMOTE_DYNAMIC } from '../ui/samples.ts';

const BASTION: DiagnosedHop = { name: 'bastion', host: 'bastion.example', port: 22, user: 'me', hasProxyCommand: false };
const CONFIGURED: DiagnosisFact = { kind: 'configured', hops: [BASTION] };

/** The diagnosis after these, a hundred milliseconds apart; a fact may come with the hop that it is about. */
function after(spec: ForwardSpec, ...steps: readonly (DiagnosisFact | readonly [DiagnosisFact, number] | 'finished' | 'failed' | 'cancelled')[]): Diagnosis {
  let at = NOW;
  return steps.reduce<Diagnosis>((diagnosis, step) => {
    at += 100;
    return advance(diagnosis, eventOf(step, at));
  }, beginDiagnosis(spec, NOW));
}

function eventOf(step: Parameters<typeof after>[1], at: number): DiagnosisEvent {
  if (step === 'finished' || step === 'cancelled') return { type: step, at };
  if (step === 'failed') return { type: 'failed', at, failure: failure('auth-failed') };
  const [fact, hop] = 'kind' in step ? [step, undefined] : step;
  return { type: 'fact', at, fact, ...(hop === undefined ? {} : { hop }) };
}

function steps({ rungs }: Diagnosis): string[] {
  return rungs.map(({ step, hop }) => (hop === undefined ? step : `${step} ${String(hop)}`));
}

function statuses({ rungs }: Diagnosis): string[] {
  return rungs.map(({ step, status }) => `${step} ${status}`);
}

const ofHop = (hop: number, ...before: readonly string[]): string[] => [...before, 'tcp', 'banner', 'key-exchange', 'host-key', 'login'].map((step) => `${step} ${String(hop)}`);

describe('the rungs', () => {
  it('end with the health check of one that has it, through all that is learnt on the way', () => {
    const begun = beginDiagnosis(LOCAL, NOW, true);
    expect(steps(begun).slice(-2)).toEqual(['first-byte', 'health']);
    const configured = advance(begun, { type: 'fact', at: NOW, fact: CONFIGURED });
    expect(steps(configured).slice(-2)).toEqual(['first-byte', 'health']);
    const healthy = advance(configured, { type: 'fact', at: NOW + 1, fact: { kind: 'healthy', request: 'GET /' } });
    expect(statuses(healthy).at(-1)).toBe('health passed');
  });

  it.each<[string, ForwardSpec, string[]]>([
    ['a tunnel', LOCAL, ['configuration', 'port', ...ofHop(0, 'name'), 'forwarding', 'destination', 'first-byte']],
    ['-R', REMOTE, ['configuration', ...ofHop(0, 'name'), 'server-port', 'destination-name', 'destination', 'first-byte']],
    ['a proxy', DYNAMIC, ['configuration', 'port', ...ofHop(0, 'name'), 'forwarding']],
    ['a proxy of the server', REMOTE_DYNAMIC, ['configuration', ...ofHop(0, 'name'), 'server-port']],
    ['a relay', RELAY, ['port', 'destination-name', 'destination', 'first-byte']],
    ['a relay to an address', { ...RELAY, connect: { host: '192.0.2.1', port: 80 } }, ['port', 'destination', 'first-byte']],
    ['a relay to a socket', { ...RELAY, connect: { path: '/run/x.sock' } }, ['port', 'destination', 'first-byte']],
    ['datagrams', { kind: 'udp', listen: { host: 'localhost', port: 53 }, connect: { host: 'dns', port: 53 } }, ['port', 'destination-name']],
  ])('of %s are there from the beginning', (_, spec, expected) => {
    const diagnosis = beginDiagnosis(spec, NOW);
    expect(steps(diagnosis)).toEqual(expected);
    expect(diagnosis.rungs.map(({ status }) => status)).toEqual(expected.map((__, index) => (index === 0 ? 'running' : 'waiting')));
  });

  it('are those of every hop once ssh_config has told of them; only the first one is looked up here', () => {
    const diagnosis = after(LOCAL, { kind: 'configured', hops: [BASTION, { ...BASTION, name: 'inner' }] });
    expect(steps(diagnosis)).toEqual(['configuration', 'port', ...ofHop(0, 'name'), ...ofHop(1), 'forwarding', 'destination', 'first-byte']);
    expect(diagnosis.hops.map(({ name }) => name)).toEqual(['bastion', 'inner']);
  });

  it.each<[string, Partial<DiagnosedHop>]>([['an address', { host: '192.0.2.1' }], ['a ProxyCommand', { hasProxyCommand: true }]])('have no name to look up for %s', (_, changes) => {
    expect(steps(after(LOCAL, { kind: 'configured', hops: [{ ...BASTION, ...changes }] }))).not.toContain('name 0');
  });
});

describe('what happens on the way', () => {
  it('completes one rung and begins the next, each with its time', () => {
    const { rungs } = after(LOCAL, CONFIGURED, { kind: 'bindable', addresses: [], isRunning: false }, [{ kind: 'found', addresses: ['192.0.2.1'] }, 0]);
    expect(rungs.slice(0, 4)).toMatchObject([
      { step: 'configuration', status: 'passed', durationMs: 100 }, { step: 'port', status: 'passed', durationMs: 100 },
      { step: 'name', status: 'passed', durationMs: 100, facts: [{ addresses: ['192.0.2.1'] }] }, { step: 'tcp', status: 'running', startedAt: NOW + 300 },
    ]);
  });

  it('gathers on a rung until it is complete', () => {
    const diagnosis = after(LOCAL, CONFIGURED, [{ kind: 'offered', name: 'a' }, 0], [{ kind: 'offered', name: 'b' }, 0], [{ kind: 'logged-in' }, 0]);
    expect(diagnosis.rungs.find(({ step }) => step === 'login')).toMatchObject({ status: 'passed', durationMs: 200, facts: [{ name: 'a' }, { name: 'b' }, {}] });
  });

  it('leaves behind what it was not told the end of', () => {
    const diagnosis = after(RELAY, { kind: 'accepted', destination: { host: 'far', port: 80 } });
    expect(statuses(diagnosis)).toEqual(['port passed', 'destination-name skipped', 'destination passed', 'first-byte running']);
  });

  it('never goes back, nor to a rung that is not there', () => {
    const diagnosis = after(LOCAL, CONFIGURED, [{ kind: 'logged-in' }, 0]);
    for (const [fact, hop] of [[{ kind: 'identified', text: 'x' }, 0], [{ kind: 'logged-in' }, 1], [{ kind: 'granted', address: { host: 'x', port: 1 }, isRunning: false }, undefined]] as const) {
      expect(advance(diagnosis, { type: 'fact', at: NOW, fact, ...(hop === undefined ? {} : { hop }) })).toBe(diagnosis);
    }
  });

  it.each([['speaks', 'passed'], ['waits', 'passed'], ['ends', 'doubtful'], ['resets', 'doubtful']] as const)('makes the first byte of a destination that %s %s', (how, status) => {
    expect(after(RELAY, { kind: 'first-byte', how, text: '' }).rungs.at(-1)?.status).toBe(status);
  });
});

describe('the end', () => {
  it('is the rung under way when it fails, and nothing is told after it', () => {
    const diagnosis = after(LOCAL, CONFIGURED, [{ kind: 'offered', name: 'a' }, 0], 'failed');
    expect(diagnosis).toMatchObject({ outcome: 'failed', failure: { code: 'auth-failed' } });
    expect(statuses(diagnosis).slice(-5)).toEqual(['host-key skipped', 'login failed', 'forwarding waiting', 'destination waiting', 'first-byte waiting']);
    expect(advance(diagnosis, { type: 'finished', at: NOW })).toBe(diagnosis);
  });

  it('leaves the rung under way as not reached when it is stopped', () => {
    const diagnosis = after(LOCAL, CONFIGURED, 'cancelled');
    expect(diagnosis.outcome).toBe('cancelled');
    expect(diagnosis.rungs.map(({ status }) => status)).not.toContain('running');
  });

  it('has nothing under way when all is done', () => {
    const diagnosis = after(RELAY, { kind: 'first-byte', how: 'waits', text: '' }, 'finished');
    expect(diagnosis.outcome).toBe('passed');
    expect(statuses(diagnosis)).toEqual(['port passed', 'destination-name skipped', 'destination skipped', 'first-byte passed']);
  });
});

describe('an address', () => {
  it.each([['192.0.2.1', true], ['::1', true], ['localhost', false], ['1.example', false], ['db', false]])('%s: %s', (host, expected) => {
    expect(isAddress(host)).toBe(expected);
  });
});
