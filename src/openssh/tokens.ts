import { createHash } from 'node:crypto';
import { ForwardError } from '../core/failure.ts';
import type { SshEnvironment } from './sshEnvironment.ts';

/** The values behind `%h`, `%p` …, by letter (ssh_config(5), TOKENS). */
export type TokenValues = Readonly<Record<string, string>>;

export interface TokenSubject {
  /** The name as it was asked for. */
  readonly originalHost: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly hostKeyAlias?: string;
  /** The host of the nearest ProxyJump; empty without one. */
  readonly jumpHost: string;
}

/** The tokens of file names and agents: everything that DEFAULT_CLIENT_PERCENT_EXPAND_ARGS of OpenSSH's ssh.h names. */
export function fileTokens(subject: TokenSubject, environment: SshEnvironment): TokenValues {
  const { originalHost, host, user, jumpHost } = subject;
  const port = String(subject.port);
  const { localHostName } = environment;
  return {
    C: createHash('sha1').update(localHostName + host + port + user + jumpHost).digest('hex'),
    L: localHostName.split('.')[0] ?? localHostName,
    d: environment.home,
    h: host,
    i: String(environment.localUserId ?? 0),
    j: jumpHost,
    k: subject.hostKeyAlias ?? originalHost,
    l: localHostName,
    n: originalHost,
    p: port,
    r: user,
    u: environment.localUser,
  };
}

/** The tokens of ProxyCommand, fewer than those of files (ssh_config(5), TOKENS). */
export function proxyCommandTokens({ originalHost, host, port, user, hostKeyAlias }: TokenSubject): TokenValues {
  return { h: host, k: hostKeyAlias ?? originalHost, n: originalHost, p: String(port), r: user };
}

/** Replaces `%` tokens, and `${NAME}` where `env` is given; refuses an unknown token or variable as ssh does. */
export function expandTokens(option: string, value: string, tokens: TokenValues, env?: SshEnvironment['env']): string {
  const pattern = env === undefined ? /%(?<token>.?)/gsu : /%(?<token>.?)|\$\{(?<name>[^}]*)(?<end>\}?)/gsu;
  return value.replace(pattern, (...match: unknown[]) => {
    const groups = match.at(-1) as { token?: string; name?: string; end?: string };
    if (groups.token === '%') return '%';
    if (groups.token !== undefined) return tokens[groups.token] ?? refuse(option, value, `%${groups.token} is not known there`);
    if (groups.end !== '}' || groups.name === undefined || groups.name === '') return refuse(option, value, 'a ${ has no name or no }');
    return env?.[groups.name] ?? refuse(option, value, `the variable ${groups.name} is not set`);
  });
}

/** Replaces a leading `~`, or `~user`; `config-unsupported` where that user's home is not to be found out. */
export function expandTilde(option: string, path: string, { home, platform, homeOf }: SshEnvironment): string {
  if (!path.startsWith('~')) return path;
  const rest = path.slice(1);
  if (rest === '') return `${home}/`;
  const separators = platform === 'win32' ? /^[\\/]+/ : /^\/+/;
  if (separators.test(rest)) return `${home.replace(/[\\/]$/, '')}/${rest.replace(separators, '')}`;
  const [, user = '', behind = ''] = /^([^/]*)\/*(.*)$/s.exec(rest) ?? [];
  const otherHome = homeOf?.(user);
  if (otherHome !== undefined) return `${otherHome.replace(/\/$/, '')}/${behind}`;
  throw new ForwardError('config-unsupported', `${option} names another user's home folder: ${path}`, { context: { option, value: path } });
}

function refuse(option: string, value: string, reason: string): never {
  throw new ForwardError('config-invalid', `${option} "${value}" cannot be used: ${reason}.`, { context: { option, value, reason } });
}
