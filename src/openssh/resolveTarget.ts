import { createHash } from 'node:crypto';
import { ForwardError } from '../core/failure.ts';
import type { SshDestination } from '../core/forwardSpec.ts';
import type { SshHop, SshTarget } from '../core/sshTarget.ts';
import { loadConfig } from './configFiles.ts';
import { buildHop, type BuiltHop } from './hop.ts';
import { policyName, type HostKeyPolicy } from './hostKeyPolicy.ts';
import { parseJumpHosts } from './jumpHosts.ts';
import { permittedDestinations } from './permittedDestinations.ts';
import type { ConfigAnswer, ResolvedConfig } from './resolvedConfig.ts';
import { evaluateConfig, explicitOptions } from './sshConfig.ts';
import { locateSsh, type SshEnvironment } from './sshEnvironment.ts';
import { querySsh } from './sshQuery.ts';

/** The server and its jump hosts together. */
const MAX_HOPS = 10;

/** What ssh_config makes of a destination. */
export interface ResolvedTarget {
  readonly target: SshTarget;
  /** The rules of trust of every hop, by `hop.hostKeyPolicy`. */
  readonly policies: ReadonlyMap<string, HostKeyPolicy>;
  /** What ssh_config sets and is not honoured, and what was left out: one sentence each. */
  readonly notes: readonly string[];
}

/**
 * What ssh_config says about a destination: the way to it, with every jump host resolved by its own block. Asks the
 * installed `ssh -G`, which may run the user's `Match exec`; where there is no ssh, reads the files itself. Opens no
 * connection. Throws `config-invalid`, `config-unsupported`, `known-hosts-unreadable` or `cancelled`.
 */
export async function resolveTarget(destination: SshDestination, environment: SshEnvironment, signal?: AbortSignal): Promise<ResolvedTarget> {
  const chain = await new ChainResolver(environment, signal).resolve(destination, undefined, []);
  const policies = new Map(chain.hops.map(({ policy }) => [policyName(policy), policy]));
  const hops = chain.hops.map(({ hop }) => hop);
  return { target: { key: targetKey(hops), hops, ...chain.options }, policies, notes: [...new Set([...chain.notes, ...chain.hops.flatMap(({ notes }) => notes)])] };
}

interface Chain {
  readonly hops: readonly BuiltHop[];
  readonly notes: readonly string[];
  /** What the last of them says about forwards. */
  readonly options: Pick<SshTarget, 'permitRemoteOpen' | 'streamLocalBindMask' | 'streamLocalBindUnlink'>;
}

class ChainResolver {
  readonly #environment: SshEnvironment;
  readonly #signal: AbortSignal | undefined;

  constructor(environment: SshEnvironment, signal: AbortSignal | undefined) {
    this.#environment = environment;
    this.#signal = signal;
  }

