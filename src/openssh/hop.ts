import { join } from 'node:path';
import type { SshHop } from '../core/sshTarget.ts';
import { chooseAlgorithms, type AlgorithmSubject } from './algorithms.ts';
import { authenticationMethods, identityAgent } from './authentication.ts';
import { unhonouredOptions } from './configNotes.ts';
import { diallingOf } from './dialling.ts';
import { readKnownHosts } from './hostKeyCheck.ts';
import { policyName, type HostKeyPolicy, type Strictness } from './hostKeyPolicy.ts';
import { keyTypesOf } from './hostKeyAlgorithms.ts';
import { findIdentities } from './identityFiles.ts';
import type { ResolvedConfig } from './resolvedConfig.ts';
import { assertShellSafe } from './sshNames.ts';
import { systemSshFolder, type SshEnvironment } from './sshEnvironment.ts';
import { expandTilde, expandTokens, fileTokens, proxyCommandTokens, type TokenSubject, type TokenValues } from './tokens.ts';

/** ssh itself waits as long as the system does. */
const DEFAULT_CONNECT_TIMEOUT_S = 15;
/** ssh itself sends nothing; a tunnel that looks alive and is not would be worse. */
const DEFAULT_KEEPALIVE_INTERVAL_S = 15;

export interface HopSource {
  /** As the user or ProxyJump wrote it. */
  readonly name: string;
  readonly config: ResolvedConfig;
  /** Whether ssh_config sets an interval itself: `ssh -G` prints 0 for "off" and for "not set". */
  readonly isKeepaliveSet: boolean;
  /** Whether HostKeyAlgorithms is written out or begins with `^`: ssh then keeps its order, whatever known_hosts has. */
  readonly keepsHostKeyOrder: boolean;
  /** The host of the jump before this hop; empty without one. */
  readonly jumpHost: string;
  /** ProxyCommand as configured, for the first hop only. */
  readonly proxyCommand?: string;
}

export interface BuiltHop {
  readonly hop: SshHop;
  readonly policy: HostKeyPolicy;
  /** One sentence each. */
  readonly notes: readonly string[];
}

/** Turns the configuration of one host into what the plane needs; reads known_hosts and the heads of key files. */
export async function buildHop(source: HopSource, environment: SshEnvironment): Promise<BuiltHop> {
  const { name, config } = source;
  const subject = tokenSubject(source);
  const tokens = fileTokens(subject, environment);
  const policy = hostKeyPolicy(config, environment, tokens);
  const found = await findIdentities(identitySettings(config, environment, tokens));
  const algorithms = chooseAlgorithms(config, algorithmSubject(source, subject), await readKnownHosts(policy));
  const agent = identityAgent(config, environment, tokens);
  const alias = subject.hostKeyAlias;
  const command = source.proxyCommand;
  const hop: SshHop = {
    name,
    host: subject.host,
    port: subject.port,
    user: subject.user,
    ...(alias === undefined ? {} : { hostKeyAlias: alias }),
    hostKeyPolicy: policyName(policy),
    ...algorithms.hop,
    ...(agent === undefined ? {} : { identityAgent: agent }),
    identitiesOnly: config.isYes('identitiesonly'),
    identities: found.identities,
    ...(found.unusable.length === 0 ? {} : { unusableIdentities: found.unusable }),
    authenticationMethods: authenticationMethods(name, config),
    numberOfPasswordPrompts: config.number('numberofpasswordprompts', 3),
    ...(command === undefined && source.jumpHost === '' ? diallingOf(name, config) : {}),
    connectTimeoutMs: (config.number('connecttimeout', 0) || DEFAULT_CONNECT_TIMEOUT_S) * 1000,
    ...(config.isYes('compression') ? { isCompressed: true as const } : {}),
    ...keepalive(source),
    ...(command === undefined ? {} : proxyCommandOf(command, subject, environment)),
  };
  const notes = [...unhonouredOptions(name, config), ...algorithms.notes, ...found.notes.map((note) => `${name}: ${note}`)];
  return { hop, policy, notes };
}

