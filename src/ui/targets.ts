import type { SshSpec } from '../core/forwardSpec.ts';
import type { SshTarget } from '../core/sshTarget.ts';
import type { HostKeyPolicies } from '../openssh/hostKeyPolicy.ts';
import { resolveTarget } from '../openssh/resolveTarget.ts';
import type { SshEnvironment } from '../openssh/sshEnvironment.ts';
import type { Log } from './log.ts';

/** Resolves servers through the user's ssh_config, anew at every start, and keeps the rules of trust that it names. */
export class Targets {
  readonly #environment: () => SshEnvironment;
  readonly #policies: HostKeyPolicies;
  readonly #log: Log;
  /** Notes are told once per server, not at every retry. */
  readonly #told = new Set<string>();

  constructor(environment: () => SshEnvironment, policies: HostKeyPolicies, log: Log) {
    this.#environment = environment;
    this.#policies = policies;
    this.#log = log;
  }

  /** Rejects with `config-invalid`, `config-unsupported` or `cancelled`. */
  async resolve({ target: destination }: SshSpec, signal: AbortSignal): Promise<SshTarget> {
    const { target, notes, policies } = await resolveTarget(destination, this.#environment(), signal);
    this.#policies.remember(target, policies);
    for (const note of notes) this.#tell(note);
    return target;
  }

  #tell(note: string): void {
    if (this.#told.has(note)) return;
    this.#told.add(note);
    this.#log.write('info', note);
  }
}
