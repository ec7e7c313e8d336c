import { isSocketPath, type Endpoint } from './address.ts';
import type { Failure } from './failure.ts';
import { isThroughSsh, listensOnServer, type ForwardSpec } from './forwardSpec.ts';

/** One rung of the ladder from the configuration to the first byte, in the order of climbing. */
export type DiagnosisStep =
  | 'configuration'
  /** The port that listens here. */
  | 'port'
  | 'name'
  | 'tcp'
  | 'banner'
  | 'key-exchange'
  | 'host-key'
  | 'login'
  /** The port that the server listens on. */
  | 'server-port'
  | 'forwarding'
  | 'destination-name'
  | 'destination'
  | 'first-byte'
  /** Of a forward that has a health check over HTTP. */
  | 'health';

/** Where an SSH server on the way is, as far as people need to know it. */
export interface DiagnosedHop {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Reached through a ProxyCommand, which may hold secrets and is not repeated. */
  readonly hasProxyCommand: boolean;
}

/** Why a host key was trusted: known before, in a line of a file, or unknown until now. */
export interface HostKeyTrust {
  readonly status: 'known' | 'unknown';
  readonly file?: string;
  readonly line?: number;
}

/** What happens on the way to an SSH server. Texts of the server are cleaned; nothing here is a secret. */
export type HopFact =
  | { readonly kind: 'found'; readonly addresses: readonly string[] }
  /** The address that was reached, where there is one, or the hop that connected. */
  | { readonly kind: 'connected'; readonly address?: string; readonly via?: string }
  | { readonly kind: 'identified'; readonly text: string }
  | { readonly kind: 'negotiated'; readonly keyExchange: string; readonly hostKey: string; readonly cipher: string; readonly mac: string }
  | { readonly kind: 'key-shown'; readonly keyType: string; readonly fingerprint: string }
  | { readonly kind: 'key-trusted'; readonly trust?: HostKeyTrust }
  /** A way to log in was tried: a method, and for a key its file or comment. */
  | { readonly kind: 'offered'; readonly name: string }
  /** What was offered last is right, and the server wants more. */
  | { readonly kind: 'factor' }
  /** What was offered last, if anything, let the user in. */
  | { readonly kind: 'logged-in' };

/** What is found out on a rung. Texts from outside are cleaned; nothing here is a secret. */
export type DiagnosisFact =
  | HopFact
  | { readonly kind: 'configured'; readonly hops: readonly DiagnosedHop[] }
  /** `isRunning`: the forward itself listens there, in this window of the editor or in another; else it could. */
  | { readonly kind: 'bindable'; readonly addresses: readonly Endpoint[]; readonly isRunning: boolean; readonly isElsewhere?: true }
  | { readonly kind: 'granted'; readonly address: Endpoint; readonly isRunning: boolean; readonly isElsewhere?: true }
  /** The forward is just starting, and takes by itself what it listens on. */
  | { readonly kind: 'port-left' | 'server-port-left' }
  /** `probe` is what was asked for where no connection has asked for anything yet. */
  | { readonly kind: 'allowed'; readonly probe?: Endpoint }
  | { readonly kind: 'destination-found'; readonly addresses: readonly string[] }
  /** A destination that the next one stands in for. */
  | { readonly kind: 'passed-over'; readonly destination: Endpoint; readonly failure: Failure }
  | { readonly kind: 'accepted'; readonly destination: Endpoint }
  | { readonly kind: 'first-byte'; readonly how: FirstByte; readonly text: string }
  /** The answer to `request` is as the health check expects. */
  | { readonly kind: 'healthy'; readonly request: string };

/** What a destination does with a connection in which nobody has said anything yet. */
export type FirstByte = 'speaks' | 'waits' | 'ends' | 'resets';

