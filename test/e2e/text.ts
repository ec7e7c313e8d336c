/** The text as a person reads it: the editor writes some spaces as no-break spaces, and pads. */
export function plain(text: string | null | undefined): string {
  return (text ?? '').replaceAll('\u00a0', ' ').trim();
}

/** What a row, a notification or an item of the status bar is looked for by. */
export type TextMatcher = string | RegExp;

/** A string must be contained; an expression must match. */
export function matches(text: string, matcher: TextMatcher): boolean {
  return typeof matcher === 'string' ? text.includes(matcher) : matcher.test(text);
}
