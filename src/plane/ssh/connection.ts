import type { ClientChannel } from 'ssh2';
import { formatEndpoint, isSocketPath, type Endpoint, type HostPort } from '../../core/address.ts';
import { ForwardError, toFailure } from '../../core/failure.ts';
import type { Progress } from '../../core/forwardState.ts';
import type { SshHop, SshTarget } from '../../core/sshTarget.ts';
import type { End } from '../end.ts';
import type { Arrival } from '../listener.ts';
import { Backlog } from '../backlog.ts';
import { log, type PlaneServices } from '../services.ts';
import { Acknowledging } from './acknowledging.ts';
import { ChannelEnd, type Shared } from './channelEnd.ts';
import { HopSession } from './hopSession.ts';
import { ServerPorts, type ServerPort } from './serverPorts.ts';
import { channelFailure, hopFailure, nextHopFailure } from './sshFailure.ts';
import { openTransport, type Transport } from './transport.ts';
import { ReceiveWindow, WindowBudget, type ReceiveWindowOptions } from './receiveWindow.ts';
import { WriteBudget } from './writeBudget.ts';

/** How long a server may take to open a channel: it dials the destination meanwhile. */
const CHANNEL_TIMEOUT_MS = 30_000;

/**
 * How long a closing connection waits for the server to confirm the closing of its channels. sshd drops what it has not
 * written out when it hears the goodbye, and confirms a channel only when it has. Long enough for a line of 300 ms; with
 * the farewell that follows, a stop takes less than a second whatever the server does.
 */
const FLUSH_MS = 350;

/** What the origin of a connection that we make ourselves is called, and one that has no address. */
const OURSELVES: HostPort = { host: '127.0.0.1', port: 0 };

/** An SSH connection to a target, over its chain of jump hosts; it lives and dies as a whole. */
export class SshConnection {
  readonly #services: PlaneServices;
  readonly #sessions: HopSession[] = [];
  readonly #budget = new WriteBudget();
  readonly #windows = new WindowBudget();
  readonly #channels = new Set<ChannelEnd>();
  readonly #acknowledging: Acknowledging;
  readonly #backlog: Backlog;
  #ports: ServerPorts | undefined;
  #failure: ForwardError | undefined;
  #onChannelGone: (() => void) | undefined;
  /** Called once, when the open connection breaks; not after `close()`. */
  onLost: ((error: ForwardError) => void) | undefined;

  private constructor(services: PlaneServices) {
    this.#services = services;
    this.#acknowledging = new Acknowledging(services.clock);
    this.#backlog = new Backlog(services.clock, () => [...this.#channels].reduce((sum, { queuedBytes }) => sum + queuedBytes, this.unsentBytes));
  }

  /** Connects, checks the keys and logs in, hop by hop; rejects with a `ForwardError`, and then nothing is left. */
  static async open(target: SshTarget, services: PlaneServices, onProgress: (progress: Progress) => void, signal: AbortSignal): Promise<SshConnection> {
    const connection = new SshConnection(services);
    const onAbort = (): void => { void connection.close(); };
    signal.addEventListener('abort', onAbort);
    try {
      for (const hop of target.hops) {
        const named = target.hops.length > 1 ? { host: hop.name } : {};
        await connection.#addHop(hop, (step) => { onProgress({ step, ...named }); }, signal);
      }
      signal.throwIfAborted();
      return connection;
    } catch (error) {
      // A hop that broke while the next one was being opened is the cause.
      const cause = connection.#failure ?? error;
      await connection.close();
      throw cause;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** What waits in its channels and its transports. */
  get queuedBytes(): number {
    return this.#backlog.bytes;
  }

  /** The part of that which no channel holds any more. */
  get unsentBytes(): number {
    return this.#budget.queuedBytes;
  }

  /**
   * Opens a channel to a destination as seen from the target. Rejects with `forwarding-prohibited`,
   * `destination-refused`, `destination-unreachable`, `cancelled`, or `connection-lost` when the SSH connection is gone.
   */
  async dial(origin: Endpoint, connect: Endpoint, signal: AbortSignal): Promise<End> {
    const session = this.#sessions.at(-1);
    if (session === undefined) throw new ForwardError('internal', 'an SSH connection without hops');
    return new Promise((resolve, reject) => {
      this.#openChannel(session, { origin, connect, timeoutMs: CHANNEL_TIMEOUT_MS }, signal, (error, channel) => {
        if (channel === undefined) {
          reject(error ?? new ForwardError('internal', 'no channel'));
          return;
        }
        resolve(this.#adopt(channel));
      });
    });
  }

  /**
   * Has the target listen for us. Rejects with `remote-bind-refused`, or with the failure of the SSH connection when that
   * is gone.
   */
  async listen(address: Endpoint, onArrival: (arrival: Arrival) => void): Promise<ServerPort> {
    const session = this.#sessions.at(-1);
    if (session === undefined) throw new ForwardError('internal', 'an SSH connection without hops');
    this.#ports ??= new ServerPorts(session, this.#services, (channel) => this.#adopt(channel));
    return this.#ports.listen(address, onArrival);
  }

  /** Asks every hop whether it is still there; one that is not ends the connection. */
  probe(): void {
    for (const session of this.#sessions) session.probe();
  }

  /** Ends every channel and says goodbye on every hop; settles when nothing is left. Idempotent. */
  async close(): Promise<void> {
    if (this.#channels.size > 0 && this.#failure === undefined) await this.#flushed();
    this.#end(new ForwardError('cancelled', 'the SSH connection was closed'));
    await Promise.all([...this.#sessions].reverse().map((session) => session.close()));
  }

  #flushed(): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#services.clock.after(FLUSH_MS, resolve);
      this.#onChannelGone = () => {
        if (this.#channels.size > 0 && this.#failure === undefined) return;
        timer.dispose();
        resolve();
      };
    });
  }

  #adopt(channel: ClientChannel): ChannelEnd {
    const end: ChannelEnd = new ChannelEnd(channel, this.#sharedOf(this.#sessions.at(-1)), () => {
      this.#channels.delete(end);
      this.#onChannelGone?.();
    });
    this.#channels.add(end);
    return end;
  }

