import { open } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { ForwardError } from '../core/failure.ts';
import { parseConfigLine } from './configLine.ts';
import { expandGlob } from './glob.ts';
import type { ConfigFile } from './sshConfig.ts';
import { systemSshFolder, type SshEnvironment } from './sshEnvironment.ts';
import { expandTilde } from './tokens.ts';

/** READCONF_MAX_DEPTH of OpenSSH's readconf.c. */
const MAX_INCLUDE_DEPTH = 16;
/** Against files that include each other: far above what anybody has. */
const MAX_FILES = 2000;
const MAX_FILE_BYTES = 4 * 1024 * 1024;

export interface LoadedConfig {
  readonly files: readonly ConfigFile[];
  /** Files that were read or would be if they existed, and the folders that Include patterns look into. */
  readonly watched: readonly string[];
}

/** Reads the user's and the system's ssh_config, or the one that `-F` names, with everything they include. */
export async function loadConfig(environment: SshEnvironment): Promise<LoadedConfig> {
  const { configFile, home } = environment;
  const loader = new Loader(environment);
  if (configFile?.toLowerCase() === 'none') return { files: [], watched: [] };
  if (configFile !== undefined) {
    const file = await loader.load(configFile, { isUserFile: true, isOwnerChecked: false, depth: 0 });
    if (file === undefined) throw new ForwardError('config-invalid', `${configFile} cannot be read.`, { context: { file: configFile } });
    return { files: [file], watched: [...loader.watched] };
  }
  const user = await loader.load(join(home, '.ssh', 'config'), { isUserFile: true, isOwnerChecked: true, depth: 0 });
  const system = await loader.load(join(systemSshFolder(environment), 'ssh_config'), { isUserFile: false, isOwnerChecked: false, depth: 0 });
  return { files: [user, system].filter((file) => file !== undefined), watched: [...loader.watched] };
}

interface LoadOptions {
  readonly isUserFile: boolean;
  readonly isOwnerChecked: boolean;
  readonly depth: number;
}

class Loader {
  readonly watched = new Set<string>();
  readonly #environment: SshEnvironment;
  #fileCount = 0;

  constructor(environment: SshEnvironment) {
    this.#environment = environment;
  }

  /** Undefined when there is no such file. */
  async load(path: string, options: LoadOptions): Promise<ConfigFile | undefined> {
    this.watched.add(path);
    this.#fileCount += 1;
    if (options.depth > MAX_INCLUDE_DEPTH || this.#fileCount > MAX_FILES) {
      throw new ForwardError('config-invalid', `${path}: too many files include each other.`, { context: { file: path } });
    }
    const text = await readConfigText(path, options.isOwnerChecked ? this.#environment : undefined);
    if (text === undefined) return undefined;
    const includes = new Map<number, readonly ConfigFile[]>();
    for (const { patterns, line } of includeLines(text)) {
      includes.set(line, await this.#loadAll(patterns, { file: path, line }, options));
    }
    return { path, text, includes };
  }

  async #loadAll(patterns: readonly string[], place: { file: string; line: number }, options: LoadOptions): Promise<ConfigFile[]> {
    const files: ConfigFile[] = [];
    for (const pattern of patterns) {
      const anchored = this.#anchor(pattern, place, options.isUserFile);
      const found = await expandGlob(anchored);
      for (const path of found.watched) this.watched.add(path);
      for (const path of found.files) {
        const file = await this.load(path, { ...options, isOwnerChecked: true, depth: options.depth + 1 });
        if (file !== undefined) files.push(file);
      }
    }
    return files;
  }

  /** ssh_config(5), Include: relative names live in ~/.ssh, or in the system's folder for the system's file. */
  #anchor(pattern: string, place: { file: string; line: number }, isUserFile: boolean): string {
    if (/%|\$\{/.test(pattern)) {
      const reason = 'Include with tokens or variables means different things to different versions of ssh';
      throw new ForwardError('config-unsupported', `${place.file} line ${place.line}: ${reason}.`, { context: { ...place, reason } });
    }
    if (pattern.startsWith('~') && isUserFile) return expandTilde('Include', pattern, this.#environment);
    if (isAbsolute(pattern)) return pattern;
    return join(isUserFile ? join(this.#environment.home, '.ssh') : systemSshFolder(this.#environment), pattern);
  }
}

function includeLines(text: string): { readonly line: number; readonly patterns: readonly string[] }[] {
  return text.split('\n').flatMap((content, index) => {
    const result = parseConfigLine(content);
    if (result.kind !== 'line' || result.line.keyword !== 'include') return [];
    return [{ line: index + 1, patterns: result.line.parts.filter((part) => part !== '') }];
  });
}

/** Undefined when the file cannot be opened, which ssh passes over as well. */
async function readConfigText(path: string, ownerOf: SshEnvironment | undefined): Promise<string | undefined> {
  const handle = await open(path, 'r').catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > MAX_FILE_BYTES) return undefined;
    if (ownerOf !== undefined && ownerOf.platform !== 'win32') assertTrusted(path, stats, ownerOf);
    return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
}

/**
 * ssh refuses a user's file that somebody else can write. A group may write here, since Debian's ssh allows a group
 * that is the user's own.
 */
function assertTrusted(path: string, stats: { readonly uid: number; readonly mode: number }, { localUserId }: SshEnvironment): void {
  const isOwned = stats.uid === 0 || localUserId === undefined || stats.uid === localUserId;
  if (isOwned && (stats.mode & 0o002) === 0) return;
  throw new ForwardError('config-invalid', `Bad owner or permissions on ${path}.`, { context: { file: path } });
}
