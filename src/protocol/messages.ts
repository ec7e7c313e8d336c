import type { Endpoint, HostPort } from '../core/address.ts';
import type { DiagnosisFact, HostKeyTrust } from '../core/diagnosis.ts';
import type { Failure } from '../core/failure.ts';
import type { Connection, Traffic } from '../core/forward.ts';
import type { Bound, Progress } from '../core/forwardState.ts';
import type { CheckOutcome, HealthCheck, HttpCheck } from '../core/healthCheck.ts';
import type { SshTarget } from '../core/sshTarget.ts';

/** Everything that the control side asks of the plane. Structured-cloneable, like everything here. */
export interface PlaneRequests {
  /**
   * Runs a forward; settles once the plane has taken the order, the outcome arrives as events. For an id that is already
   * bound to the same addresses the listener stays and only the far side is opened again, under the new generation. A
   * listener on the server is asked for again, for the port that the server granted before.
   */
  start: { params: StartForward; result: undefined };
  /**
   * Closes the listener and every connection of the forward; settles when nothing of it is left. With `drainMs` it only
   * stops accepting at first, and what is connected may finish for so long; a stop without it ends that.
   */
  stop: { params: { id: string; drainMs?: number }; result: undefined };
  /** Asks every SSH server at once whether it is still there, as after the machine has slept; those that do not answer are lost. */
  probe: { params: undefined; result: undefined };
  /** Turns the `traffic` events on or off, for all forwards; turning on sends one of each at once. */
  watch: { params: { isWatching: boolean }; result: undefined };
  /** Asks the destination of a run once whether it is well, as a connection that nobody sees; it opens no tunnel for that. */
  check: { params: { id: string; generation: number; check: HealthCheck }; result: CheckOutcome };
  connections: { params: { id: string }; result: readonly Connection[] };
  /**
   * Walks the way of a forward once, over an SSH connection of its own, and closes everything; what is found out arrives as
   * `diagnosis` events before the reply. Rejects with the failure that it came to.
   */
  diagnose: { params: DiagnoseForward; result: undefined };
  /** Stops everything; settles when nothing is left. */
  shutdown: { params: undefined; result: undefined };
}

/** Everything that the plane asks of the control side: trust, disk and people. Cancelled when nobody waits for it any more. */
export interface ControlRequests {
  verifyHostKey: { params: HostKeyQuestion; result: HostKeyAnswer };
  /** Reads a private key; an error is a `ForwardError` of `identity-unreadable`. */
  needIdentity: { params: { hop: string; path: string }; result: { privateKey: string } };
  needSecret: { params: SecretQuestion; result: SecretAnswer };
  /** A private place to bind a Unix socket that is to appear at `path`; an error is `address-not-available` or `permission-denied`. */
  prepareSocket: { params: { path: string }; result: { bindPath: string } };
  /** Lets a socket that has been bound appear at `path`; an error may be `address-in-use`, too. */
  publishSocket: { params: { path: string; bindPath: string; mask?: number; replacesStale: boolean }; result: undefined };
  /** Takes back what was prepared or published. Before it is closed: as long as it is open nothing else can be taken for it. */
  withdrawSocket: { params: { path: string; bindPath: string }; result: undefined };
  /** Whether nobody holds the other ends of these connections from this computer any more, in order; false where that cannot be told. */
  areOriginsGone: { params: { connections: readonly { readonly origin: HostPort; readonly accepted: HostPort }[] }; result: readonly boolean[] };
}

/** What the plane tells; `generation` is the run that it is about. */
export interface PlaneEvents {
  progress: { id: string; generation: number; progress: Progress };
  bound: { id: string; generation: number; bound: Bound };
  /** The way to the destination is open as far as it can be proved without a connection. */
  up: { id: string; generation: number };
  /** It listens without a tunnel, until somebody connects. */
  idle: { id: string; generation: number };
  /** Somebody has connected: the tunnel is being opened. */
  waking: { id: string; generation: number };
  /** The run is over, and somebody waits for the next one. */
  wanted: { id: string; generation: number };
  /** How the last connection's dialling ended; `failure` is absent when it reached its destination, which is told again every 10 s at most. */
  destination: { id: string; generation: number; failure?: Failure };
  /** This run is over. With `isUnbound` nothing listens any more, else the listener is still there. */
  lost: { id: string; generation: number; failure: Failure; isUnbound: boolean };
  traffic: { id: string; traffic: Traffic };
  /** Something was found out; `hop` counts the target's hops from 0, where it concerns one. */
  diagnosis: { id: string; at: number; hop?: number; fact: DiagnosisFact };
  /** A server let the user in: secrets that were to be remembered have proved right. */
  loggedIn: Login;
  /** A server told which keys it has, and proved it. */
  hostKeys: HostKeyAnnouncement;
  /** What came of a password that was asked for, once for each; `unknown` when the SSH connection ended before the server said. */
  passwordAnswered: Login & { readonly outcome: 'accepted' | 'refused' | 'unknown' };
  /** With `id`, about that forward. */
  log: { level: LogLevel; text: string; id?: string };
}

