import { describe, expect, it } from 'vitest';
import type { Failure } from '../../../src/core/failure.ts';
import type { Bound, ToldState } from '../../../src/core/forwardState.ts';
import { LineReader } from '../../../src/windows/lineReader.ts';
import { Paced } from '../../../src/windows/paced.ts';
import { formatReport, formatRequest, MAX_REPORT_LENGTH, readReport, readRequest, type WindowRun } from '../../../src/windows/windowMessages.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const RUN: WindowRun = {
  id: 'a', text: '8080:far:80', traffic: { openConnections: 2, totalConnections: 3, bytesUp: 4, bytesDown: 5 },
  running: { phase: 'listening', generation: 1, since: 2, bound: { addresses: [{ host: '127.0.0.1', port: 8080 }] }, complaint: undefined },
};
const FAILURE: Failure = { code: 'destination-refused', detail: 'no', context: { host: 'far', port: 80, isLast: true, tried: ['a', 'b'] } };
const BOUND: Bound = { addresses: [{ path: '/run/a.sock' }], missing: { address: { host: '::1', port: 80 }, failure: FAILURE } };
const STATES: readonly ToldState[] = [
  { phase: 'starting', generation: 1, since: 2, attempt: 3, progress: { step: 'logging-in', host: 'bastion' }, bound: undefined },
  { phase: 'listening', generation: 1, since: 2, bound: BOUND, complaint: { failure: FAILURE, at: 7 } },
  { phase: 'idle', generation: 1, since: 2, bound: BOUND },
  { phase: 'retrying', generation: 1, since: 2, attempt: 3, retryAt: 9, downSince: 1, failure: FAILURE, bound: BOUND },
  { phase: 'stopping', generation: 1, since: 2 },
  { phase: 'stopping', generation: 1, since: 2, drainUntil: 5 },
  { phase: 'failed', since: 2, failure: FAILURE },
  { phase: 'starting', generation: 1, since: 2, attempt: 3, progress: { step: 'binding' }, bound: BOUND, outage: { failure: FAILURE, at: 7, since: 1 } },
  { phase: 'idle', generation: 1, since: 2, bound: BOUND, complaint: { failure: FAILURE, at: 7, since: 1 } },
];

describe('a report', () => {
  it('is a line that reads back as itself', () => {
    const runs = [RUN, ...STATES.map((running, index) => ({ ...RUN, id: String(index), text: '~/a b.sock:"\n"', running, stopsAt: 10 + index }))];
    const line = formatReport(runs);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(readReport(line)).toEqual(runs);
  });

  it('is bounded, however much runs', () => {
    const runs = Array.from({ length: 5_000 }, (_, index) => ({ ...RUN, id: `"${String(index)}`, text: '"'.repeat(index % 1_000) }));
    const line = formatReport(runs);
    expect(line.length).toBeLessThan(MAX_REPORT_LENGTH);
    expect(readReport(line)).toHaveLength(500);
  });

  it.each(['', '{', 'null', '7', '[]', '{}', '{"forwards":{}}'])('is not %j', (line) => { expect(readReport(line)).toBeUndefined(); });

  it('is bounded, whatever a server said', () => {
    const long = 'x'.repeat(100_000);
    const failure: Failure = { code: 'auth-failed', detail: long, context: { host: `${long}\u202e`, tried: Array.from({ length: 1_000 }, () => long) } };
    const runs = Array.from({ length: 400 }, (_, index): WindowRun => ({ ...RUN, id: String(index), running: { ...STATES[3], failure } as ToldState }));
    const line = formatReport(runs);
    expect(line.length).toBeLessThan(MAX_REPORT_LENGTH);
    expect(readReport(line)?.length).toBeGreaterThan(50);
  });

  const broken = (running: object): object => ({ ...RUN, running: { ...RUN.running, ...running } });
  it.each<unknown>([
    null, 7, '8080:far:80', {}, { ...RUN, id: 1 }, { ...RUN, text: 'x'.repeat(900) }, { ...RUN, running: null }, { ...RUN, traffic: 7 }, { ...RUN, traffic: { ...RUN.traffic, openConnections: '2' } },
    { ...RUN, traffic: { ...RUN.traffic, bytesUp: 1.5 } }, broken({ phase: 'failed' }), broken({ generation: '1' }), broken({ since: -1 }), broken({ bound: 7 }), broken({ bound: { addresses: [] } }),
    broken({ bound: { addresses: [{ host: 'a', port: 70_000 }] } }), broken({ phase: 'retrying' }), broken({ phase: 'retrying', failure: { code: 'of-the-future', detail: '', context: {} } }),
  ])('leaves out what it does not know: %j', (run) => { expect(readReport(JSON.stringify({ forwards: [run, RUN] }))).toEqual([RUN]); });

  it('takes what it can of a state of another version', () => {
    const complaint = { failure: { code: 'of-the-future' }, at: 3 };
    expect(readReport(JSON.stringify({ forwards: [broken({ complaint, more: 1 })], more: 1 }))).toEqual([RUN]);
    const starting = { phase: 'starting', generation: 1, since: 2, progress: { step: 'of-the-future' } };
    expect(readReport(JSON.stringify({ forwards: [{ ...RUN, running: starting }] }))?.[0]?.running).toMatchObject({ phase: 'starting', attempt: 1, progress: { step: 'connecting' } });
  });
});

