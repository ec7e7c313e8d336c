import { formatEndpoint, isSocketPath, type Endpoint, type HostPort } from '../core/address.ts';
import { ForwardError } from '../core/failure.ts';
import type { Clock } from '../core/ports.ts';
import type { FixedPole, ListenPole, StartForward } from '../protocol/messages.ts';
import type { Dialer } from './dialer.ts';
import type { End } from './end.ts';
import { Failover } from './failover.ts';
import { PrefacedEnd } from './prefacedEnd.ts';
import { localHeader, proxyHeader } from './proxyHeader.ts';

/** A connection that is to be brought to its destination. */
export interface Traveller {
  readonly origin: Endpoint;
  readonly accepted: Endpoint;
  /** Where it goes, for people, if that is not plain from its forward. */
  destination?: string;
  /** Nobody has connected: the forward itself asks. */
  readonly isOwn?: true;
}

/** Where the connections of one run of a forward lead. */
export interface Route {
  /** Brings a connection to its destination, `wanted` being its own choice where it has one; rejects as dialling does. */
  reach(traveller: Traveller, wanted: HostPort | undefined, dialer: Dialer, signal: AbortSignal): Promise<End>;
}

/** The route of a run; it remembers for a while which destinations failed. */
export function createRoute({ listen, connect }: StartForward, clock: Clock): Route {
  return connect.kind === 'fixed' ? new FixedRoute(connect, firstOfRange(listen), clock) : ASKED;
}

/** Each connection has said where it goes. */
const ASKED: Route = {
  reach: async ({ origin }, wanted, dialer, signal) => {
    if (wanted === undefined) throw new ForwardError('internal', 'a connection that has not said where it goes');
    return dialer.dial(origin, wanted, signal);
  },
};

/** All connections go to the same, the nth port of a range to the nth. */
class FixedRoute implements Route {
  readonly #pole: FixedPole;
  readonly #firstPort: number | undefined;
  readonly #failover: Failover | undefined;

  /** `firstPort` is where a range begins that is listened on. */
  constructor(pole: FixedPole, firstPort: number | undefined, clock: Clock) {
    this.#pole = pole;
    this.#firstPort = firstPort;
    this.#failover = pole.fallbacks === undefined || pole.fallbacks.length === 0 ? undefined : new Failover(clock);
  }

  async reach(traveller: Traveller, _wanted: HostPort | undefined, dialer: Dialer, signal: AbortSignal): Promise<End> {
    const { fallbacks = [], sendsProxyHeader } = this.#pole;
    const first = this.#destinationOf(traveller.accepted);
    const isPlain = (destination: Endpoint): boolean => destination === first && this.#firstPort === undefined;
    const dial = (destination: Endpoint, attempt: AbortSignal): Promise<End> => {
      if (isPlain(destination)) delete traveller.destination;
      else traveller.destination = formatEndpoint(destination);
      return dialer.dial(traveller.origin, destination, attempt);
    };
    const end = await (this.#failover === undefined ? dial(first, signal) : this.#failover.reach([first, ...fallbacks], dial, signal));
    if (sendsProxyHeader !== true) return end;
    return new PrefacedEnd(end, traveller.isOwn === true ? localHeader() : proxyHeader(traveller.origin, traveller.accepted));
  }

  #destinationOf(accepted: Endpoint): Endpoint {
    const { address } = this.#pole;
    if (this.#firstPort === undefined || isSocketPath(address) || isSocketPath(accepted)) return address;
    return { host: address.host, port: address.port + accepted.port - this.#firstPort };
  }
}

function firstOfRange(listen: ListenPole): number | undefined {
  if (listen.side === 'here') return listen.portCount === undefined ? undefined : listen.addresses[0]?.port;
  return listen.side !== 'server' || listen.portCount === undefined || isSocketPath(listen.address) ? undefined : listen.address.port;
}
