import { describe, expect, it } from 'vitest';
import type { ForwardState } from '../../../src/core/forwardState.ts';
import { contextOf } from '../../../src/ui/rowContext.ts';
import { DYNAMIC, failure, forwardOf, LOCAL, RELAY, REMOTE, REMOTE_DYNAMIC, STATES, UDP } from './samples.ts';

describe('the context of a row', () => {
  it.each(Object.entries(STATES))('names the kind and the phase: %s', (phase, state) => {
    expect(contextOf(forwardOf(state))).toBe(`forward.local.${phase}`);
    expect(contextOf(forwardOf(state, { spec: { ...RELAY, connect: { host: 'far', port: 23 } } }))).toBe(`forward.relay.${phase}`);
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

  it('says that something is wrong with what listens, and that what stops waits for its connections', () => {
    const complaining = { ...STATES.listening, complaint: { failure: failure('destination-refused'), at: 0 } } as ForwardState;
    const web = { ...LOCAL, connect: { host: 'far', port: 80 } };
    const draining = { ...STATES.stopping, drainUntil: 60_000 } as ForwardState;
    expect(contextOf(forwardOf(draining, { spec: web }))).toBe('forward.local.stopping.http.draining');
    expect(contextOf(forwardOf(complaining, { spec: web, origin: 'ssh-config' }))).toBe('forward.local.listening.http.complaint.readonly');
  });

  it.each<[number, boolean]>([
    [80, true], [443, true], [3000, true], [3099, true], [3100, false], [4200, true], [5000, true], [5173, true], [8000, true], [8443, true], [9099, true],
    [22, false], [23, false], [81, false], [2999, false], [5432, false], [7999, false], [9100, false],
  ])('says whether the destination looks like a web server: port %d, %s', (port, isHttp) => {
    const forward = forwardOf(STATES.listening, { spec: { ...LOCAL, connect: { host: 'db', port } } });
    expect(contextOf(forward)).toBe(`forward.local.listening${isHttp ? '.http' : ''}`);
  });
});
