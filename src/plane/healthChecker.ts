import { formatEndpoint, formatHostPort, isSocketPath, LOOPBACK_HOST, type Endpoint, type HostPort } from '../core/address.ts';
import { ForwardError, toFailure, untrustedText, type FailureContext } from '../core/failure.ts';
import { expectationOf, isExpected, pathOf, tellRequest, timeoutMsOf, UNKNOWN_OUTCOME, withoutQuery, type CheckOutcome, type HealthCheck, type HttpCheck } from '../core/healthCheck.ts';
import type { Clock } from '../core/ports.ts';
import type { StartForward } from '../protocol/messages.ts';
import type { Dialer } from './dialer.ts';
import type { End } from './end.ts';
import { exchange, sayGoodbye, type Answer } from './healthExchange.ts';
import type { Route, Traveller } from './route.ts';

/** Who connects where a check does. */
const OURSELVES: HostPort = { host: '127.0.0.1', port: 0 };

/** What is quoted of an answer that is not HTTP, and looked at for it. */
const QUOTED_MAX_LENGTH = 60;
const QUOTED_MAX_BYTES = 200;

/** The way that the connections of a forward go. */
export interface CheckedWay {
  readonly request: StartForward;
  readonly route: Route;
  readonly dialer: Dialer;
}

/** Asks the destination of a forward whether it is well, over the forward's own way, by a connection that is in no list. */
export class HealthChecker {
  readonly #clock: Clock;
  #running: AbortController | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** One at a time: one that is under way ends. Never rejects. */
  async run(way: CheckedWay, check: HealthCheck): Promise<CheckOutcome> {
    this.stop();
    const stopping = new AbortController();
    this.#running = stopping;
    try {
      await new Attempt(way, check, this.#clock).run(stopping.signal);
      return stopping.signal.aborted ? UNKNOWN_OUTCOME : { kind: 'passed' };
    } catch (error) {
      const failure = toFailure(error);
      // The tunnel broke, not the destination.
      return stopping.signal.aborted || failure.code === 'connection-lost' ? UNKNOWN_OUTCOME : { kind: 'failed', failure };
    } finally {
      if (this.#running === stopping) this.#running = undefined;
    }
  }

  /** Resets the connection of the check that is under way, if any; its outcome is unknown. */
  stop(): void {
    this.#running?.abort(new ForwardError('cancelled', 'the check is no longer wanted'));
    this.#running = undefined;
  }
}

/** Asks once, and gives the request, for people; rejects with the `ForwardError` that says what is wrong, or with the signal's reason. */
export async function askHealth(way: CheckedWay, check: HttpCheck, clock: Clock, signal: AbortSignal): Promise<string> {
  await new Attempt(way, check, clock).run(signal);
  return tellRequest(check);
}

/** One check. */
class Attempt {
  readonly #way: CheckedWay;
  readonly #check: HealthCheck;
  readonly #clock: Clock;
  readonly #traveller: Traveller;
  #isConnected = false;

  constructor(way: CheckedWay, check: HealthCheck, clock: Clock) {
    this.#way = way;
    this.#check = check;
    this.#clock = clock;
    this.#traveller = { origin: OURSELVES, accepted: firstListened(way.request), isOwn: true };
  }

  /** Rejects with the `ForwardError` that says what is wrong, or with the signal's reason. */
  async run(stopping: AbortSignal): Promise<void> {
    const late = new AbortController();
    const timer = this.#clock.after(timeoutMsOf(this.#check), () => { late.abort(this.#lateness()); });
    try {
      await this.#ask(AbortSignal.any([stopping, late.signal]));
    } catch (error) {
      throw late.signal.aborted && !stopping.aborted ? late.signal.reason : error;
    } finally {
      timer.dispose();
    }
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { route, dialer } = this.#way;
    const end: End = await route.reach(this.#traveller, undefined, dialer, signal);
    this.#isConnected = true;
    if (this.#check.kind === 'connect') {
      await sayGoodbye(end, this.#clock, signal);
      return;
    }
    this.#judge(await exchange(end, this.#request(this.#check), this.#clock, signal), this.#check);
  }

  /** RFC 9112 section 3.2: a host that is none, as of a socket, still has to be named somehow. */
  #request(check: HttpCheck): Buffer {
    const { address } = this.#destination();
    const host = isSocketPath(address) ? LOOPBACK_HOST : address.port === 80 ? formatHostPort(address).replace(/:80$/, '') : formatHostPort(address);
    return Buffer.from(`GET ${pathOf(check)} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: Culvert\r\nAccept: */*\r\nConnection: close\r\n\r\n`);
  }

  #judge(answer: Answer, check: HttpCheck): void {
    switch (answer.kind) {
      case 'status':
        if (isExpected(answer.status, check)) return;
        throw this.#unhealthy(`answered ${String(answer.status)}`, { status: answer.status, expected: expectationOf(check) });
      case 'foreign': {
        const text = answer.bytes.toString('utf8', 0, QUOTED_MAX_BYTES);
        // It may say again what it was asked.
        const said = untrustedText(pathOf(check).includes('?') ? withoutQuery(text) : text, QUOTED_MAX_LENGTH);
        throw this.#unhealthy(`did not answer in HTTP: ${JSON.stringify(said)}`, { said });
      }
      case 'silent':
        throw this.#unhealthy('ended the connection without an answer', { reason: 'ended' });
    }
  }

  #lateness(): ForwardError {
    const timeoutMs = timeoutMsOf(this.#check);
    if (this.#isConnected && this.#check.kind === 'http') return this.#unhealthy(`no answer within ${String(timeoutMs)} ms`, { reason: 'late', timeoutMs });
    const { name, context } = this.#destination();
    return new ForwardError('destination-unreachable', `${name}: no answer within ${String(timeoutMs)} ms`, { context: { ...context, reason: 'ETIMEDOUT' } });
  }

  #unhealthy(what: string, context: FailureContext): ForwardError {
    const request = this.#check.kind === 'http' ? tellRequest(this.#check) : '';
    const destination = this.#destination();
    return new ForwardError('destination-unhealthy', `${destination.name}: ${request}: ${what}`, { context: { ...destination.context, ...context, request } });
  }

  /** Which of several, as far as the connecting has come. */
  #destination(): { readonly address: Endpoint; readonly name: string; readonly context: FailureContext } {
    const { connect } = this.#way.request;
    const address: Endpoint = connect.kind === 'fixed' ? connect.address : OURSELVES;
    const name = this.#traveller.destination ?? formatEndpoint(address);
    return { address, name, context: { destination: name, ...(isSocketPath(address) && name === address.path ? { path: address.path } : {}) } };
  }
}

/** Where a connection would arrive, of a range at its first port. */
function firstListened({ listen }: StartForward): Endpoint {
  if (listen.side === 'server') return listen.address;
  return listen.side === 'here-socket' ? { path: listen.path } : listen.addresses[0] ?? OURSELVES;
}
