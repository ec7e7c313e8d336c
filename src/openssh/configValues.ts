import type { ConfigLine } from './configLine.ts';
import type { Keyword } from './configKeywords.ts';
import { FORWARD_KEYWORDS, readForwardLine } from './forwardLine.ts';
import { parseJumpHosts } from './jumpHosts.ts';

/** The values of one line, ready to be kept; or why ssh would refuse it. */
export type ValueResult = { readonly values: readonly string[] } | { readonly reason: string };

/** Reads the arguments of an option as OpenSSH's readconf.c does. */
export function readValues(keyword: Keyword, { parts, rest }: ConfigLine): ValueResult {
  switch (keyword.kind) {
    case 'ignored':
    case 'block':
      return { values: [] };
    case 'words':
      return parts.includes('') ? { reason: 'it has an empty argument' } : { values: parts };
    case 'command':
      return { values: [rest] };
    case 'jump':
      return readJump(rest);
    case 'forward':
      return readForward(keyword.name, parts);
    default:
      return readSingle(keyword, parts);
  }
}

/** Variables may become anything, and are looked at when the forward is made. */
function readForward(keyword: string, parts: readonly string[]): ValueResult {
  const kind = FORWARD_KEYWORDS[keyword] ?? 'local';
  if (parts.some((part) => part.includes('${'))) return { values: parts };
  const line = readForwardLine(kind, parts);
  return 'reason' in line ? line : { values: parts };
}

function readSingle(keyword: Keyword, parts: readonly string[]): ValueResult {
  const [value, ...others] = parts;
  if (value === undefined || value === '') return { reason: 'its argument is missing' };
  if (others.length > 0) return { reason: 'it has more arguments than it takes' };
  switch (keyword.kind) {
    case 'flag':
    case 'choice':
      return keyword.choices.includes(value.toLowerCase()) ? { values: [value.toLowerCase()] } : { reason: `it does not know "${value}"` };
    case 'number':
      return /^\d{1,9}$/.test(value) ? { values: [value] } : { reason: `"${value}" is not a whole number` };
    case 'port':
      return readPort(value);
    case 'time':
      return readTime(value);
    case 'agent':
      return /^\$(?!\{)/.test(value) && !/^\$[A-Za-z_][A-Za-z0-9_]*$/.test(value) ? { reason: `"${value}" is not the name of a variable` } : { values: [value] };
    default:
      return { values: [value] };
  }
}

function readPort(value: string): ValueResult {
  // a2port of OpenSSH's misc.c asks services(5) as well; the one name that people write is known without it.
  const port = value === 'ssh' ? 22 : Number(value);
  return /^(?:\d+|ssh)$/.test(value) && port >= 1 && port <= 65535 ? { values: [String(port)] } : { reason: `"${value}" is not a port` };
}

const SECONDS: Readonly<Record<string, number>> = { '': 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** sshd_config(5), TIME FORMATS: `90`, `1m30s`, `1w`; or `none`. */
function readTime(value: string): ValueResult {
  if (value === 'none') return { values: ['none'] };
  if (!/^(?:\d{1,9}[smhdw]?)+$/i.test(value)) return { reason: `"${value}" is not a time` };
  let seconds = 0;
  for (const [, amount, unit] of value.matchAll(/(\d+)([smhdw]?)/gi)) seconds += Number(amount) * (SECONDS[(unit ?? '').toLowerCase()] ?? 1);
  return { values: [String(seconds)] };
}

function readJump(rest: string): ValueResult {
  const value = rest.replace(/#.*$/s, '').trimEnd();
  if (value.toLowerCase() === 'none') return { values: ['none'] };
  return parseJumpHosts(value) === undefined ? { reason: `"${value}" is not a list of hosts` } : { values: [value] };
}
