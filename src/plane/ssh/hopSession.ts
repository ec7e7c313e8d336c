import { setMaxListeners } from 'node:events';
import { Client, type ClientChannel, type ParsedKey } from 'ssh2';
import type { HopFact } from '../../core/diagnosis.ts';
import { ForwardError, toFailure, untrustedText } from '../../core/failure.ts';
import { isSocketPath, type Endpoint, type HostPort } from '../../core/address.ts';
import type { StartStep } from '../../core/forwardState.ts';
import type { SshHop } from '../../core/sshTarget.ts';
import type { ControlRequests, HostKeyAnswer, HostKeyQuestion, LogLevel, SecretQuestion } from '../../protocol/messages.ts';
import { log, type PlaneServices } from '../services.ts';
import { offeredAlgorithms } from './algorithms.ts';
import { authHandler } from './authentication.ts';
import { fingerprintOf, hostVerifier } from './hostKey.ts';
import { Identification, identificationIn } from './identification.ts';
import { negotiatedBy, onServerRemark, ping, watchProtocol } from './internals.ts';
import { answersOf, PasswordWatch, type LoginSession } from './loginSession.ts';
import { reusePacketBuffer } from './packetBuffer.ts';
import { PhaseTimer } from './phaseTimer.ts';
import { listenForSilence, SILENCE_MS } from './silence.ts';
import { clientFailure, closedFailure, hopFailure, isGoodbye, silentFailure, type ClientError, type SshPhase } from './sshFailure.ts';
import type { Transport } from './transport.ts';

/** What a server may take for one step of a login; as long as sshd's own LoginGraceTime. */
const LOGIN_WAIT_MS = 120_000;

/** ssh2's words for a transport that ends before the server has said anything. */
const CLOSED_BEFORE_HANDSHAKE = 'Connection lost before handshake';

/** Lines of a server's greeting, and banners, that go to the log; of one line at most so much. */
const TOLD_MAX = 20;
const BANNER_MAX_LENGTH = 2_000;

/** What sshd says before it refuses to listen, where it says something at all; other remarks of it may come between. */
const REFUSAL = /forwarding refused|disabled (?:port|streamlocal) forwarding/i;
/** What sshd says when it listens on other addresses than it was asked to. */
const OVERRIDE = /overridden by server GatewayPorts/i;

/** The quickest of so many answers is the way to the server and back; others met a busy machine. */
const ROUND_TRIPS_MEASURED = 3;

/** How long a closing SSH connection may take to say goodbye. */
const FAREWELL_MS = 500;

/** How long one may take that was given up before it was open: nothing is lost with it. */
const UNFINISHED_FAREWELL_MS = 100;

/** A connection to something that the server listens on for us; the words are the server's own, untrusted and as they came. */
export interface ForwardedChannel {
  /** What it connected to, in the words in which we asked for it; a port by its number. */
  readonly listener: Endpoint;
  /** Absent for a socket. */
  readonly origin?: HostPort;
  readonly accept: () => ClientChannel;
  readonly reject: () => void;
}

/** One SSH connection to one server, over a transport that is already open. */
export class HopSession implements LoginSession {
  readonly hop: SshHop;
  readonly passwords: PasswordWatch;
  readonly #transport: Transport;
  readonly #services: PlaneServices;
  readonly #client = new Client();
  readonly #over = new AbortController();
  readonly #timer: PhaseTimer;
  readonly #gone: Promise<void>;
  /** The host key that the server has shown. */
  #shown: HostKeyQuestion | undefined;
  readonly #identification = new Identification((line) => { this.#tell('debug', `greeting: ${line}`); });
  #phase: SshPhase = 'handshake';
  /** The reason of the server's goodbye. */
  #lastWords = '';
  /** Texts of the server that went to the log. */
  #told = 0;
  #failure: ForwardError | undefined;
  #settle: { readonly resolve: () => void; readonly reject: (error: ForwardError) => void } | undefined;
  /** Milliseconds to the server and back; undefined until an answer has come. */
  roundTripMs: number | undefined;
  /** Called once, when a session that was ready breaks or is closed. */
  onOver: ((error: ForwardError) => void) | undefined;
  /** Called with every channel that the server opens for what it listens on for us. */
  onChannel: ((channel: ForwardedChannel) => void) | undefined;
  /** What the server has remarked about refusing to forward since it was last asked to listen: untrusted text, cleaned, for people alone. */
  refusalRemark: string | undefined;

