import { ForwardError } from '../../core/failure.ts';
import type { Progress } from '../../core/forwardState.ts';
import type { SshTarget } from '../../core/sshTarget.ts';
import { untilAborted } from '../abort.ts';
import type { PlaneServices } from '../services.ts';
import { SshConnection } from './connection.ts';

/** A share in an SSH connection. */
export interface Lease {
  readonly connection: SshConnection;
  /** Gives the share back; the last one closes the connection, and settles when nothing of it is left. Idempotent. */
  release(): Promise<void>;
}

interface Holder {
  onProgress(progress: Progress): void;
  onLost(error: ForwardError): void;
  /** What somebody connected to, where that is why the server is needed. */
  readonly onDemandAt?: string;
}

/** One attempt to connect and what came of it. */
interface Entry {
  readonly holders: Set<Holder>;
  readonly controller: AbortController;
  readonly opening: Promise<SshConnection>;
  readonly last: { progress: Progress | undefined };
  connection?: SshConnection;
}

/** One SSH connection per target, shared by all forwards that use it. */
export class ConnectionPool {
  readonly #services: PlaneServices;
  readonly #entries = new Map<string, Entry>();

  constructor(services: PlaneServices) {
    this.#services = services;
  }

  /**
   * Joins the target's SSH connection, or the attempt under way, or begins one; an attempt is given up when nobody
   * waits for it any more. Rejects with a `ForwardError`. `holder.onLost` is called when the shared connection breaks.
   */
  async acquire(target: SshTarget, holder: Holder, signal: AbortSignal): Promise<Lease> {
    signal.throwIfAborted();
    const entry = this.#entries.get(target.key) ?? this.#begin(target, holder.onDemandAt);
    entry.holders.add(holder);
    if (entry.last.progress !== undefined) holder.onProgress(entry.last.progress);
    let releasing: Promise<void> | undefined;
    const release = (): Promise<void> => releasing ??= this.#release(target.key, entry, holder);
    try {
      return { connection: await untilAborted(entry.opening, signal), release };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** What waits to be sent on all SSH connections, beyond what waits in their channels. */
  get unsentBytes(): number {
    return [...this.#entries.values()].reduce((sum, { connection }) => sum + (connection?.unsentBytes ?? 0), 0);
  }

  /** Asks the server of every open connection whether it is still there; holders of one that is not hear so by `onLost`. */
  probe(): undefined {
    for (const { opening } of this.#entries.values()) opening.then((connection) => { connection.probe(); }, () => undefined);
  }

  #begin(target: SshTarget, onDemandAt: string | undefined): Entry {
    const controller = new AbortController();
    const holders = new Set<Holder>();
    const last: Entry['last'] = { progress: undefined };
    const opening = SshConnection.open(target, onDemandAt === undefined ? this.#services : { ...this.#services, onDemandAt }, (progress) => {
      last.progress = progress;
      for (const holder of holders) holder.onProgress(progress);
    }, controller.signal);
    const entry: Entry = { holders, controller, opening, last };
    this.#entries.set(target.key, entry);
    opening.then((connection) => {
      entry.connection = connection;
      connection.onLost = (error) => {
        this.#forget(target.key, entry);
        for (const holder of [...entry.holders]) holder.onLost(error);
      };
    }, () => { this.#forget(target.key, entry); });
    return entry;
  }

  async #release(key: string, entry: Entry, holder: Holder): Promise<void> {
    entry.holders.delete(holder);
    if (entry.holders.size > 0) return;
    this.#forget(key, entry);
    entry.controller.abort(new ForwardError('cancelled', 'nobody needs the SSH connection any more'));
    await entry.opening.then((connection) => connection.close(), () => undefined);
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }
}
