import type { RememberedSecret } from './secretVault.ts';

/** What keeps secrets; the editor's SecretStorage behind it. */
export interface Vault {
  get(key: string): Promise<RememberedSecret | undefined>;
  put(key: string, secret: string): Promise<void>;
  markRefused(key: string): Promise<void>;
}

/** What came of a secret that was given without a question. */
export type Outcome = 'accepted' | 'refused' | 'unknown';

/** Why a remembered secret is not given by itself. */
export type Doubt = Exclude<Outcome, 'accepted'>;

export type Recalled = { readonly kind: 'given'; readonly secret: string } | { readonly kind: 'ask'; readonly doubt?: Doubt };

/** A secret on its way, and who waits for what comes of it. */
interface Given {
  readonly secret: string;
  readonly settled: Promise<void>;
  readonly settle: () => void;
}

/**
 * Gives remembered secrets without a question, each once: one that was refused, or of which nobody knows what came of it,
 * is never sent again by itself. Servers count wrong passwords, and lock out.
 */
export class AutomaticSecrets {
  readonly #vault: Vault;
  /** Given to a login that has not said yet what came of it: key → who waits for that. */
  readonly #outstanding = new Map<string, Given>();
  /** By key, and for this secret alone: another window may keep another one. */
  readonly #doubts = new Map<string, { readonly secret: string; readonly doubt: Doubt }>();

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Gives the secret, or says why it has to be asked for. Waits for what came of it in another login that is under way. */
  async recall(key: string, signal: AbortSignal): Promise<Recalled> {
    const hasGone = (): boolean => signal.aborted;
    const other = this.#outstanding.get(key);
    if (other !== undefined) await Promise.race([other.settled, aborted(signal)]);
    if (hasGone()) return { kind: 'ask' };
    // Without a keyring the storage rejects; then nothing is remembered.
    const remembered = await this.#vault.get(key).catch(() => undefined);
    // Whoever has gone is told nothing more, and tells nothing.
    if (remembered === undefined || hasGone()) return { kind: 'ask' };
    const { secret, isRefused } = remembered;
    const known = this.#doubts.get(key);
    const doubt = isRefused ? 'refused' : known?.secret === secret ? known.doubt : undefined;
    if (doubt !== undefined) return { kind: 'ask', doubt };
    if (this.#outstanding.has(key)) return this.recall(key, signal);
    const { promise: settled, resolve: settle } = deferred();
    this.#outstanding.set(key, { secret, settled, settle });
    return { kind: 'given', secret };
  }

  /** What came of the secret; nothing happens when it was not given by itself. */
  async settle(key: string, outcome: Outcome): Promise<void> {
    const given = this.#outstanding.get(key);
    if (given === undefined) return;
    this.#outstanding.delete(key);
    if (outcome !== 'accepted') this.#doubts.set(key, { secret: given.secret, doubt: outcome });
    given.settle();
    if (outcome === 'refused') await this.refuse(key);
  }

  /** The remembered secret is wrong: it stays, and is never given by itself again. */
  async refuse(key: string): Promise<void> {
    await this.#vault.markRefused(key).catch(() => undefined);
  }

  /** Keeps a secret that has let in, in place of the one before. */
  async keep(key: string, secret: string): Promise<void> {
    await this.#vault.put(key, secret);
    this.#doubts.delete(key);
  }

  /** Nobody will say any more what came of those that are given. */
  loseTrack(): void {
    for (const key of [...this.#outstanding.keys()]) void this.settle(key, 'unknown');
  }
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => { resolve = settle; });
  return { promise, resolve };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => { resolve(); }, { once: true });
  });
}
