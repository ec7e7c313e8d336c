import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EventEmitter } from '../../../src/core/event.ts';
import { runsOf, SharedForwards } from '../../../src/ui/sharedForwards.ts';
import type { WindowsChange } from '../../../src/windows/otherWindows.ts';
import type { WindowRun } from '../../../src/windows/windowMessages.ts';
import type { OrderRequest } from '../../../src/windows/windowServer.ts';
import { BOTH_LOOPBACKS, createModel, define, failure, LOCAL, NOW, RELAY, RUN_ELSEWHERE, SOCKETS } from './samples.ts';

const TEXT = '5432:db:5432 me@bastion';
const RUN = { ...RUN_ELSEWHERE, id: 'theirs', text: TEXT } satisfies WindowRun;
const STOPPING: WindowRun = { ...RUN, running: { phase: 'stopping', generation: 1, since: NOW } };

/** The other windows as the test has them. */
function setup() {
  const made = createModel();
  const runs = new Map<string, WindowRun>();
  const asked: string[] = [];
  const changes = new EventEmitter<WindowsChange>();
  const requests = new EventEmitter<OrderRequest>();
  const looking = new EventEmitter<boolean>();
  const watching: boolean[] = [];
  const reports = { count: 0 };
  const removed: string[] = [];
  const shared = new SharedForwards({
    removeStaleSocket: async (path) => { removed.push(path); },
    model: made.model, clock: made.clock, setWatching: (isIt) => { watching.push(isIt); },
    windows: { find: (text) => runs.get(text), order: (text, order) => { asked.push(`${order} ${text}`); return runs.has(text); }, onDidChange: changes.event },
    server: { changed: () => { reports.count += 1; }, onRequest: requests.event, onDidChangeLooking: looking.event },
  });
  const hear = (run: WindowRun | undefined, isOrphaned = false, text = TEXT): void => {
    if (run === undefined) runs.delete(text);
    else runs.set(text, run);
    changes.fire({ orphans: new Set(isOrphaned ? [text] : []) });
  };
  return { ...made, shared, hear, asked, requests, looking, watching, reports, removed };
}

describe('what the others run', () => {
  it('is known of the forwards that are there, and of those that come', () => {
    const { model, hear } = setup();
    model.put(define('a'));
    hear(RUN);
    expect(model.get('a')?.state).toMatchObject({ phase: 'elsewhere', since: NOW - 7_200_000, running: RUN.running });
    expect(model.get('a')?.traffic).toEqual({ ...RUN.traffic, connections: [] });
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
    for (const id of ['up', 'stopped']) model.put(define(id, { stopAfterMinutes: 1 }));
    model.put(define('starting', { spec: SOCKETS }));
    for (const id of ['up', 'starting']) model.start(id);
    comeUp('up');
    runner.traffic.fire({ id: 'up', traffic: { openConnections: 3, totalConnections: 4, bytesUp: 1, bytesDown: 1, connections: [] } });
    expect(runsOf(model)).toMatchObject([
      { id: 'up', text: TEXT, running: { phase: 'listening', bound: BOTH_LOOPBACKS }, traffic: { openConnections: 3 }, stopsAt: NOW + 60_000 },
      { id: 'starting', text: '~/a.sock:/run/b.sock', running: { phase: 'starting', bound: undefined }, traffic: { openConnections: 0 } },
    ]);
    const before = reports.count;
    model.stop('up');
    expect(reports.count).toBeGreaterThan(before);
  });

  it('is told where it failed, unless because another window has it', () => {
    const { model, say, clock } = setup();
    for (const id of ['refused', 'taken']) model.put(define(id));
    model.start('refused');
    say('refused', { type: 'lost', failure: failure('auth-failed') });
    model.start('taken');
    while (model.get('taken')?.state.phase !== 'failed') {
      say('taken', { type: 'lost', failure: failure('running-elsewhere') });
      clock.advance(200);
    }
    expect(runsOf(model)).toMatchObject([{ id: 'refused', running: { phase: 'failed', failure: { code: 'auth-failed' } } }]);
  });

  it('is stopped or given away when another window asks, and is counted while one looks', () => {
    const { model, requests, looking, watching, hear } = setup();
    model.put(define('a'));
    for (const isHandOver of [false, true]) {
      model.start('a');
      requests.fire({ kind: 'order', order: isHandOver ? 'hand-over' : 'stop', id: 'a' });
      expect(model.get('a')?.state.phase).toBe('stopped');
      hear(RUN);
      hear(undefined, true);
      expect(model.get('a')?.state.phase).toBe(isHandOver ? 'starting' : 'stopped');
    }
    requests.fire({ kind: 'order', order: 'hand-over', id: 'unknown' });
    looking.fire(true);
    expect(watching).toEqual([true]);
  });
});

describe('a Unix socket', () => {
  const text = '~/a.sock:/run/b.sock';

  it('that a window left when it was killed is removed by whoever takes over, and by nobody else', () => {
    const { model, hear, removed } = setup();
    model.put(define('a', { spec: SOCKETS }));
    for (const [isWanted, isOrphaned] of [[false, true], [true, false], [true, true]] as const) {
      hear(RUN, false, text);
      if (isWanted) model.start('a');
      hear(undefined, isOrphaned, text);
      expect(removed).toEqual(isWanted && isOrphaned ? [join(homedir(), 'a.sock')] : []);
    }
  });
});

describe('asking another window', () => {
  it('to restart is answered when it has begun to, and to stop at once when it no longer waits for connections', async () => {
    const { model, shared, hear, asked, requests, runner } = setup();
    model.put(define('a'));
    hear(RUN);
    const restarted = shared.restart('a');
    hear({ ...RUN, running: { ...RUN.running, generation: 2 } });
    expect(await restarted).toBe(true);
    hear({ ...STOPPING, running: { phase: 'stopping', generation: 2, since: NOW, drainUntil: NOW + 60_000 } });
    const stopped = shared.stop('a');
    hear(STOPPING);
    expect(await stopped).toBe(true);
    expect(asked).toEqual([`restart ${TEXT}`, `stop ${TEXT}`]);
    hear(undefined);
    model.start('a');
    requests.fire({ kind: 'order', order: 'restart', id: 'a' });
    expect(runner.orders).toEqual(['start a', 'stop a', 'start a']);
  });

  it('is answered when it begins to stop, or no longer runs it', async () => {
    const { model, shared, hear, asked } = setup();
    model.put(define('a'));
    hear(RUN);
    const stopped = shared.stop('a');
    hear(STOPPING);
    expect(await stopped).toBe(true);
    hear(RUN);
    const taken = shared.takeOver('a');
    hear(undefined);
    expect(await taken).toBe(true);
    expect(model.get('a')?.state.phase).toBe('starting');
    expect(asked).toEqual([`stop ${TEXT}`, `hand-over ${TEXT}`]);
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
