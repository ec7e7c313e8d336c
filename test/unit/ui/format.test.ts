import { describe, expect, it } from 'vitest';
import { formatBytes, formatCount, formatDuration, formatList, formatOrdinal, formatRemaining, withoutLinks } from '../../../src/ui/format.ts';

describe('the number of a try', () => {
  it.each<[number, string]>([[1, '1st'], [2, '2nd'], [3, '3rd'], [4, '4th'], [10, '10th'], [11, '11th'], [12, '12th'], [13, '13th'], [21, '21st'], [102, '102nd'], [112, '112th']])('%d reads %s', (number, text) => {
    expect(formatOrdinal(number)).toBe(text);
  });
});

describe('a number of bytes', () => {
  it.each<[number, string]>([
    [0, '0 B'], [1, '1 B'], [999, '999 B'], [1000, '1.0 kB'], [1234, '1.2 kB'], [9_949, '9.9 kB'], [9_950, '10 kB'], [999_499, '999 kB'],
    [999_500, '1.0 MB'], [50_000_000, '50 MB'], [1_400_000_000, '1.4 GB'], [2e12, '2.0 TB'], [5e15, '5000 TB'],
  ])('%d reads %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});

describe('a span of time', () => {
  it.each<[number, string]>([
    [-5_000, '0 s'], [0, '0 s'], [499, '0 s'], [500, '1 s'], [59_499, '59 s'], [59_500, '1 min'], [179_000, '2 min'], [3_599_000, '59 min'],
    [3_600_000, '1 h'], [47 * 3_600_000, '47 h'], [48 * 3_600_000, '2 d'], [400 * 86_400_000, '400 d'],
  ])('%d ms reads %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('a time that is left', () => {
  it.each<[number, string]>([
    [4_000, '4 s'], [179_000, '2 min'], [3_598_000, '1 h'], [5_398_000, '1 h 30 min'], [5_340_000, '1 h 29 min'], [47.5 * 3_600_000, '47 h 30 min'],
    [48 * 3_600_000, '2 d'], [52.9 * 3_600_000, '2 d 4 h'],
  ])('of %d ms reads %s', (ms, text) => {
    expect(formatRemaining(ms)).toBe(text);
  });
});

describe('a count and a list', () => {
  it.each<[number, string]>([[0, '0 forwards'], [1, '1 forward'], [2, '2 forwards']])('%d is %s', (count, text) => {
    expect(formatCount(count, 'forward')).toBe(text);
  });

  it.each<[string[], string]>([[[], ''], [['a'], 'a'], [['a', 'b'], 'a and b'], [['a', 'b', 'c'], 'a, b and c']])('%j reads "%s"', (items, text) => {
    expect(formatList(items)).toBe(text);
  });
});

describe('text from outside in a message', () => {
  // The pattern by which VS Code 1.100 makes links in notifications and prompts (linkedText.ts).
  const LINK = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/gi;

  it.each(['[Start](command:workbench.action.quit)', '[a](https://x.example "t")', 'x [b](FILE:///etc) [c](command:d)'])('makes no link of %s', (text) => {
    expect(text).toMatch(LINK);
    expect(withoutLinks(text)).not.toMatch(LINK);
  });

  it.each(['$(trash)', 'Code $(loading~spin): ', '$($(x)'])('makes no icon of %s', (text) => {
    // The pattern by which VS Code 1.139 makes icons in prompts (iconLabels.ts).
    expect(withoutLinks(text)).not.toMatch(/\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/);
  });

  it('is left alone where it makes none', () => {
    expect(withoutLinks('[::1]:80 (pid 7) [x] (y)')).toBe('[::1]:80 (pid 7) [x] (y)');
  });
});
