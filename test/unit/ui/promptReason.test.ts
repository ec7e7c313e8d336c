import { describe, expect, it } from 'vitest';
import type { ForwardState } from '../../../src/core/forwardState.ts';
import { reasonToAsk } from '../../../src/ui/promptReason.ts';
import { BOTH_LOOPBACKS, forwardOf, LOCAL, NOW, REMOTE, STATES } from './samples.ts';

const WOKEN: ForwardState = { phase: 'starting', generation: 1, attempt: 1, since: NOW, progress: { step: 'logging-in' }, bound: BOTH_LOOPBACKS };

describe('why a server asks', () => {
  it('is a program that has connected to a forward on demand', () => {
    const forwards = [forwardOf(STATES.listening), forwardOf(WOKEN, { name: 'db', isOnDemand: true })];
    expect(reasonToAsk(forwards, 'bastion')).toBe('A program has connected to db, which opens its tunnel on demand.');
    expect(reasonToAsk(forwards, 'other')).toBe('');
  });

  it('is told of the jump host that asks on the way', () => {
    const forwards = [forwardOf({ ...WOKEN, progress: { step: 'logging-in', host: 'gate' } }, { name: 'db', isOnDemand: true })];
    expect([reasonToAsk(forwards, 'gate'), reasonToAsk(forwards, 'bastion')]).toEqual(['A program has connected to db, which opens its tunnel on demand.', '']);
  });

  it('is plain where somebody has just started it, and where it is not on demand', () => {
    expect(reasonToAsk([forwardOf(STATES.starting, { isOnDemand: true }), forwardOf(WOKEN, { spec: LOCAL }), forwardOf(WOKEN, { spec: REMOTE })], 'bastion')).toBe('');
  });

  it('makes no link of the name of a forward', () => {
    expect(reasonToAsk([forwardOf(WOKEN, { name: '[db](command:x)', isOnDemand: true })], 'bastion')).not.toContain('](');
  });
});
