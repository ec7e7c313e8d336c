import { isSocketPath, LOOPBACK_HOST, type Endpoint, type HostPort } from '../core/address.ts';
import { isAddress, type DiagnosisFact } from '../core/diagnosis.ts';
import { ForwardError, toFailure } from '../core/failure.ts';
import type { Disposable } from '../core/lifecycle.ts';
import type { SshHop, SshTarget } from '../core/sshTarget.ts';
import type { DiagnoseForward, FixedPole, StartForward } from '../protocol/messages.ts';
import { untilAborted } from './abort.ts';
import type { Dialer } from './dialer.ts';
import { observeFirstByte } from './firstByte.ts';
import { askHealth } from './healthChecker.ts';
import type { Listener } from './listener.ts';
import { createRoute } from './route.ts';
import type { PlaneServices } from './services.ts';
import { ConnectionPool, type Lease } from './ssh/connectionPool.ts';
import { connectFailure } from './ssh/sshFailure.ts';
import { addressesOf } from './tcpConnect.ts';
import { dialFailure } from './tcpDialer.ts';

/** How long looking up a destination from here may take. */
const LOOKUP_MS = 10_000;

/** Addresses of a name that are told. */
const ADDRESSES_MAX = 8;

/** Who connects where a diagnosis does. */
const OURSELVES: HostPort = { host: '127.0.0.1', port: 0 };

/** What the server of a proxy is asked for: its own port for throwing away (RFC 863), where seldom anybody listens. */
const PROBE: HostPort = { host: LOOPBACK_HOST, port: 9 };

/** The parts of a forward, over SSH connections that are the diagnosis's own. */
export interface DiagnosisParts {
  /** One that refuses whoever connects. */
  createListener(request: StartForward, pool: ConnectionPool): Listener;
  createDialer(request: StartForward, pool: ConnectionPool): Dialer;
  /** Has what the forward listens on tried, for which a start of it waits; false, without trying, where it is starting already. */
  tryAlone(trial: () => Promise<void>): Promise<boolean>;
}

/** Walks the way of a forward once, in its own parts, and tells what it finds out. Used once. */
export class Diagnosis {
  readonly #request: DiagnoseForward & StartForward;
  readonly #services: PlaneServices;
  readonly #parts: DiagnosisParts;
  readonly #pool: ConnectionPool;
  /** Aborts when the SSH connection breaks. */
  readonly #lost = new AbortController();
  readonly #closings: (() => Promise<unknown>)[] = [];

  constructor(request: DiagnoseForward & StartForward, services: PlaneServices, parts: DiagnosisParts) {
    this.#request = request;
    this.#services = services;
    this.#parts = parts;
    this.#pool = new ConnectionPool({ ...services, trace: (hop, fact) => { this.#tell(fact, request.target?.hops.indexOf(hop)); } });
  }

