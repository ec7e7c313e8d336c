import { formatEndpoint, isSocketPath, type Endpoint } from '../../core/address.ts';
import { ForwardError, untrustedText, type FailureCode, type FailureContext } from '../../core/failure.ts';
import type { SshHop } from '../../core/sshTarget.ts';
import { systemCode } from '../tcpConnect.ts';

/** How far an SSH connection to one hop has come. */
export type SshPhase = 'handshake' | 'authentication' | 'ready';

/** The facts about a hop that every failure carries. */
export function hopContext({ name, host, port, user }: SshHop): FailureContext {
  return { hop: name, host, port, user };
}

/** A failure that concerns a hop. The detail may hold text of the server. */
export function hopFailure(hop: SshHop, code: FailureCode, detail: string, more: { cause?: unknown; context?: FailureContext } = {}): ForwardError {
  const context = { ...hopContext(hop), ...more.context };
  return new ForwardError(code, untrustedText(`${hop.name}: ${detail}`), { ...('cause' in more ? { cause: more.cause } : {}), context });
}

/** The failure to open a TCP connection to a hop. */
export function connectFailure(hop: SshHop, error: unknown): ForwardError {
  if (error instanceof ForwardError) return error;
  const code = connectFailureCode(systemCode(error));
  // A server that resets at once may do so before or after the connection counts as made: one thing to whoever reads it.
  const stage = code === 'connection-lost' ? { context: { stage: 'handshake' } } : {};
  return hopFailure(hop, code, messageOf(error), { cause: error, ...stage });
}

function connectFailureCode(code: string): FailureCode {
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'EAI_NONAME':
      return 'host-not-found';
    case 'EMFILE':
    case 'ENFILE':
      return 'too-many-open-files';
    case 'ECONNREFUSED':
      return 'connect-refused';
    case 'ETIMEDOUT':
      return 'connect-timeout';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'connection-lost';
    default:
      return 'host-unreachable';
  }
}

/** ssh2's client marks its errors with `level`, and those of the server's goodbye with the number of its reason. */
export type ClientError = Error & { readonly level?: string; readonly code?: unknown };

/** PROTOCOL_ERROR, KEY_EXCHANGE_FAILED, MAC_ERROR, COMPRESSION_ERROR, PROTOCOL_VERSION_NOT_SUPPORTED, HOST_KEY_NOT_VERIFIABLE (RFC 4253 section 11.1). */
const TECHNICAL_REASONS: readonly unknown[] = [2, 3, 5, 6, 8, 9];

/** True for a server that ended the connection of its own accord, rather than over what was said in the handshake. */
export function isGoodbye({ code }: ClientError, phase: SshPhase): boolean {
  return typeof code === 'number' && (phase !== 'handshake' || !TECHNICAL_REASONS.includes(code));
}

/** The failure behind an error of ssh2's client that is no goodbye. */
export function clientFailure(hop: SshHop, phase: SshPhase, error: ClientError): ForwardError {
  if (error instanceof ForwardError) return hopFailure(hop, error.code, error.message, { cause: error, context: error.context });
  return hopFailure(hop, clientFailureCode(phase, error), messageOf(error), { cause: error });
}

/** What is known when a connection ends. */
export interface Ending {
  readonly phase: SshPhase;
  /** The server's last words, or the first ones of one that has not identified itself; cleaned, and often empty. */
  readonly said: string;
  /** A person was being asked. */
  readonly isAskingPerson: boolean;
  /** How a ProxyCommand ended, where there is one. */
  readonly epitaph?: string;
}

