import { describe, expect, it } from 'vitest';
import { contextOf } from '../../../src/ui/rowContext.ts';
import { BOTH_LOOPBACKS, DYNAMIC, failure, forwardOf, LOCAL, NOW, RELAY, REMOTE, REMOTE_DYNAMIC, STATES, UDP } from './samples.ts';

describe('the context of a row', () => {
  it.each(Object.entries(STATES))('names the kind and the phase: %s', (phase, state) => {
    expect(contextOf(forwardOf(state))).toBe(`forward.local.${phase}`);
    expect(contextOf(forwardOf(state, { spec: { ...RELAY, connect: { host: 'far', port: 23 } } }))).toBe(`forward.relay.${phase}`);
  });

  it('offers for what failed in another window what it offers for what failed here', () => {
    expect(contextOf(forwardOf({ phase: 'elsewhere', since: NOW, running: { phase: 'failed', since: NOW, failure: failure('auth-failed') } }))).toBe('forward.local.failed');
  });

  it('names the other kinds, which no browser can open, whatever their ports', () => {
    const web = { host: 'localhost', port: 80 };
    expect([{ ...REMOTE, connect: web }, { ...DYNAMIC, listen: web }, { ...REMOTE_DYNAMIC, listen: web }].map((spec) => contextOf(forwardOf(STATES.listening, { spec })))).toEqual([
      'forward.remote.listening', 'forward.dynamic.listening', 'forward.remote-dynamic.listening',
    ]);
  });

  it('names what listens on no port of TCP, which no browser can open either', () => {
    const web = { host: 'far', port: 80 };
    const specs = [{ ...RELAY, listen: { path: '/tmp/x.sock' }, connect: web }, { ...LOCAL, listen: { path: '/tmp/x.sock' }, connect: web }, { ...LOCAL, connect: { path: '/x' } }, { ...UDP, connect: web }];
    expect(specs.map((spec) => contextOf(forwardOf(STATES.listening, { spec })))).toEqual([
      'forward.relay.listening.socket', 'forward.local.listening.socket', 'forward.local.listening', 'forward.udp.listening',
    ]);
  });

  it('tells a stop that waits for connections from one that does not, and says what could not reach its destination', () => {
    const complaint = { failure: failure('destination-refused'), at: NOW };
    expect([
      contextOf(forwardOf({ phase: 'stopping', generation: 1, since: NOW, drainUntil: NOW + 60_000 })),
      contextOf(forwardOf({ phase: 'listening', generation: 1, since: NOW, bound: BOTH_LOOPBACKS, complaint }, { spec: { ...LOCAL, connect: { host: 'db', port: 80 } }, origin: 'ssh-config' })),
    ]).toEqual(['forward.local.draining', 'forward.local.listening.http.complaint.readonly']);
  });

  it.each<[number, boolean]>([
    [80, true], [443, true], [3000, true], [3099, true], [3100, false], [4200, true], [5000, true], [5173, true], [8000, true], [8443, true], [9099, true],
    [22, false], [23, false], [81, false], [2999, false], [5432, false], [7999, false], [9100, false],
  ])('says whether the destination looks like a web server: port %d, %s', (port, isHttp) => {
    const forward = forwardOf(STATES.listening, { spec: { ...LOCAL, connect: { host: 'db', port } } });
    expect(contextOf(forward)).toBe(`forward.local.listening${isHttp ? '.http' : ''}`);
  });
});
