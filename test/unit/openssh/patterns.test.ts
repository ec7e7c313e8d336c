import { describe, expect, it } from 'vitest';
import { matchHostName, matchPattern, matchPatternList } from '../../../src/openssh/patterns.ts';

describe('matchPattern', () => {
  it.each([
    ['', '', true], ['', '*', true], ['a', '', false], ['a', 'a', true], ['a', 'A', false], ['a', '?', true], ['', '?', false], ['ab', 'a?', true],
    ['abc', 'a*c', true], ['abcc', 'a*c', true], ['abcd', 'a*c', false], ['aXbXc', 'a*b*c', true], ['abcbc', 'a*bc', true], ['a', '**', true],
    ['aa', '*a?', true], ['[web]:22', '[web]:22', true], ['[web]:22', '[w*]:??', true], ['a.b', 'a?b', true], ['a', '*?*', true], ['', '*?', false],
  ])('%j and %j: %j', (text, pattern, isMatched) => {
    expect(matchPattern(text, pattern)).toBe(isMatched);
  });

  it('comes to an end for hostile patterns, of which trying every way would not', () => {
    expect(matchPattern('a'.repeat(5000), `${'*a'.repeat(50)}b`)).toBe(false);
  });
});

describe('matchPatternList', () => {
  it.each([
    ['a', 'a,b', true], ['b', 'a,b', true], ['c', 'a,b', false], ['a', '*,!a', false], ['a', '!a,*', false], ['b', '!a,*', true], ['b', '!a', false],
    ['', '', true], ['a', ',,a', true], ['a', '!!a', false],
  ])('%j in %j: %j', (text, list, isMatched) => {
    expect(matchPatternList(text, list)).toBe(isMatched);
  });

  it('knows no capitals for host names', () => {
    expect(matchHostName('Web.Example', '*.EXAMPLE,!bad')).toBe(true);
  });
});