  #sharedOf(session: HopSession | undefined): Shared {
    return { budget: this.#budget, window: this.#windowOptions(session), acknowledging: this.#acknowledging };
  }

  #windowOptions(session: HopSession | undefined): ReceiveWindowOptions {
    return { clock: this.#services.clock, budget: this.#windows, roundTripMs: () => session?.roundTripMs };
  }

  /** The way to a hop behind another one is a channel, too, and carries all of that hop's; it must be flowing by now. */
  #widen({ channel }: Transport, before: HopSession | undefined): void {
    if (channel === undefined) return;
    const window = new ReceiveWindow(channel, this.#windowOptions(before));
    channel.on('data', (chunk: Buffer) => { window.took(chunk.length); });
  }

  async #addHop(hop: SshHop, onStep: (step: Progress['step']) => void, signal: AbortSignal): Promise<void> {
    onStep('connecting');
    const transport = await this.#openTransport(hop, signal);
    if (signal.aborted || this.#failure !== undefined) {
      const gone = new Promise((resolve) => { transport.stream.once('close', resolve); });
      transport.stream.destroy();
      await gone;
      signal.throwIfAborted();
    }
    this.#traceTransport(hop, transport);
    this.#budget.add(transport.stream);
    const before = this.#sessions.at(-1);
    const session = new HopSession(hop, transport, this.#services);
    this.#sessions.push(session);
    session.onOver = (error) => { this.#lose(error); };
    await session.open(onStep);
    this.#widen(transport, before);
    log(this.#services, 'info', `${hop.name}: logged in as ${hop.user}`);
  }

  #traceTransport(hop: SshHop, { address }: Transport): void {
    const via = this.#sessions.at(-1)?.hop.name;
    this.#services.trace?.(hop, { kind: 'connected', ...(address === undefined ? {} : { address }), ...(via === undefined ? {} : { via }) });
  }

  async #openTransport(hop: SshHop, signal: AbortSignal): Promise<Transport> {
    const before = this.#sessions.at(-1);
    if (before === undefined) return openTransport(hop, this.#services, signal);
    return new Promise((resolve, reject) => {
      const asked = { origin: OURSELVES, connect: { host: hop.host, port: hop.port }, timeoutMs: hop.connectTimeoutMs };
      this.#openChannel(before, asked, signal, (error, channel) => {
        if (channel !== undefined) resolve({ stream: channel, channel });
        else reject(nextHopFailure(hop, before.hop, error));
      });
    });
  }

  /** Calls `done` once: with a channel, or with why there is none. A channel that comes too late is closed. */
  #openChannel(
    session: HopSession,
    { origin, connect, timeoutMs }: { readonly origin: Endpoint; readonly connect: Endpoint; readonly timeoutMs: number },
    signal: AbortSignal,
    done: (error: ForwardError | undefined, channel?: ClientChannel) => void,
  ): void {
    let isSettled = false;
    const settle = (error: ForwardError | undefined, channel?: ClientChannel): void => {
      if (isSettled) {
        if (channel !== undefined) new ChannelEnd(channel, this.#sharedOf(session), () => undefined).reset();
        return;
      }
      isSettled = true;
      timer.dispose();
      signal.removeEventListener('abort', onAbort);
      done(error, channel);
    };
    const destination = formatEndpoint(connect);
    const onAbort = (): void => { settle(new ForwardError('cancelled', `connecting to ${destination} was cancelled`)); };
    const timer = this.#services.clock.after(timeoutMs, () => {
      settle(new ForwardError('destination-unreachable', `${destination}: no answer within ${timeoutMs} ms`, { context: { destination } }));
    });
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    try {
      session.forwardOut(isSocketPath(origin) ? OURSELVES : origin, connect, (error: Error | undefined, channel: ClientChannel | undefined) => {
        if (channel !== undefined && error === undefined) settle(undefined, channel);
        else settle(this.#failedBy(session) ?? channelFailure(connect, error ?? new Error('no channel')));
      });
    } catch (error) {
      settle(this.#failedBy(session) ?? hopFailure(session.hop, 'connection-lost', toFailure(error).detail, { cause: error }));
    }
  }

  /** A channel failed because its SSH connection did. */
  #failedBy(session: HopSession): ForwardError | undefined {
    return session.signal.aborted ? hopFailure(session.hop, 'connection-lost', 'the SSH connection is gone') : undefined;
  }

  /** One hop is gone, and with it the whole chain. */
  #lose(error: ForwardError): void {
    if (this.#failure !== undefined) return;
    this.#end(error);
    for (const session of this.#sessions) session.fail(error);
    this.onLost?.(error);
  }

  #end(error: ForwardError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const channel of [...this.#channels]) channel.lose();
  }
}
