import { createHash } from 'node:crypto';
import { ForwardError } from '../core/failure.ts';
import type { SshTarget } from '../core/sshTarget.ts';

/** StrictHostKeyChecking: what happens with a key that is not known. */
export type Strictness = 'yes' | 'ask' | 'accept-new' | 'no';

/** The rules by which the host key of one hop is judged. Stays on the control side. */
export interface HostKeyPolicy {
  /** UserKnownHostsFile, expanded; new keys go to the first. Empty for `none`. */
  readonly userFiles: readonly string[];
  /** GlobalKnownHostsFile: read only. */
  readonly globalFiles: readonly string[];
  /** RevokedHostKeys. */
  readonly revokedKeysFile?: string;
  readonly strictness: Strictness;
  /** HashKnownHosts. */
  readonly isHashed: boolean;
  /** CheckHostIP: the entry of the address that was reached counts as well. */
  readonly checksAddress?: true;
  /** UpdateHostKeys: the types of further keys that are written down; absent where none are. */
  readonly updatedKeyTypes?: readonly string[];
  /** RequiredRSASize, in bits. */
  readonly requiredRsaBits?: number;
}

/** A name for a policy: equal policies have equal names. */
export function policyName(policy: HostKeyPolicy): string {
  const { userFiles, globalFiles, revokedKeysFile, strictness, isHashed, checksAddress, updatedKeyTypes, requiredRsaBits } = policy;
  const further = [checksAddress ?? null, updatedKeyTypes ?? null, requiredRsaBits ?? null];
  const text = JSON.stringify([userFiles, globalFiles, revokedKeysFile ?? null, strictness, isHashed, ...further]);
  return createHash('sha256').update(text).digest('hex').slice(0, 24);
}

/** What identifies the hop that a question is about; `hostKeyPolicy` alone is exact. */
export interface PolicyQuestion {
  readonly hostKeyPolicy?: string;
  /** The hop's name. */
  readonly hop: string;
  readonly host: string;
  readonly port: number;
  readonly hostKeyAlias?: string;
}

const FROM_STRICT_TO_LAX: readonly Strictness[] = ['yes', 'ask', 'accept-new', 'no'];

/** Remembers the policies of everything that was resolved, so that each question is answered by its own. */
export class HostKeyPolicies {
  readonly #policies = new Map<string, HostKeyPolicy>();
  readonly #namesByHop = new Map<string, Set<string>>();

  remember(target: SshTarget, policies: ReadonlyMap<string, HostKeyPolicy>): void {
    for (const [name, policy] of policies) this.#policies.set(name, policy);
    for (const hop of target.hops) {
      if (hop.hostKeyPolicy === undefined) continue;
      const id = hopId({ ...hop, hop: hop.name });
      this.#namesByHop.set(id, (this.#namesByHop.get(id) ?? new Set()).add(hop.hostKeyPolicy));
    }
  }

  /**
   * The policy that a question names. A question without a name gets the strictest that was resolved for such a hop.
   * Throws `internal` where nothing was resolved: nothing is trusted without rules.
   */
  find(question: PolicyQuestion): HostKeyPolicy {
    const names = question.hostKeyPolicy === undefined ? [...(this.#namesByHop.get(hopId(question)) ?? [])] : [question.hostKeyPolicy];
    const candidates = names.flatMap((name) => this.#policies.get(name) ?? []);
    for (const strictness of FROM_STRICT_TO_LAX) {
      const found = candidates.find((policy) => policy.strictness === strictness);
      if (found !== undefined) return found;
    }
    throw new ForwardError('internal', 'There are no rules of trust for this host.');
  }
}

function hopId({ hop, host, port, hostKeyAlias }: PolicyQuestion): string {
  return JSON.stringify([hop, host, port, hostKeyAlias ?? null]);
}
