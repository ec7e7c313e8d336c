import { describe, expect, it } from 'vitest';
import { LineReader } from '../../../src/windows/lineReader.ts';
import { Paced } from '../../../src/windows/paced.ts';
import { formatReport, formatRequest, MAX_REPORT_LENGTH, readReport, readRequest, type WindowRun } from '../../../src/windows/windowMessages.ts';
import { FakeClock } from '../../support/fakeClock.ts';

const RUN: WindowRun = { id: 'a', text: '8080:far:80', phase: 'listening', isBound: true, openConnections: 2 };

describe('a report', () => {
  it('is a line that reads back as itself', () => {
    const line = formatReport([RUN, { ...RUN, id: 'b', text: '~/a b.sock:"\n"', phase: 'stopping' }]);
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(readReport(line)).toEqual([RUN, { ...RUN, id: 'b', text: '~/a b.sock:"\n"', phase: 'stopping' }]);
  });

  it('is bounded, however much runs', () => {
    const runs = Array.from({ length: 5_000 }, (_, index) => ({ ...RUN, id: `"${String(index)}`, text: '"'.repeat(index % 1_000) }));
    const line = formatReport(runs);
    expect(line.length).toBeLessThan(MAX_REPORT_LENGTH);
    expect(readReport(line)).toHaveLength(500);
  });

  it.each(['', '{', 'null', '7', '[]', '{}', '{"forwards":{}}'])('is not %j', (line) => { expect(readReport(line)).toBeUndefined(); });

  it.each([null, 7, '8080:far:80', {}, { ...RUN, id: 1 }, { ...RUN, phase: 'failed' }, { ...RUN, isBound: 1 }, { ...RUN, openConnections: '2' }, { ...RUN, openConnections: 1.5 }])(
    'leaves out what it does not know: %j', (run) => { expect(readReport(JSON.stringify({ forwards: [run, RUN] }))).toEqual([RUN]); });
});

describe('a request', () => {
  it.each([{ kind: 'look', isLooking: true }, { kind: 'ask', number: 3 }, { kind: 'stop', id: 'a', isHandOver: false }] as const)('reads back as itself: %j', (request) => {
    expect(readRequest(formatRequest(request))).toEqual(request);
  });

  it.each(['', '{}', '{"kind":"look"}', '{"kind":"ask","number":"1"}', '{"kind":"stop","id":7,"isHandOver":true}', '{"kind":"stop","id":"a"}', '{"kind":"start","id":"a","isHandOver":true}', 'null'])('is not %j', (line) => {
    expect(readRequest(line)).toBeUndefined();
  });
});

describe('lines', () => {
  it('are whole, however they arrive', () => {
    const reader = new LineReader(10);
    expect(['a', 'b\nc', '\n\nd', 'e\n'].map((chunk) => reader.push(chunk))).toEqual([[], ['ab'], ['c', ''], ['de']]);
  });

  it('may not be too long, complete or not', () => {
    expect(new LineReader(3).push('abcd')).toBeUndefined();
    expect(new LineReader(3).push('abcd\n')).toBeUndefined();
    const reader = new LineReader(3);
    expect([reader.push('abc'), reader.push('d')]).toEqual([[], undefined]);
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
