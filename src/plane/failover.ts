import { formatEndpoint, isSocketPath, type Endpoint } from '../core/address.ts';
import { ForwardError, toFailure } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { End } from './end.ts';

/**
 * How long a destination may stay silent while another one is left: "slightly above multiples of 3 seconds (e.g. 4 or 5
 * seconds)" covers one or two lost packets, says HAProxy's manual of `timeout connect`. The last one has the dialer's time.
 */
const ATTEMPT_MS = 5_000;

/** How long a destination that failed is tried after the others, so that not every connection waits for a black hole. */
const SHUNNED_MS = 10_000;

type Dial = (destination: Endpoint, signal: AbortSignal) => Promise<End>;

/** Several destinations for the same: each is tried when those before it cannot be reached. */
export class Failover {
  readonly #clock: Clock;
  /** Those whose last dialling failed, and when. */
  readonly #failedAt = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The first that can be reached. Rejects at once when the tunnel is gone (`connection-lost`) or the signal aborts, and
   * with a `ForwardError` that names them all when none can be reached.
   */
  async reach(destinations: readonly Endpoint[], dial: Dial, signal: AbortSignal): Promise<End> {
    const failures: ForwardError[] = [];
    const order = this.#order(destinations);
    for (const [index, destination] of order.entries()) {
      this.#claim(destination);
      try {
        const end = await (index === order.length - 1 ? dial(destination, signal) : this.#attempt(destination, dial, signal));
        this.#failedAt.delete(formatEndpoint(destination));
        return end;
      } catch (error) {
        const failure = error instanceof ForwardError ? error : new ForwardError('internal', toFailure(error).detail, { cause: error });
        if (signal.aborted || failure.code === 'connection-lost') throw failure;
        this.#failedAt.set(formatEndpoint(destination), this.#clock.now());
        failures.push(failure);
      }
    }
    throw summary(destinations, failures);
  }

  #order(destinations: readonly Endpoint[]): readonly Endpoint[] {
    const now = this.#clock.now();
    const isShunned = (destination: Endpoint): boolean => now - (this.#failedAt.get(formatEndpoint(destination)) ?? -Infinity) < SHUNNED_MS;
    return [...destinations.filter((each) => !isShunned(each)), ...destinations.filter(isShunned)];
  }

  /** One connection tries a destination again that has failed; those that come meanwhile go on to the others. */
  #claim(destination: Endpoint): void {
    const key = formatEndpoint(destination);
    if (this.#failedAt.has(key)) this.#failedAt.set(key, this.#clock.now());
  }

  async #attempt(destination: Endpoint, dial: Dial, signal: AbortSignal): Promise<End> {
    const late = new AbortController();
    const timer = this.#clock.after(ATTEMPT_MS, () => { late.abort(silence(destination)); });
    try {
      const end = await dial(destination, AbortSignal.any([signal, late.signal]));
      if (!late.signal.aborted) return end;
      end.reset();
      throw silence(destination);
    } catch (error) {
      throw late.signal.aborted && !signal.aborted ? silence(destination) : error;
    } finally {
      timer.dispose();
    }
  }
}

function silence(destination: Endpoint): ForwardError {
  const context = { ...(isSocketPath(destination) ? { destination: destination.path } : destination), reason: 'ETIMEDOUT' };
  return new ForwardError('destination-unreachable', `${formatEndpoint(destination)}: no answer within ${String(ATTEMPT_MS)} ms`, { context });
}

/** They refused if all of them did; the details say which did what. */
function summary(destinations: readonly Endpoint[], failures: readonly ForwardError[]): ForwardError {
  const [first] = failures;
  const code = first !== undefined && failures.every((failure) => failure.code === first.code) ? first.code : 'destination-unreachable';
  const reason = failures.find((failure) => failure.code === code)?.context['reason'];
  const destination = destinations.map(formatEndpoint).join(', ');
  return new ForwardError(code, failures.map(({ message }) => message).join('; '), {
    cause: first,
    context: { destination, ...(typeof reason === 'string' ? { reason } : {}) },
  });
}
