import { nextMatchWord } from './configLine.ts';
import { matchHostName, matchPatternList } from './patterns.ts';

export interface MatchSubject {
  /** The host name as it stands so far. */
  readonly host: string;
  readonly originalHost: string;
  readonly user: string;
  readonly localUser: string;
  readonly isFinalPass: boolean;
}

export type MatchVerdict = { readonly wantsFinalPass: boolean } & (
  | { readonly kind: 'decided'; readonly isMatched: boolean }
  | { readonly kind: 'broken'; readonly reason: string }
  | { readonly kind: 'unsupported'; readonly reason: string }
);

/** Criteria that take an argument and that only the ssh program can judge. */
const ONLY_SSH: ReadonlySet<string> = new Set(['exec', 'localnetwork', 'tagged', 'command', 'version', 'sessiontype']);

/**
 * Judges the criteria of a Match line as match_cfg_line of OpenSSH's readconf.c. Runs nothing: `exec` is `unsupported`
 * unless the criteria before it have failed already, in which case ssh would not run it either.
 */
export function evaluateMatch(criteria: string, subject: MatchSubject): MatchVerdict {
  let isMatched = true;
  let wantsFinalPass = false;
  let count = 0;
  for (let next = nextMatchWord(criteria); next !== undefined && !next.word.startsWith('#'); count += 1) {
    const isNegated = next.word.startsWith('!');
    const name = next.word.slice(isNegated ? 1 : 0).toLowerCase();
    if (name === 'all') return judgeAll(next.rest, { isMatched, isNegated, count, wantsFinalPass });
    if (name === 'final' || name === 'canonical') {
      if (name === 'final') wantsFinalPass = true;
      isMatched &&= subject.isFinalPass !== isNegated;
      next = nextMatchWord(next.rest);
      continue;
    }
    const argument = nextMatchWord(next.rest);
    if (argument === undefined || argument.word === '' || argument.word.startsWith('#')) {
      return { kind: 'broken', reason: `Match ${name} has no argument`, wantsFinalPass };
    }
    const verdict = judge(name, argument.word, subject);
    if (verdict === undefined && isMatched) return onlySsh(name, wantsFinalPass);
    isMatched &&= verdict !== isNegated;
    next = nextMatchWord(argument.rest);
  }
  if (count === 0) return { kind: 'broken', reason: 'Match has no criteria', wantsFinalPass };
  return { kind: 'decided', isMatched, wantsFinalPass };
}

interface AllState {
  readonly isMatched: boolean;
  readonly isNegated: boolean;
  readonly count: number;
  readonly wantsFinalPass: boolean;
}

/** `all` stands alone, or behind one `final` or `canonical`. */
function judgeAll(rest: string, { isMatched, isNegated, count, wantsFinalPass }: AllState): MatchVerdict {
  const after = nextMatchWord(rest)?.word ?? '';
  if (count > 1 || (after !== '' && !after.startsWith('#'))) {
    return { kind: 'broken', reason: 'Match all stands together with other criteria', wantsFinalPass };
  }
  return { kind: 'decided', isMatched: isMatched && !isNegated, wantsFinalPass };
}

/** Undefined for what only the ssh program knows. */
function judge(name: string, argument: string, subject: MatchSubject): boolean | undefined {
  switch (name) {
    case 'host':
      return matchHostName(subject.host, argument);
    case 'originalhost':
      return matchHostName(subject.originalHost, argument);
    case 'user':
      return matchPatternList(subject.user, argument);
    case 'localuser':
      return matchPatternList(subject.localUser, argument);
    default:
      return undefined;
  }
}

function onlySsh(name: string, wantsFinalPass: boolean): MatchVerdict {
  if (ONLY_SSH.has(name)) return { kind: 'unsupported', reason: `Match ${name} needs the ssh program`, wantsFinalPass };
  return { kind: 'unsupported', reason: `Match does not know "${name}"`, wantsFinalPass };
}
