/** Everything that can go wrong with a forward. Code branches on these, never on a message. */
export const FAILURE_CODES = [
  'invalid-forward',
  'address-in-use',
  'running-elsewhere',
  'permission-denied',
  'address-not-available',
  'bind-not-allowed',
  'config-invalid',
  'config-unsupported',
  'host-not-found',
  'host-unreachable',
  'connect-refused',
  'connect-timeout',
  'not-ssh',
  'handshake-failed',
  'proxy-command-failed',
  'connection-lost',
  'keepalive-timeout',
  'host-key-unknown',
  'host-key-mismatch',
  'host-key-revoked',
  'host-key-rejected',
  'known-hosts-unreadable',
  'auth-failed',
  'auth-cancelled',
  'login-expired',
  'identity-unreadable',
  'remote-bind-refused',
  'forwarding-prohibited',
  'destination-refused',
  'destination-unreachable',
  /** It takes connections, and does not answer a health check as expected. */
  'destination-unhealthy',
  'too-many-connections',
  'too-much-queued',
  'too-many-open-files',
  'cancelled',
  'plane-crashed',
  'internal',
] as const;

export type FailureCode = typeof FAILURE_CODES[number];

/** Facts for the sentence that explains a failure; plain values, so that they survive every boundary. */
export type FailureContext = Readonly<Record<string, string | number | boolean | readonly string[]>>;

/** A failure as data: what the state of a forward holds and what crosses the threads. */
export interface Failure {
  readonly code: FailureCode;
  /** Technical detail for the log and the tooltip; never parsed. */
  readonly detail: string;
  readonly context: FailureContext;
}

/** A failure on its way up. */
export class ForwardError extends Error {
  override readonly name = 'ForwardError';
  readonly code: FailureCode;
  readonly context: FailureContext;

  constructor(code: FailureCode, detail: string, options: { cause?: unknown; context?: FailureContext } = {}) {
    super(detail, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.context = options.context ?? {};
  }
}

/** The data of any thrown value; what is not a `ForwardError` is `internal`. */
export function toFailure(error: unknown): Failure {
  if (error instanceof ForwardError) return { code: error.code, detail: error.message, context: error.context };
  return { code: 'internal', detail: describe(error), context: {} };
}

/** Total: an object without a prototype, or with a `toString` of its own that throws, must not hide the failure. */
function describe(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'an error that cannot be described';
  }
}

/** What `toFailure` made data of, to be thrown again. */
export function fromFailure(failure: Failure): ForwardError {
  return new ForwardError(failure.code, failure.detail, { context: failure.context });
}

/** Failures that time alone may heal. Trust, login, configuration and the user's own ports are not among them. */
const TRANSIENT: ReadonlySet<FailureCode> = new Set<FailureCode>([
  'host-not-found', 'host-unreachable', 'connect-refused', 'connect-timeout', 'not-ssh', 'handshake-failed', 'proxy-command-failed',
  'connection-lost', 'keepalive-timeout', 'plane-crashed', 'too-many-open-files',
]);

/** New connections are turned away, which one that is there already says nothing of. */
export function isTurningAway(code: FailureCode | undefined): boolean {
  return code === 'too-many-connections' || code === 'too-much-queued';
}

/** Whether it is worth another try without anybody doing anything. */
export function isTransient(code: FailureCode): boolean {
  return TRANSIENT.has(code);
}

/** True for what is worth another try. A server that has not noticed yet that the connection is lost holds the port of a -R for it, and lets go in time. */
export function mayHeal({ code }: Failure, wasUp: boolean): boolean {
  return isTransient(code) || (code === 'remote-bind-refused' && wasUp);
}

/** Bounds a text from outside and strips what could forge a display: control characters, line separators and bidirectional marks. */
export function untrustedText(text: string, maxLength = 300): string {
  const clean = text.replace(/[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu, ' ').trim();
  return clean.length <= maxLength ? clean : `${clean.slice(0, maxLength - 1).replace(/\p{Cs}$/u, '')}…`;
}
