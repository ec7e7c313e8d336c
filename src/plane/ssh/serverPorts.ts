import type { ClientChannel, TcpConnectionDetails } from 'ssh2';
import { formatHostPort, LOOPBACK_HOST, MAX_PORT, WILDCARD_HOST, type HostPort } from '../../core/address.ts';
import { ForwardError, toFailure, untrustedText } from '../../core/failure.ts';
import { onDispose } from '../../core/lifecycle.ts';
import { untilAborted } from '../abort.ts';
import type { End } from '../end.ts';
import type { Arrival } from '../listener.ts';
import { log, type PlaneServices } from '../services.ts';
import type { HopSession } from './hopSession.ts';
import { hopFailure } from './sshFailure.ts';

/** How long a server may take to answer whether it listens. */
const ANSWER_MS = 30_000;

/** A port that the server listens on for us. */
export interface ServerPort {
  /** As asked for, with the port that was granted. */
  readonly address: HostPort;
  /** Frees it; settles when the server has, or is gone. Connections stay. Idempotent. */
  close(): Promise<void>;
}

/**
 * What one SSH connection has its server listen on (RFC 4254 section 7): one registry, keyed by the address that was
 * asked for and the port that was granted, which is what the server names with each connection.
 */
export class ServerPorts {
  readonly #session: HopSession;
  readonly #services: PlaneServices;
  readonly #adopt: (channel: ClientChannel) => End;
  readonly #listening = new Map<string, (arrival: Arrival) => void>();

  /** `adopt` makes an end of a channel that was accepted. */
  constructor(session: HopSession, services: PlaneServices, adopt: (channel: ClientChannel) => End) {
    this.#session = session;
    this.#services = services;
    this.#adopt = adopt;
    session.onChannel = (details, accept, reject) => { this.#onChannel(details, accept, reject); };
  }

  /**
   * Has the server listen; port 0 leaves the choice to it. Rejects with `remote-bind-refused`, or with the failure of the
   * SSH connection when that is over. What the server grants too late is given back.
   */
  async listen(asked: HostPort, onArrival: (arrival: Arrival) => void): Promise<ServerPort> {
    const { signal } = this.#session;
    const host = wireHost(asked.host);
    let isLate = false;
    const answer = new Promise<ServerPort>((resolve, reject) => {
      const timer = this.#services.clock.after(ANSWER_MS, () => { reject(this.#refused(asked, `no answer within ${String(ANSWER_MS)} ms`)); });
      this.#ask(host, asked.port, (error, granted) => {
        timer.dispose();
        if (error !== undefined || granted === 0) {
          reject(this.#refused(asked, error === undefined ? 'the server does not say on which port it listens' : this.#session.refusalRemark ?? 'the server refuses'));
          return;
        }
        // Here and not after an await: the first connection may be in the same packet as the answer.
        const port = this.#granted(host, asked.host, granted, onArrival);
        if (isLate) void port.close();
        else resolve(port);
      });
    });
    return untilAborted(answer, signal).catch((error: unknown) => {
      isLate = true;
      answer.catch(() => undefined);
      throw error;
    });
  }

  #ask(host: string, port: number, done: (error: Error | undefined, granted: number) => void): void {
    try {
      this.#session.forwardIn({ host, port }, done);
    } catch (error) {
      done(error instanceof Error ? error : new Error(toFailure(error).detail), 0);
    }
  }

  #granted(wire: string, host: string, port: number, onArrival: (arrival: Arrival) => void): ServerPort {
    const key = formatHostPort({ host: wire, port });
    this.#listening.set(key, onArrival);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      if (this.#listening.get(key) === onArrival) this.#listening.delete(key);
      return this.#cancel({ host: wire, port });
    };
    return { address: { host, port }, close: () => closing ??= close() };
  }

  async #cancel(address: HostPort): Promise<void> {
    const { signal } = this.#session;
    if (signal.aborted) return;
    const cancelled = new Promise<void>((resolve) => {
      const timer = this.#services.clock.after(ANSWER_MS, resolve);
      const done = onDispose(() => {
        timer.dispose();
        resolve();
      });
      try {
        this.#session.unforwardIn(address, () => { done.dispose(); });
      } catch {
        done.dispose();
      }
    });
    await untilAborted(cancelled, signal).catch(() => undefined);
  }

  #onChannel(details: TcpConnectionDetails, accept: () => ClientChannel, reject: () => void): void {
    const accepted: HostPort = { host: untrustedText(details.destIP), port: details.destPort };
    const onArrival = this.#listening.get(formatHostPort({ host: details.destIP, port: details.destPort }));
    if (onArrival === undefined) {
      log(this.#services, 'warn', `${this.#session.hop.name}: a connection for ${formatHostPort(accepted)}, which nobody listens on, is refused`);
      reject();
      return;
    }
    const { signal } = this.#session;
    onArrival({
      origin: { host: untrustedText(details.srcIP), port: Math.min(details.srcPort, MAX_PORT) },
      accepted: { host: displayHost(accepted.host), port: accepted.port },
      open: () => (signal.aborted ? LOST : this.#adopt(accept())),
      // ssh2 answers with SSH_OPEN_CONNECT_FAILED, as ssh(1) does.
      refuse: () => { if (!signal.aborted) reject(); },
    });
  }

  #refused(asked: HostPort, reason: string): ForwardError {
    const { hop, signal } = this.#session;
    if (signal.aborted && signal.reason instanceof ForwardError) return signal.reason;
    const address = formatHostPort(asked);
    return hopFailure(hop, 'remote-bind-refused', `${address}: ${reason}`, { context: { address } });
  }
}

/** What ssh(1) sends for a bind address: the server's loopback when there is none, an empty text for all of its addresses. */
function wireHost(host: string): string {
  if (host === '') return LOOPBACK_HOST;
  return host === WILDCARD_HOST ? '' : host;
}

function displayHost(wire: string): string {
  return wire === '' ? WILDCARD_HOST : wire;
}

/** The end of a connection whose channel can no longer be opened. */
const LOST: End = {
  attach: (listener) => { listener.onClose('lost'); },
  pause: () => undefined,
  resume: () => undefined,
  write: () => true,
  end: () => undefined,
  linger: () => undefined,
  reset: () => undefined,
};