  /** Rejects with the `ForwardError` that it came to; nothing is left in any case. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#walk(AbortSignal.any([signal, this.#lost.signal]));
    } catch (error) {
      // Whatever broke with the SSH connection, that is the cause.
      throw this.#lost.signal.aborted && !signal.aborted ? this.#lost.signal.reason : error;
    } finally {
      for (const close of this.#closings.reverse()) await close();
    }
  }

  async #walk(signal: AbortSignal): Promise<void> {
    const { listen, connect, target, isListening } = this.#request;
    if (listen.side !== 'server' && !isListening && !(await this.#parts.tryAlone(() => this.#tryPort(signal)))) this.#tell({ kind: 'port-left' });
    if (target !== undefined) await this.#connect(target, signal);
    if (listen.side === 'server' && !isListening && !(await this.#parts.tryAlone(() => this.#tryServerPort(signal)))) this.#tell({ kind: 'server-port-left' });
    if (listen.side === 'here-udp') {
      if (connect.kind === 'fixed') await this.#lookUp(connect.address, signal);
    } else if (connect.kind === 'fixed') {
      await this.#reach(connect, signal);
    } else if (listen.side !== 'server') {
      await this.#probe(signal);
    }
  }

  async #tryPort(signal: AbortSignal): Promise<void> {
    const listener = this.#parts.createListener(this.#request, this.#pool);
    try {
      const { addresses } = await untilAborted(listener.open(this.#request, () => undefined, signal), signal);
      this.#tell({ kind: 'bindable', addresses, isRunning: false });
    } finally {
      await listener.close();
    }
  }

  async #tryServerPort(signal: AbortSignal): Promise<void> {
    const listener = this.#parts.createListener(this.#request, this.#pool);
    this.#closings.push(() => listener.close());
    const { addresses: [address] } = await listener.open(this.#request, () => undefined, signal);
    if (address !== undefined) this.#tell({ kind: 'granted', address, isRunning: false });
    await listener.close();
  }

  async #connect(target: SshTarget, signal: AbortSignal): Promise<void> {
    const [first] = target.hops;
    if (first !== undefined) await this.#lookUpHop(first, signal);
    const holder = { onProgress: () => undefined, onLost: (error: ForwardError) => { this.#lost.abort(error); } };
    const lease: Lease = await this.#pool.acquire(target, holder, signal);
    this.#closings.push(() => lease.release());
  }

  async #lookUpHop(hop: SshHop, signal: AbortSignal): Promise<void> {
    const { host, addressFamily, connectTimeoutMs, proxyCommand } = hop;
    if (proxyCommand !== undefined || isAddress(host)) return;
    try {
      this.#tell({ kind: 'found', addresses: await this.#addressesOf(host, addressFamily, connectTimeoutMs, signal) }, 0);
    } catch (error) {
      throw connectFailure(hop, error);
    }
  }

  async #lookUp(destination: Endpoint, signal: AbortSignal): Promise<void> {
    if (isSocketPath(destination) || isAddress(destination.host)) return;
    try {
      this.#tell({ kind: 'destination-found', addresses: await this.#addressesOf(destination.host, undefined, LOOKUP_MS, signal) });
    } catch (error) {
      throw error instanceof ForwardError ? error : dialFailure(error, destination);
    }
  }

  /** The system's resolver knows no deadline of ours. */
  async #addressesOf(host: string, family: 4 | 6 | undefined, timeoutMs: number, signal: AbortSignal): Promise<readonly string[]> {
    let timer: Disposable | undefined;
    const expired = new Promise<never>((_resolve, reject) => {
      timer = this.#services.clock.after(timeoutMs, () => { reject(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'EAI_AGAIN' })); });
    });
    try {
      const addresses = await untilAborted(Promise.race([addressesOf(host, family), expired]), signal);
      return [...new Set(addresses)].slice(0, ADDRESSES_MAX);
    } finally {
      timer?.dispose();
    }
  }

  /** Connects as the first client would; the destinations that stand in for each other are tried in their order. */
  async #reach({ address, fallbacks = [] }: FixedPole, signal: AbortSignal): Promise<void> {
    const isFromHere = this.#request.target === undefined || this.#request.listen.side === 'server';
    if (isFromHere && fallbacks.length === 0) await this.#lookUp(address, signal);
    const dialer = await this.#openDialer(signal);
    for (const [index, destination] of [address, ...fallbacks].entries()) {
      if (!(await this.#reachOne(dialer, destination, index === fallbacks.length, signal))) continue;
      await this.#askHealth(dialer, signal);
      return;
    }
  }

  /** False for one that the next stands in for. */
  async #reachOne(dialer: Dialer, destination: Endpoint, isLast: boolean, signal: AbortSignal): Promise<boolean> {
    try {
      const end = await dialer.dial(OURSELVES, destination, signal);
      this.#tell({ kind: 'allowed' });
      this.#tell({ kind: 'accepted', destination });
      this.#tell(await observeFirstByte(end, this.#services.clock, signal));
      return true;
    } catch (error) {
      const failure = toFailure(error);
      if (isOfDestination(failure.code)) this.#tell({ kind: 'allowed' });
      if (!isOfDestination(failure.code) || isLast) throw error;
      this.#tell({ kind: 'passed-over', destination, failure });
      return false;
    }
  }

  async #askHealth(dialer: Dialer, signal: AbortSignal): Promise<void> {
    const { healthCheck } = this.#request;
    const { clock } = this.#services;
    if (healthCheck !== undefined) this.#tell({ kind: 'healthy', request: await askHealth({ request: this.#request, route: createRoute(this.#request, clock), dialer }, healthCheck, clock, signal) });
  }

  /** A proxy has no destination of its own: whether the server forwards at all shows in how it refuses. */
  async #probe(signal: AbortSignal): Promise<void> {
    const dialer = await this.#openDialer(signal);
    try {
      (await dialer.dial(OURSELVES, PROBE, signal)).reset();
    } catch (error) {
      const { code, detail, context } = toFailure(error);
      if (code === 'forwarding-prohibited') throw new ForwardError(code, detail, { cause: error, context: { ...context, isProxy: true } });
      if (!isOfDestination(code)) throw error;
    }
    this.#tell({ kind: 'allowed', probe: PROBE });
  }

  async #openDialer(signal: AbortSignal): Promise<Dialer> {
    const dialer = this.#parts.createDialer(this.#request, this.#pool);
    this.#closings.push(() => dialer.close());
    await dialer.open(() => undefined, signal);
    return dialer;
  }

  #tell(fact: DiagnosisFact, hop?: number): void {
    this.#services.control.emit('diagnosis', { id: this.#request.id, at: this.#services.clock.now(), ...(hop === undefined ? {} : { hop }), fact });
  }
}

function isOfDestination(code: ForwardError['code']): boolean {
  return code === 'destination-refused' || code === 'destination-unreachable';
}
