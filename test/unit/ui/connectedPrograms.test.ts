import { expect, it, vi } from 'vitest';
import { NO_TRAFFIC, type Connection } from '../../../src/core/forward.ts';
import { ConnectedPrograms } from '../../../src/ui/connectedPrograms.ts';
import { connectionOf, createModel, define, DYNAMIC, LOCAL, REMOTE, REMOTE_DYNAMIC, SOCKETS, UDP } from './samples.ts';

/** Names a program for whatever it is asked about. */
vi.mock('../../../src/system/connectedProgram.ts', () => ({
  findConnectedPrograms: async (connections: readonly Connection[]) => connections.map(() => ({ program: 'curl', pid: 7 })),
}));

it.each([[LOCAL, true], [DYNAMIC, true], [REMOTE, false], [REMOTE_DYNAMIC, false], [UDP, false]] as const)('who connected is looked up on this computer for what listens here alone: %#', async (spec, isHere) => {
  const { model, runner, clock, comeUp } = createModel();
  const programs = new ConnectedPrograms(model, clock);
  const connection = connectionOf();
  model.put(define('a', { spec }));
  model.start('a');
  comeUp('a');
  runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, openConnections: 1, connections: [connection] } });
  clock.advance(500);
  await new Promise((resolve) => setImmediate(resolve));
  expect(programs.programOf(connection)).toEqual(isHere ? { program: 'curl', pid: 7 } : undefined);
  programs.dispose();
});

it('who connected to a socket is not looked for: it has no address', async () => {
  const { model, runner, clock, comeUp } = createModel();
  const programs = new ConnectedPrograms(model, clock);
  const connection = connectionOf({ origin: { path: '/tmp/a.sock' }, accepted: { path: '/tmp/a.sock' } });
  model.put(define('a', { spec: SOCKETS }));
  model.start('a');
  comeUp('a', { addresses: [{ path: '/tmp/a.sock' }] });
  runner.traffic.fire({ id: 'a', traffic: { ...NO_TRAFFIC, openConnections: 1, connections: [connection] } });
  clock.advance(500);
  await new Promise((resolve) => setImmediate(resolve));
  expect(programs.programOf(connection)).toBeUndefined();
  programs.dispose();
});
