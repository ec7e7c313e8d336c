import { EventEmitter, type Event } from '../core/event.ts';
import type { Disposable } from '../core/lifecycle.ts';
import { listHosts, type ListedHost } from '../openssh/listHosts.ts';
import type { SshEnvironment } from '../openssh/sshEnvironment.ts';
import { watchHosts } from '../openssh/watchHosts.ts';
import type { KnownHost } from './forwardPortBox.ts';

/** The hosts of ssh_config, read when first asked for and again after one of its files has changed. */
export class SshHosts implements Disposable {
  readonly #environment: () => SshEnvironment;
  readonly #changes = new EventEmitter<void>();
  #hosts: Promise<readonly ListedHost[]> | undefined;
  #watching: Disposable | undefined;
  /** Counts the resets: what was read before one is not watched after it. */
  #era = 0;

  /** A file of ssh_config changed, or another one counts now. Fires only after the list was asked for. */
  readonly onDidChange: Event<void> = this.#changes.event;

  constructor(environment: () => SshEnvironment) {
    this.#environment = environment;
  }

  /** Never rejects; empty where nothing could be read. */
  async list(): Promise<readonly KnownHost[]> {
    this.#hosts ??= this.#load().catch(() => []);
    return (await this.#hosts).map((host) => ({ alias: host.alias, detail: describe(host) }));
  }

  async aliases(): Promise<ReadonlySet<string>> {
    return new Set((await this.list()).map(({ alias }) => alias));
  }

  /** Forgets what was read: another file counts now. */
  reset(): void {
    this.#forget();
    this.#changes.fire();
  }

  dispose(): void {
    this.#forget();
    this.#changes.dispose();
  }

  #forget(): void {
    this.#era += 1;
    this.#watching?.dispose();
    this.#watching = undefined;
    this.#hosts = undefined;
  }

  /** Reads until nothing new is to be watched: what changed between the reading and the watching would go unseen. */
  async #load(): Promise<readonly ListedHost[]> {
    const era = this.#era;
    for (let watchedBefore: readonly string[] | undefined; ;) {
      const { hosts, watched } = await listHosts(this.#environment());
      if (era !== this.#era || watched.join('\n') === watchedBefore?.join('\n')) return hosts;
      this.#watching?.dispose();
      this.#watching = watchHosts(watched, () => { this.#onFileChange(); });
      watchedBefore = watched;
    }
  }

  #onFileChange(): void {
    this.#hosts = undefined;
    this.#changes.fire();
  }
}

function describe({ user, hostName, port }: ListedHost): string {
  return `${user}@${hostName}${port === 22 ? '' : `:${String(port)}`}`;
}
