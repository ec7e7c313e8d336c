import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is gone after `remove()`. */
export interface TemporaryFolder {
  readonly path: string;
  join(...parts: string[]): string;
  remove(): Promise<void>;
}

/** Creates an empty folder, readable by its owner alone. */
export async function createTemporaryFolder(label = 'test'): Promise<TemporaryFolder> {
  const path = await realpath(await mkdtemp(join(tmpdir(), `culvert-${label}-`)));
  return {
    path,
    join: (...parts) => join(path, ...parts),
    remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }),
  };
}