  /**
   * ssh reaches a host behind `ProxyJump a,b` by running `ssh -J a b`: the last jump is resolved with the rest as its
   * ProxyJump, and only the first one's own ProxyJump or ProxyCommand counts. `jumps` is that `-J`, `behind` what is
   * reached through this destination.
   */
  async resolve(destination: SshDestination, jumps: readonly SshDestination[] | undefined, behind: readonly string[]): Promise<Chain> {
    assertFinite(destination, behind);
    const { config, notes } = await this.#configOf(destination);
    const way = jumps === undefined ? wayTo(destination.host, config) : { jumps };
    const last = way.jumps.at(-1);
    const rest = way.jumps.slice(0, -1);
    const before = last === undefined
      ? { hops: [], notes: [], options: {} }
      : await this.resolve(last, rest.length === 0 ? undefined : rest, [...behind, describe(destination)]);
    const written = await this.#written(destination);
    const built = await buildHop({
      name: destination.host,
      config,
      isKeepaliveSet: config.get('serveraliveinterval') === '0' && written.has('serveraliveinterval'),
      keepsHostKeyOrder: config.isSet('hostkeyalgorithms') && /^[^-+]/.test(written.get('hostkeyalgorithms')?.[0] ?? ''),
      jumpHost: last?.host ?? '',
      ...proxyCommandOf(way),
    }, this.#environment);
    return { hops: [...before.hops, built], notes: [...before.notes, ...notes], options: forwardOptions(config) };
  }

  async #configOf(destination: SshDestination): Promise<ConfigAnswer> {
    const answer = await querySsh(destination, this.#environment, this.#signal);
    if (answer !== undefined) return answer;
    const { files } = await loadConfig(this.#environment);
    const config = evaluateConfig(files, { ...destination, localUser: this.#environment.localUser });
    return { config, notes: [`There is no ssh program at ${locateSsh(this.#environment)}: ssh_config was read without it.`] };
  }

  /** What the files themselves say, which `ssh -G` does not tell: an estimate by the parser, nothing where it fails. */
  async #written(destination: SshDestination): Promise<ReadonlyMap<string, readonly string[]>> {
    try {
      const { files } = await loadConfig(this.#environment);
      return explicitOptions(files, { ...destination, localUser: this.#environment.localUser, isLenient: true });
    } catch {
      return new Map();
    }
  }
}

function forwardOptions(config: ResolvedConfig): Chain['options'] {
  const permitRemoteOpen = permittedDestinations(config);
  const mask = config.isSet('streamlocalbindmask') ? config.get('streamlocalbindmask') : undefined;
  return {
    ...(permitRemoteOpen === undefined ? {} : { permitRemoteOpen }),
    ...(mask === undefined ? {} : { streamLocalBindMask: Number.parseInt(mask, 8) }),
    ...(config.isYes('streamlocalbindunlink') ? { streamLocalBindUnlink: true } : {}),
  };
}

interface Way {
  readonly jumps: readonly SshDestination[];
  readonly proxyCommand?: string;
}

/** ssh prints one of the two only: the one that came first. */
function wayTo(hostName: string, config: ResolvedConfig): Way {
  const jump = config.get('proxyjump');
  if (jump !== undefined && jump !== 'none') {
    const jumps = parseJumpHosts(jump);
    if (jumps === undefined) throw refusal('config-invalid', hostName, `ProxyJump "${jump}" is not a list of hosts`);
    return { jumps };
  }
  const proxyCommand = config.get('proxycommand');
  if (proxyCommand === undefined || proxyCommand.toLowerCase() === 'none') return { jumps: [] };
  if (config.isYes('proxyusefdpass')) throw refusal('config-unsupported', hostName, 'ProxyUseFdpass is not supported');
  if (proxyCommand === '-') throw refusal('config-unsupported', hostName, 'ProxyCommand "-" is not supported');
  return { jumps: [], proxyCommand };
}

function proxyCommandOf({ proxyCommand }: Way): { proxyCommand?: string } {
  return proxyCommand === undefined ? {} : { proxyCommand };
}

function assertFinite(destination: SshDestination, behind: readonly string[]): void {
  const name = describe(destination);
  const way = [...behind, name].join(' through ');
  if (behind.includes(name)) throw refusal('config-invalid', destination.host, `its jump hosts form a loop: ${way}`);
  if (behind.length >= MAX_HOPS) throw refusal('config-invalid', destination.host, `there are more than ${MAX_HOPS} hosts on the way: ${way}`);
}

function describe({ host, user, port }: SshDestination): string {
  return `${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}`;
}

function refusal(code: 'config-invalid' | 'config-unsupported', hostName: string, reason: string): ForwardError {
  return new ForwardError(code, `${hostName}: ${reason}.`, { context: { host: hostName, reason } });
}

/**
 * Equal where one SSH connection may serve both: the same way, the same login, the same rules of trust. What changes
 * by itself stays out: the order of algorithms after a key became known, a key file's head, how the user spelt the name.
 */
function targetKey(hops: readonly SshHop[]): string {
  const essence = hops.map(({ name: _name, hostKeyAlgorithms: _order, identities, ...hop }) => ({ ...hop, identities: identities.map(({ path }) => path) }));
  const text = JSON.stringify(essence, (_, value: unknown) => sorted(value));
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
