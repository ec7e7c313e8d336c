import type { Endpoint } from '../../core/address.ts';
import { ForwardError } from '../../core/failure.ts';
import type { Progress } from '../../core/forwardState.ts';
import type { SshTarget } from '../../core/sshTarget.ts';
import type { Dialer } from '../dialer.ts';
import type { End } from '../end.ts';
import type { ConnectionPool, Lease } from './connectionPool.ts';

/** Dials from an SSH server: the far side of `ssh -L` and `ssh -D`. */
export class SshDialer implements Dialer {
  readonly #target: SshTarget;
  readonly #pool: ConnectionPool;
  #opening: Promise<Lease> | undefined;
  #lease: Lease | undefined;
  onLost: Dialer['onLost'];
  onDemandAt?: string;

  constructor(target: SshTarget, pool: ConnectionPool) {
    this.#target = target;
    this.#pool = pool;
  }

  get queuedBytes(): number {
    return this.#lease?.connection.queuedBytes ?? 0;
  }

  async open(onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<void> {
    this.#opening = this.#pool.acquire(this.#target, {
      onProgress, onLost: (error) => this.onLost?.(error), ...(this.onDemandAt === undefined ? {} : { onDemandAt: this.onDemandAt }),
    }, signal);
    this.#lease = await this.#opening;
  }

  async dial(origin: Endpoint, destination: Endpoint, signal: AbortSignal): Promise<End> {
    if (this.#lease === undefined) throw new ForwardError('connection-lost', 'there is no SSH connection');
    return this.#lease.connection.dial(origin, destination, signal);
  }

  async close(): Promise<void> {
    await this.#opening?.then((lease) => lease.release(), () => undefined);
  }
}
