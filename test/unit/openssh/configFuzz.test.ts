import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ForwardError } from '../../../src/core/failure.ts';
import { nextMatchWord, parseConfigLine, splitArguments } from '../../../src/openssh/configLine.ts';
import { readForwardLine, type ForwardPole } from '../../../src/openssh/forwardLine.ts';
import { evaluateMatch } from '../../../src/openssh/matchLine.ts';
import { evaluateConfig, evaluateForwards, type ConfigFile } from '../../../src/openssh/sshConfig.ts';
import { configLines, noiseLines } from '../../support/configTexts.ts';
import { fuzz, fuzzPlan, tryLongRuns } from '../../support/fuzzing.ts';

const CASES = 2_000;
const { timeout } = fuzzPlan(CASES);

describe('a line of ssh_config, whatever stands in it', () => {
  it('is empty, broken, or a keyword with what is behind it, and no space around it or end of a line changes that', { timeout }, () => {
    const seen = { empty: 0, line: 0, broken: 0 };
    fuzz({ cases: CASES, values: configLines, check: (text) => {
      const result = parseConfigLine(text);
      seen[result.kind] += 1;
      expect(parseConfigLine(`\t ${text} \r`)).toEqual(result);
      if (result.kind !== 'line') return;
      const { keyword, rest, parts } = result.line;
      expect(keyword).toMatch(/^[^ \t\r\n="A-Z]+$/);
      expect(text.toLowerCase().includes(keyword) && text.includes(rest) && rest !== '').toBe(true);
      expect(parts.join('').length).toBeLessThanOrEqual(rest.length);
    } });
    for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(fuzzPlan(CASES).cases / 100);
  });

  it('gives back any words that were quoted into it', { timeout }, () => {
    const words = fc.array(fc.string({ unit: 'binary', maxLength: 8 }), { maxLength: 5 });
    fuzz({ cases: CASES, values: fc.record({ words, mark: fc.constantFrom('"', '\'') }), check: ({ words: wanted, mark }) => {
      const quoted = wanted.map((word) => `${mark}${word.replace(/[\\'"]/g, '\\$&')}${mark}`);
      expect(splitArguments(quoted.join(' \t'))).toEqual(wanted);
    } });
  });

  it('as Match is read to its end, decides or says why not, and runs nothing', { timeout }, () => {
    const seen = { decided: 0, broken: 0, unsupported: 0 };
    const WORDS = ['host', '!host', 'web', 'originalhost', 'user', 'localuser', 'me', 'all', '!all', 'final', 'canonical', 'exec', 'exec', '"true"', '*', '#', '=', ' ', '"', 'tagged', 'x'];
    const criteria = fc.oneof({ weight: 4, arbitrary: fc.array(fc.constantFrom(...WORDS), { maxLength: 6, size: 'max' }).map((words) => words.join(' ')) }, { weight: 1, arbitrary: noiseLines });
    fuzz({ cases: CASES, values: criteria, check: (text) => {
      const next = nextMatchWord(text);
      if (next !== undefined) expect(text.endsWith(next.rest) && next.rest.length < text.length).toBe(true);
      const subject = { host: 'web', originalHost: 'web', user: 'me', localUser: 'me', isFinalPass: false };
      const verdict = evaluateMatch(text, subject);
      seen[verdict.kind] += 1;
      // What only a program can tell, behind what holds, is never decided.
      expect(evaluateMatch(`host web exec ${JSON.stringify('x')} ${text}`, subject).kind).toBe('unsupported');
    } });
    for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(fuzzPlan(CASES).cases / 100);
  });
});

describe('a whole ssh_config, whatever stands in it', () => {
  const texts = fc.array(configLines, { maxLength: 8, size: 'max' });
  const file = (text: string): ConfigFile => ({ path: '/config', text, includes: new Map() });

  it('is understood, or refused at a line that is there', { timeout }, () => {
    const seen = { understood: 0, 'config-invalid': 0, 'config-unsupported': 0 };
    fuzz({ cases: CASES, values: texts, check: (all) => {
      try {
        const config = evaluateConfig([file(all.join('\n'))], { host: 'web', localUser: 'me' });
        expect(Number(config.get('port'))).toBeGreaterThan(0);
        seen.understood += 1;
      } catch (error) {
        if (!(error instanceof ForwardError) || (error.code !== 'config-invalid' && error.code !== 'config-unsupported')) throw error;
        expect(error.context).toMatchObject({ file: '/config' });
        expect(all[Number(error.context['line']) - 1]).toMatch(/[^ \t\r\f]/);
        seen[error.code] += 1;
      }
    } });
    for (const [kind, count] of Object.entries(seen)) expect(count, kind).toBeGreaterThan(fuzzPlan(CASES).cases / 50);
  });

  it('gives a list of its forwards in any case, and each as it stands there', { timeout }, () => {
    let found = 0;
    fuzz({ cases: CASES, values: texts, check: (all) => {
      const { forwards } = evaluateForwards([file(all.join('\n'))], { host: 'web', localUser: 'me', isLenient: true });
      for (const { kind, parts, place } of forwards) {
        expect(all[place.line - 1]!.toLowerCase()).toContain(`${kind}forward`);
        const line = readForwardLine(kind, parts, { HOME: '/home/me' });
        if ('reason' in line) continue;
        found += 1;
        for (const pole of [line.listen, ...(line.connect === undefined ? [] : [line.connect])]) expectUsable(pole);
      }
    } });
    expect(found).toBeGreaterThan(fuzzPlan(CASES).cases / 10);
  });
});

it('ssh_config takes no longer for a line that does not end', { timeout }, () => {
  const file = (run: string): ConfigFile => ({ path: '/config', text: `User me\n${run}\nPort ${run}\nHost ${run}\nMatch host ${run}\nHostName ${run}\nLocalForward ${run}`, includes: new Map() });
  tryLongRuns((run) => {
    expect(evaluateConfig([file(run)], { host: 'web', localUser: 'x', isLenient: true }).get('user')).toBe('me');
    readForwardLine('local', [run, run], {});
  });
});

function expectUsable(pole: ForwardPole): void {
  if ('path' in pole) expect(pole.path).toContain('/');
  else expect(Number.isInteger(pole.port) && pole.port >= 0 && pole.port <= 65_535).toBe(true);
}
