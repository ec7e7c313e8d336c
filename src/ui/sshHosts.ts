import type { Disposable } from '../core/lifecycle.ts';
import { listHosts, type ListedHost } from '../openssh/listHosts.ts';
import type { SshEnvironment } from '../openssh/sshEnvironment.ts';
import { watchHosts } from '../openssh/watchHosts.ts';
import type { KnownHost } from './forwardPortBox.ts';

/** The hosts of ssh_config, read when first asked for and again after one of its files has changed. */
export class SshHosts implements Disposable {
  readonly #environment: () => SshEnvironment;
  #hosts: Promise<readonly ListedHost[]> | undefined;
  #watching: Disposable | undefined;

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
    this.#watching?.dispose();
    this.#watching = undefined;
    this.#hosts = undefined;
  }

  dispose(): void {
    this.reset();
  }

  async #load(): Promise<readonly ListedHost[]> {
    const { hosts, watched } = await listHosts(this.#environment());
    this.#watching?.dispose();
    this.#watching = watchHosts(watched, () => { this.#hosts = undefined; });
    return hosts;
  }
}

function describe({ user, hostName, port }: ListedHost): string {
  return `${user}@${hostName}${port === 22 ? '' : `:${String(port)}`}`;
}
