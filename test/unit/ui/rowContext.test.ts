import { describe, expect, it } from 'vitest';
import { contextOf } from '../../../src/ui/rowContext.ts';
import { forwardOf, LOCAL, RELAY, STATES } from './samples.ts';

describe('the context of a row', () => {
  it.each(Object.entries(STATES))('names the kind and the phase: %s', (phase, state) => {
    expect(contextOf(forwardOf(state))).toBe(`forward.local.${phase}`);
    expect(contextOf(forwardOf(state, { spec: { ...RELAY, connect: { host: 'far', port: 23 } } }))).toBe(`forward.relay.${phase}`);
  });

  it.each<[number, boolean]>([
    [80, true], [443, true], [3000, true], [3099, true], [3100, false], [4200, true], [5000, true], [5173, true], [8000, true], [8443, true], [9099, true],
    [22, false], [23, false], [81, false], [2999, false], [5432, false], [7999, false], [9100, false],
  ])('says whether the destination looks like a web server: port %d, %s', (port, isHttp) => {
    const forward = forwardOf(STATES.listening, { spec: { ...LOCAL, connect: { host: 'db', port } } });
    expect(contextOf(forward)).toBe(`forward.local.listening${isHttp ? '.http' : ''}`);
  });
});
