const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;
const STEP = 1000;

/** A number of bytes in decimal units, three digits at most: `999 B`, `1.2 kB`, `50 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= STEP;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? 'TB'}`;
}

/** A span of milliseconds as people say it: `4 s`, `3 min`, `2 h`, `5 d`. */
export function formatDuration(spanMs: number): string {
  const seconds = Math.max(0, Math.round(spanMs / 1000));
  if (seconds < 60) return `${String(seconds)} s`;
  if (seconds < 60 * 60) return `${String(Math.floor(seconds / 60))} min`;
  if (seconds < 48 * 60 * 60) return `${String(Math.floor(seconds / 3600))} h`;
  return `${String(Math.floor(seconds / 86_400))} d`;
}

/** A time that is left, to the minute where that may matter: `45 s`, `3 min`, `1 h 30 min`, `2 d 4 h`. */
export function formatRemaining(spanMs: number): string {
  const minutes = Math.round(spanMs / 60_000);
  if (minutes < 60) return formatDuration(spanMs);
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return twoParts(hours, 'h', minutes % 60, 'min');
  return twoParts(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

function twoParts(first: number, unit: string, second: number, smallerUnit: string): string {
  return second === 0 ? `${String(first)} ${unit}` : `${String(first)} ${unit} ${String(second)} ${smallerUnit}`;
}

/** `1st`, `2nd`, `3rd`, `4th`. */
export function formatOrdinal(number: number): string {
  const isTeen = number % 100 > 10 && number % 100 < 20;
  return `${String(number)}${(isTeen ? undefined : [undefined, 'st', 'nd', 'rd'][number % 10]) ?? 'th'}`;
}

/** `1 connection`, `2 connections`. */
export function formatCount(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * Text from outside for a notification or the prompt of an input box: the editor makes a link of `[label](command:…)`
 * there, and a click would run the command; and in a prompt it makes
 * one of its icons of a name in brackets behind a dollar sign.
 */
export function withoutLinks(text: string): string {
  return text.replaceAll('](', '] (').replaceAll('$(', '$ (');
}

/** A list as in a sentence: `a`, `a and b`, `a, b and c`. */
export function formatList(items: readonly string[]): string {
  const last = items.at(-1) ?? '';
  return items.length < 2 ? last : `${items.slice(0, -1).join(', ')} and ${last}`;
}
