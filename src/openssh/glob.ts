import { readdir, stat } from 'node:fs/promises';
import { join, parse } from 'node:path';

/** The files that an Include pattern names, in the order of glob(3): `*`, `?` and `[…]` within one part of the path. */
export async function expandGlob(pattern: string): Promise<string[]> {
  const { root } = parse(pattern);
  const parts = pattern.slice(root.length).split(process.platform === 'win32' ? /[\\/]+/ : /\/+/).filter((part) => part !== '');
  let paths = [root];
  for (const part of parts) {
    const next = await Promise.all(paths.map((path) => expandPart(path, part)));
    paths = next.flat();
  }
  const exist = await Promise.all(paths.map(exists));
  return paths.filter((_, index) => exist[index]);
}

/** The folder in front of the first part with a wildcard; the pattern itself without one. */
export function fixedFolder(pattern: string): string {
  const wildcardAt = pattern.search(/[*?[]/);
  return wildcardAt < 0 ? pattern : pattern.slice(0, wildcardAt).replace(/[\\/][^\\/]*$/, '') || parse(pattern).root;
}

async function expandPart(folder: string, part: string): Promise<string[]> {
  if (!/[*?[]/.test(part)) return [join(folder, part)];
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
