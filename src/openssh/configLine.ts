import { withoutEnd } from './lineEnd.ts';

/** One line of ssh_config, taken apart. */
export interface ConfigLine {
  /** In small letters. */
  readonly keyword: string;
  /** Everything behind the keyword, for options that take a whole command line. */
  readonly rest: string;
  readonly parts: readonly string[];
}

export type ConfigLineResult =
  | { readonly kind: 'empty' }
  | { readonly kind: 'line'; readonly line: ConfigLine }
  | { readonly kind: 'broken'; readonly reason: string };

/** Takes a line apart as process_config_line of OpenSSH's readconf.c does. */
export function parseConfigLine(text: string): ConfigLineResult {
  const trimmed = withoutEnd(text, ' \t\r\n\f').replace(/^[ \t\r\n]+/, '');
  if (trimmed === '' || trimmed.startsWith('#')) return { kind: 'empty' };
  const found = /^([^ \t\r\n="]+)(?:[ \t\r\n]*=|[ \t\r\n])?[ \t\r\n]*(.*)$/s.exec(trimmed);
  const [, keyword, rest] = found ?? [];
  if (keyword === undefined || rest === undefined) return { kind: 'broken', reason: 'it does not begin with a keyword' };
  if (rest === '') return { kind: 'broken', reason: `nothing follows the keyword "${keyword}"` };
  const parts = splitArguments(rest);
  if (parts === undefined) return { kind: 'broken', reason: 'a quotation mark has no partner' };
  return { kind: 'line', line: { keyword: keyword.toLowerCase(), rest, parts } };
}

/**
 * Splits at spaces, with quotes, backslashes and comments as argv_split of OpenSSH's misc.c; undefined when a quote
 * does not end.
 */
export function splitArguments(text: string): string[] | undefined {
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at += 1;
    if (at >= text.length || text[at] === '#') return parts;
    const part = readArgument(text, at);
    if (part === undefined) return undefined;
    parts.push(part.value);
    at = part.end;
  }
}

function readArgument(text: string, start: number): { value: string; end: number } | undefined {
  let value = '';
  let quote = '';
  let at = start;
  for (; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\\' && isEscaped(text[at + 1], quote)) {
      at += 1;
      value += text.charAt(at);
    } else if (quote === '' && (character === ' ' || character === '\t')) {
      break;
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
    } else if (quote !== '' && character === quote) {
      quote = '';
    } else {
      value += character;
    }
  }
  return quote === '' ? { value, end: at } : undefined;
}

function isEscaped(next: string | undefined, quote: string): boolean {
  return next === "'" || next === '"' || next === '\\' || (quote === '' && next === ' ');
}

/**
 * The next word of a Match line, which splits at one `=` as well and knows double quotes only (strdelim of OpenSSH's
 * misc.c); undefined at the end or when a quote does not end.
 */
export function nextMatchWord(text: string): { readonly word: string; readonly rest: string } | undefined {
  const start = text.replace(/^[ \t]+/, '');
  if (start === '') return undefined;
  if (start.startsWith('"')) {
    const end = start.indexOf('"', 1);
    return end < 0 ? undefined : { word: start.slice(1, end), rest: start.slice(end + 1) };
  }
  const found = /^([^ \t="]*)(?:[ \t]*=|[ \t])?(.*)$/s.exec(start);
  return found === null ? undefined : { word: found[1] ?? '', rest: found[2] ?? '' };
}
