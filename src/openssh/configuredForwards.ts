import { loadConfig } from './configFiles.ts';
import { formatForwardLine, readForwardLine, type ForwardLine, type ForwardPole } from './forwardLine.ts';
import { listHosts, type ListedHost } from './listHosts.ts';
import { evaluateForwards, type ConfigFile, type FoundForward } from './sshConfig.ts';
import type { SshEnvironment } from './sshEnvironment.ts';
import { expandTokens, fileTokens, type TokenValues } from './tokens.ts';

/** A forward that ssh_config sets for a host. */
export interface ConfiguredForward {
  /** As `Host` names it. */
  readonly host: string;
  readonly kind: 'local' | 'remote' | 'dynamic';
  /** What follows -L, -R or -D, in the syntax of ssh(1). */
  readonly text: string;
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

/**
 * The forwards that `ssh HOST` would make of LocalForward, RemoteForward and DynamicForward, for every host of `listHosts`:
 * duplicates left out, none where ClearAllForwardings is set. Runs nothing: blocks that depend on `Match exec` count as
 * not matching, and lines that ssh would refuse are passed over. Never rejects; empty where the files cannot be read.
 */
export async function listConfiguredForwards(environment: SshEnvironment): Promise<readonly ConfiguredForward[]> {
  const [{ hosts }, files] = await Promise.all([listHosts(environment), filesOf(environment)]);
  if (!files.some(speaksOfForwards)) return [];
  return hosts.flatMap((host) => forwardsOf(host, files, environment));
}

async function filesOf(environment: SshEnvironment): Promise<readonly ConfigFile[]> {
  return loadConfig(environment).then(({ files }) => files, () => []);
}

function speaksOfForwards({ text, includes }: ConfigFile): boolean {
  return /^\s*(?:local|remote|dynamic)forward\b/im.test(text) || [...includes.values()].flat().some(speaksOfForwards);
}

function forwardsOf(host: ListedHost, files: readonly ConfigFile[], environment: SshEnvironment): ConfiguredForward[] {
  const { forwards, hostKeyAlias } = evaluateForwards(files, { host: host.alias, localUser: environment.localUser, isLenient: true });
  const { alias, hostName, port, user } = host;
  const subject = { originalHost: alias, host: hostName, port, user, jumpHost: '', ...(hostKeyAlias === undefined ? {} : { hostKeyAlias }) };
  const tokens = fileTokens(subject, environment);
  const unique = new Map<string, ConfiguredForward>();
  for (const found of forwards) {
    const text = textOf(found, tokens, environment);
    const id = `${found.kind} ${text ?? ''}`;
    if (text !== undefined && !unique.has(id)) unique.set(id, { host: alias, kind: found.kind, text, ...found.place });
  }
  return [...unique.values()];
}

function textOf({ kind, parts }: FoundForward, tokens: TokenValues, { env }: SshEnvironment): string | undefined {
  const line = readForwardLine(kind, parts, env);
  if ('reason' in line) return undefined;
  try {
    return formatForwardLine(expandPaths(line, tokens));
  } catch {
    // A token that ssh does not know either.
    return undefined;
  }
}

/** ssh_config(5), TOKENS: in LocalForward and RemoteForward, the paths of Unix sockets take them. */
function expandPaths({ listen, connect }: ForwardLine, tokens: TokenValues): ForwardLine {
  const expand = (pole: ForwardPole): ForwardPole => ('path' in pole ? { path: expandTokens('LocalForward', pole.path, tokens) } : pole);
  return { listen: expand(listen), ...(connect === undefined ? {} : { connect: expand(connect) }) };
}
