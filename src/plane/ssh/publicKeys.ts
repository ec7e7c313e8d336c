import { createHash } from 'node:crypto';
import type { ParsedKey } from 'ssh2';
import { toFailure, untrustedText } from '../../core/failure.ts';
import { unusableBecause } from '../../core/keyTypes.ts';
import type { SshIdentity } from '../../core/sshTarget.ts';
import { Agent, type AgentKey } from './agent.ts';
import { keyOfFile } from './keyFile.ts';
import type { LoginSession } from './loginSession.ts';
import { readPublicKey } from './privateKey.ts';
import { isRefusal, SingleKeyAgent, type SignWith } from './singleKeyAgent.ts';

/** A key to offer: its public part goes to the server first, and only when that is accepted a signature is made. */
export interface KeyOffer {
  /** The file or the agent's comment, for people. */
  readonly name: string;
  readonly agent: SingleKeyAgent;
}

/** The keys of one login, and what came of those that could not be offered. */
export class KeyOffers {
  readonly #session: LoginSession;
  readonly #offered = new Set<string>();
  readonly #unusable: string[];

  constructor(session: LoginSession) {
    this.#session = session;
    this.#unusable = [...session.hop.unusableIdentities ?? []];
  }

  /** The keys that could not be offered so far, each with its reason, for people. */
  get unusable(): readonly string[] {
    return this.#unusable;
  }

  /**
   * The keys in OpenSSH's order (pubkey_prepare of sshconnect2.c): the agent's that are configured, the agent's others
   * unless identitiesOnly, then files. A file whose public key is unknown is opened when its turn comes. No key is
   * offered twice: a server counts the refusals.
   */
  async *inOrder(): AsyncGenerator<KeyOffer, void, undefined> {
    const { identities, identitiesOnly } = this.#session.hop;
    const configured = new Set(identities.map(({ publicKey }) => publicKey));
    const agentKeys = await this.#agentKeys();
    const isConfigured = ({ key }: UsableAgentKey): boolean => configured.has(key.blob.toString('base64'));
    const others = identitiesOnly ? [] : agentKeys.filter((each) => !isConfigured(each));
    for (const { name, publicKey, sign } of [...agentKeys.filter(isConfigured), ...others]) {
      yield* this.#offer(`${name} (agent)`, publicKey, sign);
    }
    for (const identity of identities) {
      if (identity.publicKey !== undefined && this.#offered.has(identity.publicKey)) continue;
      yield* this.#fileOffer(identity);
    }
  }

  *#offer(name: string, publicKey: ParsedKey, sign: SignWith): Generator<KeyOffer, void, undefined> {
    const blob = publicKey.getPublicSSH();
    const base64 = blob.toString('base64');
    if (this.#offered.has(base64)) return;
    this.#offered.add(base64);
    const fingerprint = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
    this.#session.log('debug', `offering the key ${name}, ${publicKey.type} SHA256:${fingerprint}`);
    yield { name, agent: new SingleKeyAgent(this.#session, publicKey, sign, (reason) => { this.#leaveOut(name, reason); }) };
  }

  #leaveOut(name: string, reason: string): void {
    this.#session.log('info', `the key ${name} cannot be used: ${reason}`);
    this.#unusable.push(`${name}: ${reason}`);
  }

  /** A key file that cannot be used is named and passed over, as ssh does; a person's no ends the login. */
  async *#fileOffer(identity: SshIdentity): AsyncGenerator<KeyOffer, void, undefined> {
    const { path } = identity;
    try {
      const { publicKey, sign } = await keyOfFile(this.#session, identity);
      yield* this.#offer(path, publicKey, sign);
    } catch (error) {
      if (isRefusal(error)) throw error;
      this.#leaveOut(path, toFailure(error).detail);
    }
  }

  async #agentKeys(): Promise<readonly UsableAgentKey[]> {
    const session = this.#session;
    const path = session.hop.identityAgent;
    if (path === undefined) return [];
    const agent = new Agent(path, session.clock);
    let keys: readonly AgentKey[];
    try {
      keys = await session.whileAsking(() => agent.list(session.signal));
    } catch (error) {
      const { detail } = toFailure(error);
      session.log('info', `no agent: ${detail}`);
      this.#unusable.push(detail);
      return [];
    }
    return keys.flatMap((key) => this.#usable(agent, key));
  }

  #usable(agent: Agent, key: AgentKey): UsableAgentKey[] {
    const session = this.#session;
    const name = untrustedText(key.comment) || untrustedText(key.type);
    const unusable = unusableBecause(untrustedText(key.type));
    const publicKey = unusable === undefined ? readPublicKey(key.blob) : undefined;
    if (publicKey !== undefined) {
      return [{ key, name, publicKey, sign: (data, hash) => session.whileAsking(() => agent.sign(key.blob, data, hash, session.signal)) }];
    }
    this.#leaveOut(`${name} (agent)`, unusable ?? 'it cannot be read');
    return [];
  }
}

interface UsableAgentKey {
  readonly key: AgentKey;
  readonly name: string;
  readonly publicKey: ParsedKey;
  readonly sign: SignWith;
}
