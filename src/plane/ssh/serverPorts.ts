import type { ClientChannel } from 'ssh2';
import { formatEndpoint, isSocketPath, LOOPBACK_HOST, MAX_PORT, WILDCARD_HOST, type Endpoint } from '../../core/address.ts';
import { ForwardError, toFailure, untrustedText } from '../../core/failure.ts';
import { onDispose } from '../../core/lifecycle.ts';
import { untilAborted } from '../abort.ts';
import type { End } from '../end.ts';
import type { Arrival } from '../listener.ts';
import { log, type PlaneServices } from '../services.ts';
import type { ForwardedChannel, HopSession } from './hopSession.ts';
import { hopFailure } from './sshFailure.ts';

/** How long a server may take to answer whether it listens. */
const ANSWER_MS = 30_000;

/** A port or a Unix socket that the server listens on for us. */
export interface ServerPort {
  /** As asked for, with the port that was granted. */
  readonly address: Endpoint;
  /** Frees it; settles when the server has, or is gone. Connections stay, and so does the file of a socket: sshd leaves it. Idempotent. */
  close(): Promise<void>;
}

/**
 * What one SSH connection has its server listen on (RFC 4254 section 7; PROTOCOL of OpenSSH, section 2.4): one registry,
 * keyed by the address that was asked for and the port that was granted, which is what the server names with each connection.
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
    session.onChannel = (channel) => { this.#onChannel(channel); };
  }

  /**
   * Has the server listen; port 0 leaves the choice to it. Rejects with `remote-bind-refused`, or with the failure of the
   * SSH connection when that is over. What the server grants too late is given back.
   */
  async listen(asked: Endpoint, onArrival: (arrival: Arrival) => void): Promise<ServerPort> {
    const { signal } = this.#session;
    const wire = onWire(asked);
    let isLate = false;
    const answer = new Promise<ServerPort>((resolve, reject) => {
      const timer = this.#services.clock.after(ANSWER_MS, () => { reject(this.#refused(asked, `no answer within ${String(ANSWER_MS)} ms`)); });
      this.#ask(wire, (error, granted) => {
        timer.dispose();
        if (error !== undefined && error !== null) {
          reject(this.#refused(asked, this.#session.refusalRemark ?? 'the server refuses'));
          return;
        }
        if (granted === 0 && !isSocketPath(asked)) {
          reject(this.#refused(asked, 'the server does not say on which port it listens'));
          return;
        }
        // Here and not after an await: the first connection may be in the same packet as the answer.
        const port = this.#granted(withPort(wire, granted), withPort(asked, granted), onArrival);
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

  #ask(wire: Endpoint, done: (error: Error | null | undefined, granted: number) => void): void {
    try {
      this.#session.forwardIn(wire, done);
    } catch (error) {
      done(error instanceof Error ? error : new Error(toFailure(error).detail), 0);
    }
  }

  #granted(wire: Endpoint, address: Endpoint, onArrival: (arrival: Arrival) => void): ServerPort {
    const key = formatEndpoint(wire);
    this.#listening.set(key, onArrival);
    let closing: Promise<void> | undefined;
    const close = (): Promise<void> => {
      if (this.#listening.get(key) === onArrival) this.#listening.delete(key);
      return this.#cancel(wire);
    };
    return { address, close: () => closing ??= close() };
  }

  async #cancel(address: Endpoint): Promise<void> {
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

  #onChannel({ listener, origin, accept, reject }: ForwardedChannel): void {
    const accepted = cleaned(listener);
    const onArrival = this.#listening.get(formatEndpoint(listener));
    if (onArrival === undefined) {
      log(this.#services, 'warn', `${this.#session.hop.name}: a connection for ${formatEndpoint(accepted)}, which nobody listens on, is refused`);
      reject();
      return;
    }
    const { signal } = this.#session;
    onArrival({
      origin: origin === undefined ? accepted : { host: untrustedText(origin.host), port: Math.min(origin.port, MAX_PORT) },
      accepted: forDisplay(accepted),
      open: () => (signal.aborted ? LOST : this.#adopt(accept())),
      // ssh2 answers with SSH_OPEN_CONNECT_FAILED, as ssh(1) does.
      refuse: () => { if (!signal.aborted) reject(); },
    });
  }

  #refused(asked: Endpoint, reason: string): ForwardError {
    const { hop, signal } = this.#session;
    if (signal.aborted && signal.reason instanceof ForwardError) return signal.reason;
    const address = formatEndpoint(asked);
    return hopFailure(hop, 'remote-bind-refused', `${address}: ${reason}`, { context: isSocketPath(asked) ? { address, path: address } : { address } });
  }
}

/** What ssh(1) sends for a bind address: the server's loopback when there is none, an empty text for all of its addresses. */
function onWire(asked: Endpoint): Endpoint {
  if (isSocketPath(asked)) return asked;
  if (asked.host === '') return { ...asked, host: LOOPBACK_HOST };
  return asked.host === WILDCARD_HOST ? { ...asked, host: '' } : asked;
}

function withPort(address: Endpoint, port: number): Endpoint {
  return isSocketPath(address) ? address : { host: address.host, port };
}

function cleaned(address: Endpoint): Endpoint {
  return isSocketPath(address) ? { path: untrustedText(address.path) } : { host: untrustedText(address.host), port: address.port };
}

function forDisplay(wire: Endpoint): Endpoint {
  return !isSocketPath(wire) && wire.host === '' ? { host: WILDCARD_HOST, port: wire.port } : wire;
}

/** The end of a connection whose channel can no longer be opened. */
const LOST: End = {
  queuedBytes: 0,
  attach: (listener) => { listener.onClose('lost'); },
  pause: () => undefined,
  resume: () => undefined,
  write: () => true,
  end: () => undefined,
  linger: () => undefined,
  reset: () => undefined,
};
