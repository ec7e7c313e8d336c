import type * as vscode from 'vscode';

const PREFIX = 'secret:';
const REFUSED_PREFIX = 'refused:';
const INDEX = 'secrets';

/** A secret that the user chose to keep. */
export interface RememberedSecret {
  readonly secret: string;
  /** It did not let in the last time, and so is never given by itself again. */
  readonly isRefused: boolean;
}

/** Secrets that the user chose to keep, in the editor's SecretStorage; nothing of them is ever logged. */
export class SecretVault {
  readonly #storage: vscode.SecretStorage;
  /** Changes of the list of keys wait for one another, so that none is lost. */
  #indexing: Promise<void> = Promise.resolve();

  constructor(storage: vscode.SecretStorage) {
    this.#storage = storage;
  }

  async get(key: string): Promise<RememberedSecret | undefined> {
    const secret = await this.#storage.get(PREFIX + key);
    return secret === undefined ? undefined : { secret, isRefused: await this.#storage.get(REFUSED_PREFIX + key) !== undefined };
  }

  /** Keeps a secret in place of the one before. Listed first: an editor that ends in between keeps none that is not listed. */
  async put(key: string, secret: string): Promise<void> {
    await this.#updateIndex((keys) => [...keys.filter((other) => other !== key), key]);
    await this.#storage.store(PREFIX + key, secret);
    await this.#storage.delete(REFUSED_PREFIX + key);
  }

  /** Marks the secret as one that did not let in; it stays until it is replaced or forgotten. */
  async markRefused(key: string): Promise<void> {
    await this.#storage.store(REFUSED_PREFIX + key, 'refused');
  }

  async forget(key: string): Promise<void> {
    await this.#storage.delete(PREFIX + key);
    await this.#storage.delete(REFUSED_PREFIX + key);
    await this.#updateIndex((keys) => keys.filter((other) => other !== key));
  }

  /** What is remembered, by key; SecretStorage itself cannot list on every supported version. */
  async keys(): Promise<readonly string[]> {
    const text = await this.#storage.get(INDEX);
    const keys: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(keys) ? keys.filter((key) => typeof key === 'string') : [];
  }

  #updateIndex(change: (keys: readonly string[]) => readonly string[]): Promise<void> {
    const updated = this.#indexing.then(async () => this.#storage.store(INDEX, JSON.stringify(change(await this.keys()))));
    this.#indexing = updated.catch(() => undefined);
    return updated;
  }
}