/** The rung that each fact belongs to, and whether it is the one that completes it. */
const MEANING: Readonly<Record<DiagnosisFact['kind'], { readonly step: DiagnosisStep; readonly isLast: boolean }>> = {
  configured: { step: 'configuration', isLast: true },
  bindable: { step: 'port', isLast: true },
  'port-left': { step: 'port', isLast: true },
  found: { step: 'name', isLast: true },
  connected: { step: 'tcp', isLast: true },
  identified: { step: 'banner', isLast: true },
  negotiated: { step: 'key-exchange', isLast: true },
  'key-shown': { step: 'host-key', isLast: false },
  'key-trusted': { step: 'host-key', isLast: true },
  offered: { step: 'login', isLast: false },
  factor: { step: 'login', isLast: false },
  'logged-in': { step: 'login', isLast: true },
  granted: { step: 'server-port', isLast: true },
  'server-port-left': { step: 'server-port', isLast: true },
  allowed: { step: 'forwarding', isLast: true },
  'destination-found': { step: 'destination-name', isLast: true },
  'passed-over': { step: 'destination', isLast: false },
  accepted: { step: 'destination', isLast: true },
  'first-byte': { step: 'first-byte', isLast: true },
  healthy: { step: 'health', isLast: true },
};

/** `doubtful`: it went on, and yet something is odd. `skipped`: it was not needed. */
export type RungStatus = 'waiting' | 'running' | 'passed' | 'doubtful' | 'failed' | 'skipped';

/** One step of a diagnosis, for one hop where there are several. */
export interface Rung {
  readonly step: DiagnosisStep;
  /** Which of the hops, where it concerns one. */
  readonly hop?: number;
  readonly status: RungStatus;
  readonly facts: readonly DiagnosisFact[];
  /** Milliseconds since the epoch. */
  readonly startedAt?: number;
  readonly durationMs?: number;
}

/** A forward on trial: an immutable snapshot. */
export interface Diagnosis {
  readonly spec: ForwardSpec;
  /** Whether its health is asked over HTTP, too. */
  readonly asksHealth: boolean;
  /** The SSH servers on the way, the last one the forward's own; empty until the configuration is read. */
  readonly hops: readonly DiagnosedHop[];
  readonly rungs: readonly Rung[];
  readonly startedAt: number;
  readonly outcome: 'running' | 'passed' | 'failed' | 'cancelled';
  /** Present when it failed. */
  readonly failure?: Failure;
}

/** What happens to a diagnosis, with the time of it in milliseconds since the epoch; `hop` counts from 0. */
export type DiagnosisEvent =
  | { readonly type: 'fact'; readonly at: number; readonly hop?: number; readonly fact: DiagnosisFact }
  | { readonly type: 'failed'; readonly at: number; readonly failure: Failure }
  | { readonly type: 'cancelled'; readonly at: number }
  | { readonly type: 'finished'; readonly at: number };

/** The ladder of a forward with its first rung under way. */
export function beginDiagnosis(spec: ForwardSpec, at: number, asksHealth = false): Diagnosis {
  return { spec, asksHealth, hops: [], rungs: enterNext(rungsOf({ spec, asksHealth }, []), at), startedAt: at, outcome: 'running' };
}

/**
 * The diagnosis after `event`. Pure and total: what comes after the end, or for a rung that is not there or is behind,
 * answers the same object. Rungs follow each other: one begins when the one before it ends.
 */
export function advance(diagnosis: Diagnosis, event: DiagnosisEvent): Diagnosis {
  if (diagnosis.outcome !== 'running') return diagnosis;
  switch (event.type) {
    case 'fact':
      return learn(diagnosis, event);
    case 'failed':
      return { ...diagnosis, rungs: endRunning(diagnosis.rungs, 'failed', event.at), outcome: 'failed', failure: event.failure };
    case 'cancelled':
      return { ...diagnosis, rungs: endRunning(diagnosis.rungs, 'waiting', event.at), outcome: 'cancelled' };
    case 'finished':
      return { ...diagnosis, rungs: diagnosis.rungs.map((rung) => (isOpen(rung) ? { ...rung, status: 'skipped' } : rung)), outcome: 'passed' };
  }
}

/** True for a host that needs no looking up. */
export function isAddress(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
}

function rungsOf({ spec, asksHealth }: Pick<Diagnosis, 'spec' | 'asksHealth'>, hops: readonly DiagnosedHop[]): Rung[] {
  const isThroughServer = isThroughSsh(spec);
  return [
    ...(isThroughServer ? rungs('configuration') : []),
    ...(listensOnServer(spec) ? [] : rungs('port')),
    // Until the configuration is read, one server is expected.
    ...(isThroughServer && hops.length === 0 ? hopRungs(0, undefined) : hops.flatMap((hop, index) => hopRungs(index, hop))),
    ...(listensOnServer(spec) ? rungs('server-port') : []),
    ...destinationRungs(spec),
    ...(asksHealth ? rungs('health') : []),
  ];
}

