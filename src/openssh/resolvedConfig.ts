/** Options whose values `ssh -G` prints in one line, separated by spaces and without quotes. */
const FILE_LISTS: ReadonlySet<string> = new Set(['userknownhostsfile', 'globalknownhostsfile']);

/** What ssh_config says for one host: the shape of `ssh -G`, keywords in small letters. */
export class ResolvedConfig {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  readonly #defaults: ReadonlyMap<string, readonly string[]>;
  readonly #isExpanded: boolean;

  /** `defaults` are the values that hold where no file sets anything. */
  constructor(values: ReadonlyMap<string, readonly string[]>, defaults: ReadonlyMap<string, readonly string[]> = new Map(), isExpanded = false) {
    this.#values = values;
    this.#defaults = defaults;
    this.#isExpanded = isExpanded;
  }

  /** Whether ssh_config sets the option to something else than its default; false where no defaults are known at all. */
  isSet(keyword: string): boolean {
    const value = this.#values.get(keyword);
    return value !== undefined && this.#defaults.size > 0 && value.join('\0') !== this.#defaults.get(keyword)?.join('\0');
  }

  /** The only or first value. */
  get(keyword: string): string | undefined {
    return this.#values.get(keyword)?.[0];
  }

  all(keyword: string): readonly string[] {
    return this.#values.get(keyword) ?? [];
  }

  /**
   * Whether UserKnownHostsFile and IdentityAgent come with their tokens replaced: `ssh -G` does that since the version that
   * knows them in both, 8.4; PermitRemoteOpen came with 8.6.
   */
  get isExpanded(): boolean {
    return this.#isExpanded;
  }

  isYes(keyword: string): boolean {
    const value = this.get(keyword)?.toLowerCase();
    return value === 'yes' || value === 'true';
  }

  /** A whole number, or the default where the option is absent or `none`. */
  number(keyword: string, missing: number): number {
    const value = this.get(keyword);
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : missing;
  }
}

/** Where the values of a config come from: the installed ssh, or the parser. */
export type ConfigQuery = (destination: { readonly host: string; readonly user?: string; readonly port?: number }) => Promise<ConfigAnswer>;

export interface ConfigAnswer {
  readonly config: ResolvedConfig;
  /** One sentence each. */
  readonly notes: readonly string[];
}

/** Reads what `ssh -G` printed, beside what it printed without any file. */
export function parseSshDashG(output: string, defaultOutput = ''): ResolvedConfig {
  const values = readOutput(output);
  return new ResolvedConfig(values, readOutput(defaultOutput), values.has('permitremoteopen'));
}

function readOutput(output: string): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const line of output.split(/\r?\n/)) {
    const space = line.indexOf(' ');
    if (space <= 0) continue;
    const keyword = line.slice(0, space).toLowerCase();
    const value = line.slice(space + 1);
    values.set(keyword, [...(values.get(keyword) ?? []), ...(FILE_LISTS.has(keyword) ? splitFileList(value) : [value])]);
  }
  return values;
}

/** Splits before what looks like the beginning of a path, since names may hold spaces that `ssh -G` does not quote. */
export function splitFileList(value: string): string[] {
  const files: string[] = [];
  for (const word of value.split(' ')) {
    const isStart = files.length === 0 || /^(?:[/~%$\\]|[A-Za-z]:[\\/]|__PROGRAMDATA__)/.test(word);
    if (isStart) files.push(word);
    else files.push(`${files.pop() ?? ''} ${word}`);
  }
  return files.filter((file) => file !== '');
}
