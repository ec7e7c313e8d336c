import { describe, expect, it } from 'vitest';
import { nextMatchWord, parseConfigLine, splitArguments } from '../../../src/openssh/configLine.ts';

describe('parseConfigLine', () => {
  it.each(['', '   ', '\t', '# x', '   # x', '\r'])('finds nothing in %j', (text) => {
    expect(parseConfigLine(text)).toEqual({ kind: 'empty' });
  });

  it.each([
    ['Port 22', 'port', '22', ['22']],
    ['  PORT=22  ', 'port', '22', ['22']],
    ['Port = 22', 'port', '22', ['22']],
    ['Port\t=\t22\r', 'port', '22', ['22']],
    ['Port ==22', 'port', '=22', ['=22']],
    ['Host a b # c', 'host', 'a b # c', ['a', 'b']],
    ['ProxyCommand sh -c "x # y"', 'proxycommand', 'sh -c "x # y"', ['sh', '-c', 'x # y']],
  ])('takes %j apart', (text, keyword, rest, parts) => {
    expect(parseConfigLine(text)).toEqual({ kind: 'line', line: { keyword, rest, parts } });
  });

  it.each(['Port', 'Port =', '=22', '"Port" 22', 'User "a', "User 'a"])('calls %j broken', (text) => {
    expect(parseConfigLine(text).kind).toBe('broken');
  });
});

describe('splitArguments', () => {
  it.each([
    ['a  b\tc', ['a', 'b', 'c']],
    ['"a b" \'c d\'', ['a b', 'c d']],
    ['a"b c"d', ['ab cd']],
    ['a\\ b', ['a b']],
    ['"a\\"b"', ['a"b']],
    ['"a\\ b"', ['a\\ b']],
    ['C:\\Users\\me', ['C:\\Users\\me']],
    ['a\\\\b', ['a\\b']],
    ['"" b', ['', 'b']],
    ['a#b', ['a#b']],
    ['a #b c', ['a']],
  ])('splits %j', (text, parts) => {
    expect(splitArguments(text)).toEqual(parts);
  });
});

describe('nextMatchWord', () => {
  it.each([
    ['host a', { word: 'host', rest: 'a' }],
    ['  host=a b', { word: 'host', rest: 'a b' }],
    ['"a b" c', { word: 'a b', rest: ' c' }],
    ['"a b', undefined],
    ['  ', undefined],
  ])('reads %j', (text, expected) => {
    expect(nextMatchWord(text)).toEqual(expected);
  });
});
