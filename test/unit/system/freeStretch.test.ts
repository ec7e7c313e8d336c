import { expect, it } from 'vitest';
import { findFreeStretch } from '../../../src/system/freeStretch.ts';

const at = (host: string, ...ports: number[]) => ports.map((port) => ({ host, port }));

it.each<[string, Parameters<typeof findFreeStretch>, number | undefined]>([
  ['begins where it may when all is free', [[], 'localhost', 8000, 3], 8000],
  ['begins after what is in the way', [at('127.0.0.1', 8001), 'localhost', 8000, 3], 8002],
  ['passes gaps that are too small', [at('127.0.0.1', 8002, 8004), 'localhost', 8000, 3], 8005],
  ['fits a gap that is just large enough', [at('127.0.0.1', 8003), 'localhost', 8000, 3], 8000],
  ['minds either loopback', [at('::1', 8001), 'localhost', 8000, 2], 8002],
  ['minds a listener on every address', [at('0.0.0.0', 8001), '127.0.0.1', 8000, 2], 8002],
  ['does not mind one of another address', [at('192.0.2.1', 8001), 'localhost', 8000, 3], 8000],
  ['ends at the last port', [[], 'localhost', 65_534, 2], 65_534],
  ['is none where there is no room', [[], 'localhost', 65_534, 3], undefined],
  ['is none where the last port is taken', [at('127.0.0.1', 65_535), 'localhost', 65_534, 2], undefined],
])('a stretch of free ports %s', (_, args, first) => {
  expect(findFreeStretch(...args)).toBe(first);
});