describe('a request', () => {
  it.each([{ kind: 'look', isLooking: true }, { kind: 'ask', number: 3 }, { kind: 'order', order: 'hand-over', id: 'a' }, { kind: 'order', order: 'restart', id: 'a' }] as const)('reads back as itself: %j', (request) => {
    expect(readRequest(formatRequest(request))).toEqual(request);
  });

  it.each(['', '{}', '{"kind":"look"}', '{"kind":"ask","number":"1"}', '{"kind":"order","order":"stop","id":7}', '{"kind":"order","order":"start","id":"a"}', '{"kind":"stop","order":"stop","id":"a"}', 'null'])('is not %j', (line) => {
    expect(readRequest(line)).toBeUndefined();
  });
});

describe('lines', () => {
  it('are whole, however they arrive', () => {
    const reader = new LineReader(10);
    expect(['a', 'b\nc', '\n\nd', 'e\n'].map((chunk) => reader.push(chunk))).toEqual([[], ['ab'], ['c', ''], ['de']]);
  });

  it.each([[['abcd\nef\n']], [['abcd', '\nef\n']], [['abc', 'd', 'abc', 'd\nef', '\n']], [['abcd\n', 'ef\n']], [['abcd\nabcd\nef\n']], [['abcd', 'abcd\nabcd', '\nef\n']]])(
    'are left out where they are too long, however they arrive: %j', (chunks) => {
      const reader = new LineReader(3);
      expect([reader.push('abc\n'), reader.hasSkipped]).toEqual([['abc'], false]);
      expect(chunks.flatMap((chunk) => reader.push(chunk))).toEqual(['ef']);
      expect(reader.hasSkipped).toBe(true);
    },
  );

  it('are too long before they end', () => {
    const reader = new LineReader(3);
    expect([reader.push('abc'), reader.hasSkipped, reader.push('d'), reader.hasSkipped]).toEqual([[], false, [], true]);
  });
});

describe('a paced action', () => {
  function setup() {
    const clock = new FakeClock();
    const at: number[] = [];
    const start = clock.now();
    let hasWork = true;
    const paced = new Paced(clock, 500, () => { at.push(clock.now() - start); return hasWork; });
    return { clock, at, paced, setWork: (value: boolean) => { hasWork = value; } };
  }

  it('is done at once, then at most twice a second, and for the last that asked', () => {
    const { clock, at, paced } = setup();
    for (let ms = 0; ms < 1_900; ms += 50) {
      paced.ask();
      clock.advance(50);
    }
    expect(at).toEqual([0, 500, 1_000, 1_500]);
    clock.advance(10_000);
    expect(at).toEqual([0, 500, 1_000, 1_500, 2_000]);
    expect(clock.pending).toBe(0);
  });

  it('has no pause after it had nothing to do', () => {
    const { clock, at, paced, setWork } = setup();
    setWork(false);
    for (let times = 0; times < 3; times += 1) {
      paced.ask();
      clock.advance(10);
    }
    expect(at).toEqual([0, 10, 20]);
  });

  it('is not done any more once disposed of', () => {
    const { clock, at, paced } = setup();
    paced.ask();
    paced.dispose();
    clock.advance(1_000);
    expect(at).toEqual([]);
  });
});
