import { readdir, stat } from 'node:fs/promises';
import { join, parse } from 'node:path';

export interface ExpandedGlob {
  /** The files that there are, in the order of glob(3). */
  readonly files: readonly string[];
  /** What to watch for others to appear: the folders that a wildcard looks into, and the places behind it that are still empty. */
  readonly watched: readonly string[];
}

/** The files that an Include pattern names: `*`, `?` and `[…]` within one part of the path. */
export async function expandGlob(pattern: string): Promise<ExpandedGlob> {
  const { root } = parse(pattern);
  const parts = pattern.slice(root.length).split(process.platform === 'win32' ? /[\\/]+/ : /\/+/).filter((part) => part !== '');
  const folders: string[] = [];
  let paths = [root];
  for (const part of parts) {
    if (hasWildcard(part)) folders.push(...paths);
    const next = await Promise.all(paths.map((path) => expandPart(path, part)));
    paths = next.flat();
  }
  const exist = await Promise.all(paths.map(exists));
  return { files: paths.filter((_, index) => exist[index]), watched: [...folders, ...paths.filter((_, index) => exist[index] !== true)] };
}

function hasWildcard(part: string): boolean {
  return /[*?[]/.test(part);
}

async function expandPart(folder: string, part: string): Promise<string[]> {
  if (!hasWildcard(part)) return [join(folder, part)];
  const matcher = partMatcher(part);
  const names = await readdir(folder).catch(() => [] as string[]);
  // glob(3): a leading dot is matched by a dot only, and the answer is sorted.
  const isHiddenWanted = part.startsWith('.');
  return names.filter((name) => matcher.test(name) && (isHiddenWanted || !name.startsWith('.'))).sort().map((name) => join(folder, name));
}

function partMatcher(part: string): RegExp {
  const source = part.replace(/\[([!^]?)([^\]]+)\]|[*?]|[^*?[]+|\[/g, (piece, negation: string | undefined, set: string | undefined) => {
    if (set !== undefined) return `[${negation ? '^' : ''}${set.replaceAll('\\', '\\\\').replace(/^\^/, '\\^')}]`;
    if (piece === '*') return '.*';
    if (piece === '?') return '.';
    return piece.replace(/[.+^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${source}$`, 's');
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
