import { describe, expect, it } from 'vitest';
import { EventEmitter } from '../../../src/core/event.ts';
import { runsOf, SharedForwards } from '../../../src/ui/sharedForwards.ts';
import type { WindowsChange } from '../../../src/windows/otherWindows.ts';
import type { WindowRequest, WindowRun } from '../../../src/windows/windowMessages.ts';
import { createModel, define, LOCAL, RELAY, SOCKETS } from './samples.ts';

const TEXT = '5432:db:5432 me@bastion';
const RUN: WindowRun = { id: 'theirs', text: TEXT, phase: 'listening', isBound: true, openConnections: 2 };

/** The other windows as the test has them. */
function setup() {
  const made = createModel();
  const runs = new Map<string, WindowRun>();
  const asked: string[] = [];
  const changes = new EventEmitter<WindowsChange>();
  const requests = new EventEmitter<Extract<WindowRequest, { kind: 'stop' }>>();
  const looking = new EventEmitter<boolean>();
  const watching: boolean[] = [];
  const reports = { count: 0 };
  const shared = new SharedForwards({
    model: made.model, clock: made.clock, setWatching: (isIt) => { watching.push(isIt); },
    windows: { find: (text) => runs.get(text), askToStop: (text, isHandOver) => { asked.push(`${text} ${String(isHandOver)}`); return runs.has(text); }, onDidChange: changes.event },
    server: { changed: () => { reports.count += 1; }, onRequest: requests.event, onDidChangeLooking: looking.event },
  });
  const hear = (run: WindowRun | undefined, isOrphaned = false): void => {
    if (run === undefined) runs.delete(TEXT);
    else runs.set(TEXT, run);
    changes.fire({ orphans: new Set(isOrphaned ? [TEXT] : []) });
  };
  return { ...made, shared, hear, asked, requests, looking, watching, reports };
}

describe('what the others run', () => {
  it('is known of the forwards that are there, and of those that come', () => {
    const { model, hear } = setup();
    model.put(define('a'));
    hear(RUN);
    expect(model.get('a')?.state).toMatchObject({ phase: 'elsewhere', running: { phase: 'listening', openConnections: 2 } });
    model.put(define('b'));
    expect(model.get('b')?.state.phase).toBe('elsewhere');
    model.put(define('c', { spec: RELAY }));
    expect(model.get('c')?.state.phase).toBe('stopped');
    // With other poles it is another forward.
    model.put(define('b', { spec: RELAY }));
    expect(model.get('b')?.state.phase).toBe('stopped');
  });

  it('starts here what was wanted, when its window goes and not when it was stopped there', () => {
    const { model, hear, runner } = setup();
    for (const isOrphaned of [false, true]) {
      model.put(define('a'));
      hear(RUN);
      model.start('a');
      hear(undefined, isOrphaned);
      expect(model.get('a')?.state.phase).toBe(isOrphaned ? 'starting' : 'stopped');
    }
    expect(runner.orders).toEqual(['start a']);
  });

  it('does not matter to what listens on any free port', () => {
    const { model, hear } = setup();
    const spec = { ...LOCAL, listen: { host: 'localhost', port: 0 } };
    model.put(define('a', { spec }));
    hear({ ...RUN, text: '0:db:5432 me@bastion' });
    expect(model.get('a')?.state.phase).toBe('stopped');
    model.start('a');
    expect(runsOf(model)).toEqual([]);
  });
});

describe('what runs here', () => {
  it('is told with its phase and its connections, and nothing else is', () => {
    const { model, comeUp, runner, reports } = setup();
    for (const id of ['up', 'stopped']) model.put(define(id));
    model.put(define('starting', { spec: SOCKETS }));
    for (const id of ['up', 'starting']) model.start(id);
    comeUp('up');
    runner.traffic.fire({ id: 'up', traffic: { openConnections: 3, totalConnections: 4, bytesUp: 1, bytesDown: 1, connections: [] } });
    expect(runsOf(model)).toEqual([
      { id: 'up', text: TEXT, phase: 'listening', isBound: true, openConnections: 3 },
      { id: 'starting', text: '~/a.sock:/run/b.sock', phase: 'starting', isBound: false, openConnections: 0 },
    ]);
    const before = reports.count;
    model.stop('up');
    expect(reports.count).toBeGreaterThan(before);
  });

  it('is stopped or given away when another window asks, and is counted while one looks', () => {
    const { model, requests, looking, watching, hear } = setup();
    model.put(define('a'));
    for (const isHandOver of [false, true]) {
      model.start('a');
      requests.fire({ kind: 'stop', id: 'a', isHandOver });
      expect(model.get('a')?.state.phase).toBe('stopped');
      hear(RUN);
      hear(undefined, true);
      expect(model.get('a')?.state.phase).toBe(isHandOver ? 'starting' : 'stopped');
    }
    requests.fire({ kind: 'stop', id: 'unknown', isHandOver: true });
    looking.fire(true);
    expect(watching).toEqual([true]);
  });
});

describe('asking another window', () => {
  it('is answered when it begins to stop, or no longer runs it', async () => {
    const { model, shared, hear, asked } = setup();
    model.put(define('a'));
    hear(RUN);
    const stopped = shared.stop('a');
    hear({ ...RUN, phase: 'stopping' });
    expect(await stopped).toBe(true);
    hear(RUN);
    const taken = shared.takeOver('a');
    hear(undefined);
    expect(await taken).toBe(true);
    expect(model.get('a')?.state.phase).toBe('starting');
    expect(asked).toEqual([`${TEXT} false`, `${TEXT} true`]);
    expect(await shared.takeOver('a')).toBe(true);
  });

  it('is not answered by one that hangs; what was to be taken over comes when that ends', async () => {
    const { model, shared, hear, clock } = setup();
    model.put(define('a'));
    hear(RUN);
    const taken = shared.takeOver('a');
    clock.advance(3_000);
    expect(await taken).toBe(false);
    hear(undefined, true);
    expect(model.get('a')?.state.phase).toBe('starting');
    expect(clock.pending).toBe(0);
  });
});
