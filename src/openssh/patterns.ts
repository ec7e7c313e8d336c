/** Matches `*` and `?` as OpenSSH's match_pattern (ssh_config(5), PATTERNS); takes time for length × length at most. */
export function matchPattern(text: string, pattern: string): boolean {
  let textAt = 0;
  let patternAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      starAt = patternAt;
      resumeAt = textAt;
      patternAt += 1;
    } else if (wanted === '?' || (wanted !== undefined && wanted === text[textAt])) {
      textAt += 1;
      patternAt += 1;
    } else if (starAt >= 0) {
      // The last star takes one character more; earlier stars never need to be tried again.
      patternAt = starAt + 1;
      resumeAt += 1;
      textAt = resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[patternAt] === '*') patternAt += 1;
  return patternAt === pattern.length;
}

/** Matches a comma-separated list in which `!` negates and a negative match beats every positive one. */
export function matchPatternList(text: string, list: string): boolean {
  let isMatched = false;
  for (const entry of list.split(',')) {
    const isNegated = entry.startsWith('!');
    if (!matchPattern(text, isNegated ? entry.slice(1) : entry)) continue;
    if (isNegated) return false;
    isMatched = true;
  }
  return isMatched;
}

/** As `matchPatternList`, with capital and small letters alike. */
export function matchHostName(host: string, list: string): boolean {
  return matchPatternList(host.toLowerCase(), list.toLowerCase());
}