function hopRungs(hop: number, at: DiagnosedHop | undefined): Rung[] {
  // Other names than the first one are looked up by the server before, and it says what came of that as it connects.
  const isLookedUpHere = hop === 0 && at?.hasProxyCommand !== true && !isAddress(at?.host ?? '');
  const steps: DiagnosisStep[] = [...(isLookedUpHere ? ['name' as const] : []), 'tcp', 'banner', 'key-exchange', 'host-key', 'login'];
  return rungs(...steps).map((rung) => ({ ...rung, hop }));
}

function destinationRungs(spec: ForwardSpec): Rung[] {
  switch (spec.kind) {
    case 'local':
      return rungs('forwarding', 'destination', 'first-byte');
    case 'dynamic':
      return rungs('forwarding');
    case 'remote-dynamic':
      return [];
    case 'remote':
    case 'relay':
      return [...(isNamed(spec.connect) && !('fallbacks' in spec) ? rungs('destination-name') : []), ...rungs('destination', 'first-byte')];
    case 'udp':
      // Datagrams are not accepted by anybody.
      return isNamed(spec.connect) ? rungs('destination-name') : [];
  }
}

function isNamed(endpoint: Endpoint): boolean {
  return !isSocketPath(endpoint) && !isAddress(endpoint.host);
}

function rungs(...steps: readonly DiagnosisStep[]): Rung[] {
  return steps.map((step) => ({ step, status: 'waiting', facts: [] }));
}

function learn(diagnosis: Diagnosis, { at, hop, fact }: Extract<DiagnosisEvent, { type: 'fact' }>): Diagnosis {
  const { step, isLast } = MEANING[fact.kind];
  const index = diagnosis.rungs.findIndex((rung) => rung.step === step && rung.hop === hop);
  const rung = diagnosis.rungs[index];
  if (rung === undefined || !isOpen(rung)) return diagnosis;
  const before = diagnosis.rungs.slice(0, index).map((each) => leave(each, at));
  const entered: Rung = { ...rung, status: 'running', startedAt: rung.startedAt ?? at, facts: [...rung.facts, fact] };
  const known = fact.kind === 'configured' ? { ...diagnosis, hops: fact.hops } : diagnosis;
  if (!isLast) return { ...known, rungs: [...before, entered, ...diagnosis.rungs.slice(index + 1)] };
  const after = fact.kind === 'configured' ? rungsOf(diagnosis, fact.hops).slice(index + 1) : diagnosis.rungs.slice(index + 1);
  return { ...known, rungs: [...before, end(entered, statusAfter(fact), at), ...enterNext(after, at)] };
}

/** A server that closes at once is there; whoever connects has nothing of it. */
function statusAfter(fact: DiagnosisFact): RungStatus {
  if (fact.kind === 'port-left' || fact.kind === 'server-port-left') return 'skipped';
  return fact.kind === 'first-byte' && (fact.how === 'ends' || fact.how === 'resets') ? 'doubtful' : 'passed';
}

function isOpen({ status }: Rung): boolean {
  return status === 'waiting' || status === 'running';
}

/** A rung that the next one was reached without having been told of its end. */
function leave(rung: Rung, at: number): Rung {
  if (rung.status === 'running') return end(rung, 'passed', at);
  return rung.status === 'waiting' ? { ...rung, status: 'skipped' } : rung;
}

function end(rung: Rung, status: RungStatus, at: number): Rung {
  return { ...rung, status, durationMs: Math.max(0, at - (rung.startedAt ?? at)) };
}

function endRunning(all: readonly Rung[], status: RungStatus, at: number): Rung[] {
  return all.map((rung) => (rung.status === 'running' ? end(rung, status, at) : rung));
}

function enterNext(all: readonly Rung[], at: number): Rung[] {
  return all.map((rung, index) => (index === 0 ? { ...rung, status: 'running', startedAt: at } : rung));
}