function tokenSubject({ name, config, jumpHost }: HopSource): TokenSubject {
  const alias = config.get('hostkeyalias')?.toLowerCase();
  return {
    originalHost: name,
    host: config.get('hostname') ?? name,
    port: config.number('port', 22),
    user: config.get('user') ?? '',
    jumpHost,
    ...(alias === undefined ? {} : { hostKeyAlias: alias }),
  };
}

function keepalive({ config, isKeepaliveSet }: HopSource): Pick<SshHop, 'keepaliveIntervalMs' | 'keepaliveCountMax'> {
  const configured = config.number('serveraliveinterval', 0);
  const interval = configured > 0 || isKeepaliveSet ? configured : DEFAULT_KEEPALIVE_INTERVAL_S;
  return { keepaliveIntervalMs: interval * 1000, keepaliveCountMax: config.number('serveralivecountmax', 3) };
}

function identitySettings(config: ResolvedConfig, environment: SshEnvironment, tokens: TokenValues): { configured: string; path: string }[] {
  return config.all('identityfile').filter((configured) => configured.toLowerCase() !== 'none')
    .map((configured) => ({ configured, path: expandPath('IdentityFile', configured, environment, tokens) }));
}

function algorithmSubject({ name, keepsHostKeyOrder }: HopSource, { host, port, hostKeyAlias }: TokenSubject): AlgorithmSubject {
  return { name, host, port, keepsHostKeyOrder, ...(hostKeyAlias === undefined ? {} : { alias: hostKeyAlias }) };
}

/** ssh runs it by $SHELL (ssh_config(5), ProxyCommand), and puts the names into it as they are. */
function proxyCommandOf(command: string, subject: TokenSubject, { env, platform }: SshEnvironment): Pick<SshHop, 'proxyCommand' | 'proxyShell'> {
  const shell = platform === 'win32' ? undefined : env.SHELL;
  const tokens = proxyCommandTokens(subject);
  assertShellSafe(command, tokens);
  const proxyCommand = expandTokens('ProxyCommand', command, tokens);
  return { proxyCommand, ...(shell === undefined || shell === '' ? {} : { proxyShell: shell }) };
}

const STRICTNESS: Readonly<Record<string, Strictness>> = { yes: 'yes', true: 'yes', no: 'no', false: 'no', off: 'no', 'accept-new': 'accept-new' };

function hostKeyPolicy(config: ResolvedConfig, environment: SshEnvironment, tokens: TokenValues): HostKeyPolicy {
  const systemFolder = systemSshFolder(environment);
  const revoked = config.get('revokedhostkeys');
  const globalFiles = config.all('globalknownhostsfile').map((file) => file.replace(/^__PROGRAMDATA__[\\/]ssh/, () => systemFolder));
  return {
    userFiles: withoutNone(config.all('userknownhostsfile')).map((file) => {
      return config.isExpanded ? expandTilde('UserKnownHostsFile', file, environment) : expandPath('UserKnownHostsFile', file, environment, tokens);
    }),
    globalFiles: globalFiles.length === 0 ? ['ssh_known_hosts', 'ssh_known_hosts2'].map((file) => join(systemFolder, file)) : withoutNone(globalFiles),
    ...(revoked === undefined || revoked === 'none' ? {} : { revokedKeysFile: expandTilde('RevokedHostKeys', revoked, environment) }),
    strictness: STRICTNESS[config.get('stricthostkeychecking')?.toLowerCase() ?? ''] ?? 'ask',
    isHashed: config.isYes('hashknownhosts'),
    ...(config.isYes('checkhostip') ? { checksAddress: true as const } : {}),
    ...(config.isYes('updatehostkeys') ? { updatedKeyTypes: keyTypesOf((config.get('hostkeyalgorithms') ?? '').split(',')) } : {}),
    ...(config.isSet('requiredrsasize') ? { requiredRsaBits: config.number('requiredrsasize', 0) } : {}),
  };
}

function withoutNone(files: readonly string[]): string[] {
  return files.filter((file) => file.toLowerCase() !== 'none');
}

/** The tilde first, then tokens and variables, as load_public_identity_files of OpenSSH's ssh.c. */
function expandPath(option: string, value: string, environment: SshEnvironment, tokens: TokenValues): string {
  return expandTokens(option, expandTilde(option, value, environment), tokens, environment.env);
}