/** Who logs in where. The hop's name belongs to it: one address can be another server behind another jump host. */
export interface Login {
  readonly hop: string;
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

/** Has a run of a forward begin; a run before it with the same id is over. */
export interface StartForward {
  readonly id: string;
  readonly generation: number;
  readonly listen: ListenPole;
  readonly connect: ConnectPole;
  /** Absent for a relay. */
  readonly target?: SshTarget;
  /** The tunnel is opened for the first connection, and closed when there has been none for so long. */
  readonly onDemand?: { readonly idleMs: number };
  /** How many connections may wait for the tunnel, and how long; absent: 64, and 30 s. */
  readonly parking?: ParkingLimits;
  /** How many connections may be open, those that wait included; absent: 1,000. Datagrams have flows, and their own bound. */
  readonly maxConnections?: number;
  /** How much may wait in memory before new connections are turned away; absent: 128 MB, and 512 MB. */
  readonly queued?: QueueLimits;
}

/** Bytes that somebody sent and nobody has read yet. */
export interface QueueLimits {
  /** On the SSH connection of the forward. */
  readonly perServerMaxBytes: number;
  /** In all connections of the plane. */
  readonly totalMaxBytes: number;
}

/** How many connections wait for the tunnel, and for how many milliseconds. */
export interface ParkingLimits {
  readonly maxCount: number;
  readonly maxMs: number;
}

/** A forward to be diagnosed; the id is that of the diagnosis. */
export interface DiagnoseForward extends Omit<StartForward, 'generation'> {
  /** Where that starts by itself, what it listens on is not tried either. */
  readonly forwardId: string;
  /** The forward runs: what it listens on is its own, and is not tried. */
  readonly isListening: boolean;
  /** What its destination is asked at the end. */
  readonly healthCheck?: HttpCheck;
}

/**
 * Where connections arrive: addresses here, already spelt out (with port 0 in the first, the others take the port it got;
 * at least one must be had), or one on the SSH server, where port 0 is the server's choice. With `portCount` each address
 * is the first of that many ports in a row, of which every one must be had.
 */
export type ListenPole =
  | { readonly side: 'here'; readonly addresses: readonly HostPort[]; readonly portCount?: number }
  /** A Unix socket or named pipe here; the path is spelt out. */
  | { readonly side: 'here-socket'; readonly path: string }
  | { readonly side: 'here-udp'; readonly addresses: readonly HostPort[] }
  | { readonly side: 'server'; readonly address: Endpoint; readonly portCount?: number };

/**
 * Where connections go: to one destination, or to whichever each of them asks for by SOCKS or HTTP.
 */
export type ConnectPole =
  | FixedPole
  /** `permitted` holds the `host:port` patterns of PermitRemoteOpen (ssh_config(5)); absent, everything is permitted. */
  | { readonly kind: 'asked'; readonly permitted?: readonly string[]; readonly credentials?: ProxyCredentials };

export interface FixedPole {
  readonly kind: 'fixed';
  /** For a range, the destination of its first port. */
  readonly address: Endpoint;
  /** Tried in order when `address` cannot be reached. */
  readonly fallbacks?: readonly Endpoint[];
  /** Before the first byte the destination gets a header of the PROXY protocol, version 2. */
  readonly sendsProxyHeader?: true;
}

/** What a client of the proxy must show by RFC 1929. */
export interface ProxyCredentials {
  readonly user: string;
  readonly password: string;
}

/** Whether a key that a server showed is its own. */
export interface HostKeyQuestion {
  /** The hop's name, for people. */
  readonly hop: string;
  readonly host: string;
  readonly port: number;
  readonly hostKeyAlias?: string;
  /** From the hop, handed back as it came. */
  readonly hostKeyPolicy?: string;
  /** The address that was reached, where there is one. */
  readonly address?: string;
  /** What a program has connected to, where that is why the login happens now. */
  readonly onDemandAt?: string;
  readonly keyType: string;
  /** The key blob, base64. */
  readonly key: string;
}

/** `key` is the one that this SSH connection was made with. */
export interface HostKeyAnnouncement extends HostKeyQuestion {
  /** Key blobs, base64. */
  readonly keys: readonly string[];
}

export type HostKeyAnswer = { readonly isAccepted: true; readonly trust?: HostKeyTrust } | { readonly isAccepted: false; readonly failure: Failure };

/** What only a person knows, or a vault. */
export interface SecretQuestion {
  readonly kind: 'password' | 'passphrase' | 'keyboard-interactive';
  readonly hop: string;
  readonly user: string;
  readonly host: string;
  readonly port: number;
  /** 1 for the first asking, 2 after the first refusal. */
  readonly attempt: number;
  /** The key file, for a passphrase. */
  readonly path?: string;
  /** What a program has connected to, where that is why the login happens now. */
  readonly onDemandAt?: string;
  /** The server's own words, for keyboard-interactive: untrusted. */
  readonly name?: string;
  readonly instructions?: string;
  readonly prompts: readonly { readonly prompt: string; readonly isEchoed: boolean }[];
}

/** `answers` has one entry per prompt. */
export type SecretAnswer = { readonly isCancelled: false; readonly answers: readonly string[] } | { readonly isCancelled: true };