  constructor(hop: SshHop, transport: Transport, services: PlaneServices) {
    this.hop = hop;
    this.#transport = transport;
    this.#services = services;
    const { name, user, host, port } = hop;
    this.passwords = new PasswordWatch((outcome) => { services.control.emit('passwordAnswered', { hop: name, user, host, port, outcome }); });
    // Every forward and question of this SSH connection waits for its end.
    setMaxListeners(0, this.#over.signal);
    this.#timer = new PhaseTimer(services.clock, (error) => { this.fail(error); });
    this.#gone = new Promise((resolve) => { transport.stream.once('close', () => { resolve(); }); });
  }

  /** Shakes hands, has the host key checked and logs in. Rejects with a `ForwardError`, and is then over. Called once. */
  open(onStep: (step: StartStep) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      try {
        this.#listen(onStep);
        onStep('handshake');
        this.#beginHandshake();
        this.#connect(onStep);
        this.#watch();
      } catch (error) {
        this.fail(error instanceof ForwardError ? error : hopFailure(this.hop, 'internal', toFailure(error).detail, { cause: error }));
      }
    });
  }

  /** Opens a channel to a destination as seen from the server; throws or calls back with ssh2's error. */
  forwardOut(origin: HostPort, connect: Endpoint, callback: (error: Error | undefined, channel: ClientChannel) => void): void {
    if (isSocketPath(connect)) this.#client.openssh_forwardOutStreamLocal(connect.path, callback);
    else this.#client.forwardOut(origin.host, origin.port, connect.host, connect.port, callback);
  }

  /** Asks the server to listen; throws or calls back with ssh2's error, or with the port that was granted (0 for a socket). */
  forwardIn(address: Endpoint, callback: (error: Error | null | undefined, port: number) => void): void {
    this.refusalRemark = undefined;
    if (isSocketPath(address)) this.#client.openssh_forwardInStreamLocal(address.path, (error) => { callback(error, 0); });
    else this.#client.forwardIn(address.host, address.port, callback);
  }

  /** Asks the server to listen no more; throws or calls back. */
  unforwardIn(address: Endpoint, callback: () => void): void {
    if (isSocketPath(address)) this.#client.openssh_unforwardInStreamLocal(address.path, callback);
    else this.#client.unforwardIn(address.host, address.port, callback);
  }

  /** Asks the server whether it is still there, and ends the session with `keepalive-timeout` when it is silent. */
  probe(): void {
    if (this.#phase !== 'ready' || this.#failure !== undefined) return;
    const listening = { stream: this.#transport.stream, clock: this.clock, signal: this.signal, ask: (onAnswer: () => void) => ping(this.#client, onAnswer) };
    listenForSilence(listening, () => { this.fail(hopFailure(this.hop, 'keepalive-timeout', `nothing came within ${String(SILENCE_MS)} ms`)); });
  }

  /** Says goodbye and settles when the transport is gone, at the latest after a short wait. Idempotent. */
  async close(): Promise<void> {
    const { stream } = this.#transport;
    if (this.#failure === undefined) {
      this.#end(hopFailure(this.hop, 'cancelled', 'the SSH connection was closed'));
      this.#client.end();
    }
    const farewell = this.#services.clock.after(this.#phase === 'ready' ? FAREWELL_MS : UNFINISHED_FAREWELL_MS, () => stream.destroy());
    await this.#gone;
    farewell.dispose();
  }

  /** Ends the session with this failure; the first one counts. */
  fail(error: ForwardError): void {
    if (this.#failure !== undefined) return;
    this.#end(error);
    this.#transport.stream.destroy();
  }

  get clock(): PlaneServices['clock'] {
    return this.#services.clock;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  whileAsking<T>(ask: () => Promise<T>): Promise<T> {
    return this.#timer.whileAsking(ask);
  }

  ask<K extends keyof ControlRequests>(method: K, params: ControlRequests[K]['params']): Promise<ControlRequests[K]['result']> {
    return this.whileAsking(() => this.#services.control.request(method, params, this.signal));
  }

  askSecret(question: Omit<SecretQuestion, 'hop' | 'user' | 'host' | 'port'>): Promise<readonly string[]> {
    const { onDemandAt } = this.#services;
    const occasion = onDemandAt === undefined ? {} : { onDemandAt };
    return answersOf(this.hop, { ...question, ...occasion }, (whole) => this.ask('needSecret', whole));
  }

  log(level: LogLevel, text: string): void {
    log(this.#services, level, `${this.hop.name}: ${text}`);
  }

  trace(fact: HopFact): void {
    this.#services.trace?.(this.hop, fact);
  }

  #listen(onStep: (step: StartStep) => void): void {
    const client = this.#client;
    client.on('error', (error: ClientError) => {
      // An agent that could not sign; the login goes on with the next key.
      if (error.level === 'agent') return;
      const isClosed = error.message === CLOSED_BEFORE_HANDSHAKE || error.level === 'client-socket' || isGoodbye(error, this.#phase);
      this.fail(isClosed ? this.#lost() : clientFailure(this.hop, this.#phase, error));
    });
    client.on('end', () => { this.fail(this.#lost()); });
    client.on('close', () => { this.fail(this.#lost()); });
    client.on('banner', (text) => { this.#tell('info', `banner: ${untrustedText(text, BANNER_MAX_LENGTH)}`); });
    client.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
      this.#onForwarded({ listener: { host: destIP, port: destPort }, origin: { host: srcIP, port: srcPort }, accept, reject });
    });
    client.on('unix connection', ({ socketPath }, accept, reject) => {
      // The types do not say so, but it is the same kind of channel.
      this.#onForwarded({ listener: { path: socketPath }, accept: () => accept() as ClientChannel, reject });
    });
    client.on('change password', () => {
      this.fail(hopFailure(this.hop, 'auth-failed', 'the server wants the password to be changed first'));
    });
    // At every key exchange. With some other ciphers ssh2 keeps what it was given until it has the whole packet.
    client.on('handshake', ({ sc }) => {
      this.#transport.mayBorrow?.(sc.cipher.includes('gcm'));
      if (this.#transport.isCopying === true) reusePacketBuffer(client);
    });
    client.once('handshake', ({ kex, serverHostKey, cs, sc }) => {
      this.log('debug', `key exchange ${kex}, host key ${serverHostKey}, ciphers ${cs.cipher} and ${sc.cipher}`);
      this.#phase = 'authentication';
      this.#timer.begin(LOGIN_WAIT_MS, () => hopFailure(this.hop, 'connect-timeout', 'no answer while logging in'));
      onStep('logging-in');
    });
    client.once('hostkeys', (keys) => { this.#tellHostKeys(keys); });
    client.once('ready', () => { this.#onReady(); });
  }

  #onForwarded(channel: ForwardedChannel): void {
    if (this.onChannel === undefined) channel.reject();
    else this.onChannel(channel);
  }

  #connect(onStep: (step: StartStep) => void): void {
    const { hop } = this;
    this.#client.connect({
      sock: this.#transport.stream,
      username: hop.user,
      algorithms: offeredAlgorithms(hop),
      hostVerifier: hostVerifier({
        hop,
        address: this.#transport.address,
        onDemandAt: this.#services.onDemandAt,
        ask: (question) => {
          onStep('checking-host-key');
          this.#shown = question;
          return this.#askTrust(question);
        },
        decide: (refusal, verify) => { this.#decide(refusal, verify); },
      }),
      authHandler: authHandler(this),
      keepaliveInterval: hop.keepaliveIntervalMs,
      keepaliveCountMax: hop.keepaliveCountMax,
      // Its timer would run while a person is asked.
      readyTimeout: 0,
      strictVendor: false,
    });
  }

  #watch(): void {
    watchProtocol(this.#client, {
      takeHeader: (chunk) => this.#takeHeader(chunk),
      onDisconnect: (text) => { this.#lastWords = untrustedText(text); },
    });
    onServerRemark(this.#client, (text) => {
      const remark = untrustedText(text);
      this.#tell(OVERRIDE.test(remark) ? 'warn' : 'debug', `remark: ${remark}`);
      if (REFUSAL.test(remark)) this.refusalRemark = remark;
    });
  }

  #takeHeader(chunk: Buffer): Buffer | undefined {
    const header = this.#identification.take(chunk);
    if (header !== undefined) this.trace({ kind: 'identified', text: identificationIn(header) });
    return header;
  }

  async #askTrust(question: HostKeyQuestion): Promise<HostKeyAnswer> {
    const negotiated = negotiatedBy(this.#client);
    if (negotiated !== undefined) this.trace({ kind: 'negotiated', ...negotiated });
    this.trace({ kind: 'key-shown', keyType: untrustedText(question.keyType), fingerprint: fingerprintOf(Buffer.from(question.key, 'base64')) });
    const answer = await this.ask('verifyHostKey', question);
    if (answer.isAccepted) this.trace({ kind: 'key-trusted', ...(answer.trust === undefined ? {} : { trust: answer.trust }) });
    return answer;
  }

  /** Texts of the server, bounded in number. */
  #tell(level: LogLevel, text: string): void {
    this.#told += 1;
    if (this.#told <= TOLD_MAX) this.log(level, text);
    else if (this.#told === TOLD_MAX + 1) this.log('info', 'the server says more, which is left out here');
  }

  #beginHandshake(): void {
    this.#timer.begin(this.hop.connectTimeoutMs, () => {
      const { isDone, said } = this.#identification;
      return silentFailure(this.hop, isDone ? 'ssh' : said === '' ? 'nothing' : 'text', isDone ? '' : said);
    });
  }

  /** Tells ssh2 the verdict about a host key; a refusal is sent to the server before the transport goes. */
  #decide(refusal: ForwardError | undefined, verify: (isAccepted: boolean) => void): void {
    if (this.#failure !== undefined) return;
    if (refusal === undefined) {
      verify(true);
      return;
    }
    this.#end(refusal);
    verify(false);
    this.#transport.stream.destroy();
  }

  #onReady(): void {
    this.#phase = 'ready';
    this.#timer.stop();
    const { name: hop, user, host, port } = this.hop;
    this.passwords.answered('accepted');
    this.trace({ kind: 'logged-in' });
    this.#services.control.emit('loggedIn', { hop, user, host, port });
    this.#measureRoundTrip(ROUND_TRIPS_MEASURED);
    this.#settle?.resolve();
  }

  /** Now, while nothing else is on the way: later an answer waits behind what is transferred. */
  #measureRoundTrip(times: number): void {
    const { clock } = this.#services;
    const asked = clock.now();
    if (times === 0 || this.#failure !== undefined) return;
    ping(this.#client, () => {
      this.roundTripMs = Math.min(this.roundTripMs ?? Infinity, clock.now() - asked);
      this.#measureRoundTrip(times - 1);
    });
  }

  /** ssh2 has had the server prove that it holds these keys (PROTOCOL of OpenSSH, section 2.5). */
  #tellHostKeys(keys: readonly ParsedKey[]): void {
    if (this.#shown === undefined || this.#failure !== undefined) return;
    this.#services.control.emit('hostKeys', { ...this.#shown, keys: keys.map((key) => key.getPublicSSH().toString('base64')) });
  }

  #lost(): ForwardError {
    const epitaph = this.#transport.epitaph?.();
    return closedFailure(this.hop, {
      phase: this.#phase,
      said: this.#identification.isDone ? this.#lastWords : this.#identification.said,
      isAskingPerson: this.#timer.isAskingPerson,
      ...(epitaph === undefined ? {} : { epitaph }),
    });
  }

  /** It is over, for whatever reason: questions are cancelled, and who waits is told. */
  #end(error: ForwardError): void {
    this.#failure = error;
    this.#timer.stop();
    this.#over.abort(error);
    // A server that says goodbye over a password has refused it, too. Told after the question is cancelled, so that no answer comes later.
    this.passwords.answered(error.code === 'auth-failed' ? 'refused' : 'unknown');
    if (this.#phase === 'ready') this.onOver?.(error);
    else this.#settle?.reject(error);
  }
}
