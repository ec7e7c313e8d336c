import { loadConfig } from './configFiles.ts';
import { parseConfigLine } from './configLine.ts';
import { evaluateConfig, type ConfigFile } from './sshConfig.ts';
import type { SshEnvironment } from './sshEnvironment.ts';
import { hostComplaint } from './sshNames.ts';

/** A host that ssh_config names, with what the files say about it: an estimate for lists, never what is connected to. */
export interface ListedHost {
  readonly alias: string;
  readonly hostName: string;
  readonly user: string;
  readonly port: number;
  /** Where it is named first. */
  readonly file: string;
  readonly line: number;
}

export interface HostList {
  readonly hosts: readonly ListedHost[];
  /** What to watch so that the list stays true. */
  readonly watched: readonly string[];
  /** Why the list may be incomplete: a file that could not be read. */
  readonly problem?: string;
}

/**
 * The hosts of the user's and the system's ssh_config, Include followed, patterns left out. Runs nothing: no ssh, no `Match exec`;
 * blocks that depend on those count as not matching. Never rejects.
 */
export async function listHosts(environment: SshEnvironment): Promise<HostList> {
  try {
    const { files, watched } = await loadConfig(environment);
    const named = uniqueByAlias(files.flatMap(namedHosts));
    return { hosts: named.map((host) => describeHost(host, files, environment)), watched };
  } catch (error) {
    return { hosts: [], watched: [], problem: error instanceof Error ? error.message : String(error) };
  }
}

interface NamedHost {
  readonly alias: string;
  readonly file: string;
  readonly line: number;
}

function namedHosts(file: ConfigFile): NamedHost[] {
  return file.text.split('\n').flatMap((content, index) => {
    const line = index + 1;
    const result = parseConfigLine(content);
    if (result.kind !== 'line') return [];
    if (result.line.keyword === 'include') return (file.includes.get(line) ?? []).flatMap(namedHosts);
    if (result.line.keyword !== 'host') return [];
    return result.line.parts.filter(isOneHost).map((alias) => ({ alias, file: file.path, line }));
  });
}

function isOneHost(pattern: string): boolean {
  return !/[*?!]/.test(pattern) && hostComplaint(pattern) === undefined;
}

function uniqueByAlias(hosts: readonly NamedHost[]): NamedHost[] {
  const first = new Map<string, NamedHost>();
  for (const host of hosts) if (!first.has(host.alias)) first.set(host.alias, host);
  return [...first.values()];
}

function describeHost(named: NamedHost, files: readonly ConfigFile[], { localUser }: SshEnvironment): ListedHost {
  const config = evaluateConfig(files, { host: named.alias, localUser, isLenient: true });
  return { ...named, hostName: config.get('hostname') ?? named.alias, user: config.get('user') ?? localUser, port: config.number('port', 22) };
}