/** The failure behind a connection that its other end closed. */
export function closedFailure(hop: SshHop, { phase, said, isAskingPerson, epitaph }: Ending): ForwardError {
  if (isAskingPerson) return hopFailure(hop, 'login-expired', 'the server closed the connection before the question was answered');
  const words = said === '' ? {} : { said };
  if (phase === 'ready') return hopFailure(hop, 'connection-lost', withWords('the SSH connection was closed', said), { context: words });
  // While logging in a server says goodbye over what was offered: too many failures, no more methods.
  if (phase === 'authentication' && said !== '') return hopFailure(hop, 'auth-failed', said);
  if (phase === 'handshake' && epitaph !== undefined && said === '') return hopFailure(hop, 'proxy-command-failed', `the ProxyCommand ended: ${epitaph}`);
  return hopFailure(hop, 'connection-lost', withWords('the server closed the connection', said), { context: { ...words, stage: phase } });
}

/** The failure behind a handshake that did not end in time; `heard` is how far the server got. */
export function silentFailure(hop: SshHop, heard: 'nothing' | 'text' | 'ssh', said: string): ForwardError {
  const detail = withWords(`no SSH handshake within ${hop.connectTimeoutMs} ms`, said);
  return hopFailure(hop, 'connect-timeout', detail, { context: { heard, ...(said === '' ? {} : { said }) } });
}

function withWords(detail: string, said: string): string {
  return said === '' ? detail : `${detail}; it said "${said}"`;
}

function clientFailureCode(phase: SshPhase, { level }: ClientError): FailureCode {
  if (level === 'client-timeout') return 'keepalive-timeout';
  return phase === 'ready' ? 'connection-lost' : 'handshake-failed';
}

/** The failure of a `forwardOut`, whose errors carry the reason of RFC 4254 section 5.1. */
export function channelFailure(connect: Endpoint, error: Error & { readonly reason?: unknown }): ForwardError {
  const said = error.message.replace('(SSH) Channel open failure: ', '');
  const code = channelFailureCode(error.reason, said);
  const destination = formatEndpoint(connect);
  const detail = untrustedText(`${destination}: ${isSocketPath(connect) ? socketReason(error.reason, said) : said}`);
  return new ForwardError(code, detail, { cause: error, context: isSocketPath(connect) ? { destination, path: destination } : { destination } });
}

/** sshd does not say why (server_request_direct_streamlocal of serverloop.c), and takes what is about TCP for sockets, too. */
function socketReason(reason: unknown, said: string): string {
  // SSH_OPEN_UNKNOWN_CHANNEL_TYPE
  if (reason === 3) return 'the server cannot connect to sockets';
  if (reason !== 2) return said;
  return `${said === '' ? 'the server did not connect' : said}. Either nobody listens there whom the login may reach, or its sshd_config forbids it: AllowStreamLocalForwarding, AllowTcpForwarding and PermitOpen decide`;
}

/** The failure to reach a hop from the one before it, in the words of reaching a server. */
export function nextHopFailure(hop: SshHop, before: SshHop, error: ForwardError | undefined): ForwardError {
  const codes: Partial<Record<FailureCode, FailureCode>> = { 'destination-refused': 'connect-refused', 'destination-unreachable': 'host-unreachable' };
  const code = error?.code ?? 'internal';
  // It is the one before that forbids, and not everything.
  if (code === 'forwarding-prohibited') return hopFailure(before, code, error?.message ?? '', { cause: error, context: { ...error?.context, isProxy: true } });
  return hopFailure(hop, codes[code] ?? code, `from ${before.name}: ${error?.message ?? 'no channel'}`, { cause: error });
}

function channelFailureCode(reason: unknown, said: string): FailureCode {
  if (reason === 1) return 'forwarding-prohibited';
  return reason === 2 && isRefusal(said) ? 'destination-refused' : 'destination-unreachable';
}

/**
 * SSH_OPEN_CONNECT_FAILED stands for whatever kept the server from connecting. Which of it, sshd says in the description
 * alone: strerror(3)'s words or gai_strerror(3)'s, and "open failed" where it had none. Other servers leave it empty.
 */
function isRefusal(said: string): boolean {
  return said === '' || /refused/i.test(said);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
