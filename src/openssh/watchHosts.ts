import { existsSync, realpathSync, statSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { DisposableStore, onDispose, type Disposable } from '../core/lifecycle.ts';

/**
 * Calls `onChange` whenever one of the files or folders changes, appears or goes. Several calls may come for one change.
 * Watches folders, since editors replace files; where the system has no watcher left, nothing is called.
 */
export function watchHosts(paths: readonly string[], onChange: () => void): Disposable {
  const watchers = new DisposableStore();
  for (const [folder, names] of foldersToWatch(paths)) {
    watchers.add(watchFolder(folder, (name) => {
      if (name === undefined || names.has(name) || names.has('*')) onChange();
    }));
  }
  return watchers;
}

/** Each folder with the names in it that matter; `*` stands for all. */
function foldersToWatch(paths: readonly string[]): Map<string, Set<string>> {
  const folders = new Map<string, Set<string>>();
  const want = (folder: string, name: string): void => {
    folders.set(folder, (folders.get(folder) ?? new Set()).add(name));
  };
  for (const path of new Set(paths.flatMap((each) => [each, realPath(each)]))) {
    if (isFolder(path)) want(path, '*');
    // For what does not exist yet, the nearest folder above that does.
    let name = path;
    while (dirname(name) !== name && !existsSync(dirname(name))) name = dirname(name);
    want(dirname(name), basename(name));
    // A folder that is replaced takes its watcher with it.
    want(dirname(dirname(name)), basename(dirname(name)));
  }
  return folders;
}

/** Where a symlink leads, as where the user keeps all settings in one place: a change there is not seen beside the link. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function watchFolder(folder: string, onName: (name: string | undefined) => void): Disposable {
  try {
    const watcher = watch(folder, { persistent: false }, (_, name) => onName(name ?? undefined));
    // A folder that goes away ends its watcher with an error on some systems.
    watcher.on('error', () => { watcher.close(); });
    return onDispose(() => { watcher.close(); });
  } catch {
    return onDispose(() => undefined);
  }
}
