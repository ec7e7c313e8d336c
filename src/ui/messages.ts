import { isLoopback, isWildcard } from '../core/address.ts';
import type { Failure, FailureCode } from '../core/failure.ts';
import type { ForwardDefinition } from '../core/forward.ts';
import { SETTINGS } from './contributions.ts';
import { capitalised, Facts, withDot } from './failureFacts.ts';
import { formatBytes } from './format.ts';
import { describeUnhealthy } from './healthWords.ts';
import { describePortDenied } from './permissionWords.ts';
import { describeForeign, describeLoss, describeSilence } from './serverWords.ts';
import { describeSocketDenied, describeSocketInUse, describeSocketUnavailable } from './socketWords.ts';

/** What the user can do about a failure; the commands turn it into a button. */
export type Remedy =
  | { readonly kind: 'retry' }
  | { readonly kind: 'edit' }
  /** With the first port of as many as it has. */
  | { readonly kind: 'listen-on'; readonly port: number; readonly portCount?: number }
  | { readonly kind: 'remove-socket'; readonly path: string }
  | { readonly kind: 'open-file'; readonly title: string; readonly path: string; readonly line?: number }
  | { readonly kind: 'copy'; readonly title: string; readonly text: string }
  /** One of Culvert's own, without the section. */
  | { readonly kind: 'open-setting'; readonly setting: string }
  | { readonly kind: 'take-over' }
  | { readonly kind: 'health-check' }
  | { readonly kind: 'diagnose' }
  | { readonly kind: 'show-log' };

/** A failure in words: what happened, where, and what to do. */
export interface Explanation {
  /** A few words for the row. */
  readonly summary: string;
  /** One or two sentences. */
  readonly sentence: string;
  readonly remedies: readonly Remedy[];
}

/** Explains a failure; every code has its words. */
export function explain(failure: Failure): Explanation {
  return EXPLAIN[failure.code](new Facts(failure.context), failure.detail);
}

/** The remedies that fit the forward: one from ssh_config is changed in the file and nowhere else. */
export function remediesFor({ source }: Pick<ForwardDefinition, 'source'>, remedies: readonly Remedy[]): readonly Remedy[] {
  if (source === undefined) return remedies;
  const inFile: Remedy = { kind: 'open-file', title: `Open ssh_config at Line ${String(source.line)}`, path: source.file, line: source.line };
  return remedies.filter(({ kind }) => kind !== 'listen-on').map((remedy) => (remedy.kind === 'edit' ? inFile : remedy));
}

const RETRY: Remedy = { kind: 'retry' };
const EDIT: Remedy = { kind: 'edit' };
const TAKE_OVER: Remedy = { kind: 'take-over' };
const SHOW_LOG: Remedy = { kind: 'show-log' };

/** A reserved port plus this is what is offered in its place: 80 → 8080. */
export const PRIVILEGED_OFFSET = 8000;

const EXPLAIN: Readonly<Record<FailureCode, (facts: Facts, detail: string) => Explanation>> = {
  'invalid-forward': (_, detail) => ({ summary: 'not a valid forward', sentence: capitalised(withDot(detail)), remedies: [EDIT] }),
  'address-in-use': explainAddressInUse,
  'running-elsewhere': (facts) => (facts.is('isSilent') ? {
    summary: 'a window that has it does not answer',
    sentence: `Another window of this editor has ${facts.listener()} and does not answer, so what it does there is not known: most likely it runs this forward. Close that window to run it here.`,
    remedies: [RETRY],
  } : {
    summary: 'running in another window',
    sentence: `Another window of this editor forwards ${facts.listener()} already, and programs can use it. Stop it there to run it here.`,
    remedies: [TAKE_OVER],
  }),
  'permission-denied': explainPermissionDenied,
  'address-not-available': (facts) => (facts.socket().path !== '' ? { ...describeSocketUnavailable(facts.socket()), remedies: [RETRY, EDIT] } : {
    summary: 'not an address of this computer',
    sentence: `This computer has no address ${facts.text('host', 'like that')} to listen on. Choose one of its own, or leave the address out.`,
    remedies: [EDIT],
  }),
  'bind-not-allowed': (facts) => ({
    summary: 'waiting for your consent',
    sentence: `Listening on ${facts.text('address', 'that address')} lets other machines connect, and was not allowed for this forward.`,
    remedies: [RETRY, EDIT],
  }),
  'remote-bind-refused': explainRemoteBindRefused,
  'config-invalid': (facts, detail) => ({
    summary: 'ssh_config has an error', sentence: capitalised(withDot(detail)), remedies: [...configFile(facts), EDIT],
  }),
  'config-unsupported': (facts, detail) => ({
    summary: 'ssh_config asks for what is not supported', sentence: capitalised(withDot(detail)), remedies: [...configFile(facts), EDIT],
  }),
  'host-not-found': (facts) => ({
    summary: 'server not found',
    sentence: `No address was found for ${facts.sshServer()}. Check its name, and that this computer is online.`,
    remedies: [RETRY, EDIT],
  }),
  'host-unreachable': (facts) => ({
    summary: 'server unreachable',
    sentence: `There is no way to ${facts.sshServer()} from here. Check the network, or a VPN it may need.`,
    remedies: [RETRY],
  }),
  'connect-refused': (facts) => ({
    summary: 'server refuses connections',
    sentence: `${capitalised(facts.server())} refused the connection: no SSH server answers on that port. Check the port, or start the server.`,
    remedies: [RETRY, EDIT],
  }),
  'connect-timeout': (facts) => ({ summary: 'server does not answer', sentence: describeSilence(facts.words()), remedies: [RETRY, EDIT] }),
  'not-ssh': (facts) => ({ summary: 'not an SSH server', sentence: describeForeign(facts.words()), remedies: [EDIT, RETRY] }),
  'handshake-failed': (facts, detail) => ({
    summary: 'no SSH handshake',
    sentence: `${capitalised(facts.server())} and Culvert could not agree on how to talk SSH: ${facts.reason(detail)}`,
    remedies: [RETRY, SHOW_LOG],
  }),
  'proxy-command-failed': (facts, detail) => ({
    summary: 'ProxyCommand failed',
    sentence: `The ProxyCommand for ${facts.server()} ended before a connection was made: ${facts.reason(detail)}`,
    remedies: [RETRY, SHOW_LOG],
  }),
  'connection-lost': (facts) => ({ summary: 'connection lost', sentence: describeLoss(facts.words()), remedies: [RETRY, SHOW_LOG] }),
  'keepalive-timeout': (facts) => ({
    summary: 'server went silent', sentence: `${capitalised(facts.sshServer())} stopped answering.`, remedies: [RETRY, SHOW_LOG],
  }),
  'host-key-unknown': (facts) => ({
    summary: 'unknown host key',
    sentence: `The host key of ${facts.server()} is not in known_hosts, and StrictHostKeyChecking does not allow asking.`
      + `${facts.has('fingerprint') ? ` It is ${facts.hostKey()}.` : ''} Add the key, then start again.`,
    remedies: [RETRY],
  }),
  'host-key-mismatch': explainHostKeyMismatch,
  'host-key-revoked': (facts) => ({
    summary: 'host key revoked',
    sentence: `The host key of ${facts.server()} is marked as revoked in ${facts.place()}. Nothing was sent. Ask whoever runs the server.`
      + (facts.has('fingerprint') ? ` Got ${facts.hostKey()}${facts.suffix('expected', ', known is ')}.` : ''),
    remedies: knownHostsFile(facts),
  }),
  'host-key-rejected': (facts) => ({
    summary: 'host key not trusted',
    sentence: `You did not trust the host key of ${facts.server()}, so nothing was sent to it.`,
    remedies: [RETRY],
  }),
  'known-hosts-unreadable': (facts, detail) => ({
    summary: 'known_hosts cannot be used', sentence: `The host key of ${facts.server()} could not be checked: ${withDot(detail)}`, remedies: [RETRY],
  }),
  'auth-failed': (facts, detail) => ({
    summary: 'login failed',
    sentence: `${capitalised(facts.server())} did not accept the login${facts.suffix('user', ' of ')}${facts.tried(detail)}`,
    remedies: [RETRY, EDIT, SHOW_LOG],
  }),
  'auth-cancelled': (facts) => (facts.has('proxy')
    ? { summary: 'no password for the proxy', sentence: `Programs must log in to the proxy ${facts.text('proxy', '')}, and no password was given. Without one anyone could use it, so it was not started; start it again to give one.`, remedies: [RETRY] }
    : { summary: 'login cancelled', sentence: `The login to ${facts.server()} was cancelled.`, remedies: [RETRY] }),
  'login-expired': (facts) => ({
    summary: 'login took too long',
    sentence: `${capitalised(facts.server())} waited no longer for your answer and closed the connection. Servers give a minute or two for a login; start it again.`,
    remedies: [RETRY],
  }),
  'identity-unreadable': (facts, detail) => ({
    summary: 'key file cannot be used', sentence: `The key file${facts.suffix('path', ' ')} cannot be used: ${facts.reason(detail)}`, remedies: [RETRY],
  }),
  'forwarding-prohibited': (facts) => {
    // Of a proxy's connections one may be forbidden and the next allowed.
    const destination = facts.has('isProxy') ? facts.text('destination', '') : '';
    return {
      summary: destination === '' ? 'server forbids forwarding' : `server forbids ${destination}`,
      sentence: `${capitalised(facts.server())} let you in but forbids ${destination === '' ? 'this forward' : `connections to ${destination}`}.`
        // sshd takes what is about TCP for sockets, too (channel_connect_to_path of OpenSSH's channels.c).
        + ` In its sshd_config, ${facts.leadsToSocket() ? 'AllowStreamLocalForwarding, ' : ''}AllowTcpForwarding and PermitOpen decide, and in authorized_keys the options of your key.`,
      remedies: [EDIT],
    };
  },
  'destination-refused': (facts) => ({
    summary: 'destination refuses',
    sentence: `${facts.destination()} refused the connection. Is the program there running${facts.leadsToSocket() ? '' : ', and on that port'}?`,
    remedies: [EDIT],
  }),
  'destination-unreachable': (facts, detail) => ({
    summary: 'destination unreachable',
    sentence: `${facts.destination()} could not be reached: ${facts.reason(detail)}`,
    remedies: [EDIT],
  }),
  'destination-unhealthy': (facts) => ({ ...describeUnhealthy(facts), remedies: [{ kind: 'health-check' }] }),
  'too-many-connections': (facts) => ({
    summary: 'too many connections',
    sentence: `${facts.has('limit') ? `This forward has ${facts.text('limit', '')} connections open` : 'This forward has as many connections open as it may have'}, and resets those that are new until some of them end. The setting culvert.maxConnections says how many it may have.`,
    remedies: [{ kind: 'open-setting', setting: SETTINGS.maxConnections }],
  }),
  'too-much-queued': explainTooMuchQueued,
  'too-many-open-files': () => ({
    summary: 'too many open files',
    sentence: 'The editor has as many files and connections open as this system lets it, so there was no room for another. End what you do not need, or raise the limit (ulimit -n).',
    remedies: [RETRY],
  }),
  cancelled: () => ({ summary: 'cancelled', sentence: 'It was cancelled.', remedies: [RETRY] }),
  'plane-crashed': () => ({
    summary: 'starting again',
    sentence: 'The part of Culvert that moves the bytes ended unexpectedly and is started again.',
    remedies: [RETRY, SHOW_LOG],
  }),
  internal: (_, detail) => ({
    summary: 'internal error', sentence: `Something went wrong inside Culvert: ${withDot(detail)}`, remedies: [RETRY, SHOW_LOG],
  }),
};

function explainAddressInUse(facts: Facts): Explanation {
  const socket = facts.socket();
  if (socket.path !== '') return { ...describeSocketInUse(socket), remedies: [...(socket.isStale ? [{ kind: 'remove-socket', path: socket.path } as const] : []), RETRY, EDIT] };
  const port = facts.number('port');
  const portCount = facts.number('portCount') ?? 1;
  const name = facts.has('isUdp') ? 'UDP port' : 'port';
  const holder = facts.text('heldBy', '') || facts.text('program', '');
  const pid = facts.number('pid');
  const who = holder === '' ? 'another program' : `${holder}${pid === undefined || facts.has('heldBy') ? '' : ` (pid ${String(pid)})`}`;
  const host = facts.text('host', '127.0.0.1');
  const where = isLoopback(host) || isWildcard(host) ? 'on this computer' : `on ${host}`;
  const next = facts.number('freePort');
  return {
    summary: `${portCount === 1 || port === undefined ? name : `${name} ${String(port)}`} in use${holder === '' ? '' : ` by ${holder}`}`,
    sentence: `${port === undefined ? `The ${name}` : `${name === 'port' ? 'Port' : name} ${String(port)}`} ${where} is in use by ${who}. Stop it, or listen on ${portCount === 1 ? 'another port' : 'other ports'}.`,
    remedies: [...(next === undefined ? [] : [listenOn(next, portCount)]), RETRY, EDIT],
  };
}

function explainTooMuchQueued(facts: Facts): Explanation {
  const limit = facts.number('limit');
  const setting = facts.is('isOfServer') ? SETTINGS.maxQueuedMegabytesPerServer : SETTINGS.maxQueuedMegabytes;
  return {
    summary: 'too much waits to be read',
    sentence: `${limit === undefined ? 'As much as may wait' : formatBytes(limit)} ${facts.is('isOfServer') ? 'on this SSH connection' : 'in all connections'} waits in memory for programs that do not read it. New connections are reset until they do, or end. The setting culvert.${setting} says how much may wait.`,
    remedies: [{ kind: 'open-setting', setting }],
  };
}

function explainPermissionDenied(facts: Facts): Explanation {
  const socket = facts.socket();
  if (socket.path !== '') return { ...describeSocketDenied(socket), remedies: [RETRY, EDIT] };
  const port = facts.number('port');
  const first = facts.number('firstUnprivileged') ?? 1024;
  const excluded = facts.text('excluded', '');
  if (port === undefined) return { summary: 'not permitted', sentence: 'This system does not let Culvert listen on that port.', remedies: [EDIT] };
  const recipe = facts.text('recipe', '');
  const instead = facts.number('freePort') ?? (port < first ? port + PRIVILEGED_OFFSET : undefined);
  return {
    ...describePortDenied({ port, first, system: facts.text('system', ''), excluded, instead }),
    remedies: [
      ...(instead !== undefined && (port < first || excluded !== '') ? [listenOn(instead)] : []),
      ...(recipe === '' ? [] : [{ kind: 'copy', title: 'Copy the System\'s Recipe', text: recipe } as const]),
      EDIT,
    ],
  };
}

/** The server says only that it refuses (RFC 4254 section 7.1), so each cause that is possible is named. */
function explainRemoteBindRefused(facts: Facts): Explanation {
  const address = facts.text('address', '');
  const port = Number(/:(\d+)$/.exec(address)?.[1] ?? 0);
  const holder = facts.text('heldBy', '');
  const refused = `${capitalised(facts.server())} let you in but did not listen${address === '' ? '' : ` on ${address}`}`;
  if (facts.isSocketAsked()) return explainRemoteSocketRefused(refused, holder);
  if (holder !== '') return { summary: `port in use by ${holder}`, sentence: `${refused}: ${holder} listens there already. Stop it, or choose another port.`, remedies: [RETRY, EDIT] };
  const isReserved = port > 0 && port < FIRST_UNPRIVILEGED;
  return {
    summary: 'server refuses to listen',
    sentence: `${refused}. Either a program there has the port${isReserved ? `, or ports below ${String(FIRST_UNPRIVILEGED)} need a login as root` : ''},`
      + ' or its sshd_config forbids it: AllowTcpForwarding, PermitListen and, for an address that is not its loopback, GatewayPorts decide.',
    remedies: [RETRY, { kind: 'copy', title: 'Copy sshd_config Lines', text: sshdLines(address) }, EDIT],
  };
}

/** sshd leaves its sockets behind, and says as little as of a port. */
function explainRemoteSocketRefused(refused: string, holder: string): Explanation {
  if (holder !== '') return { summary: `socket in use by ${holder}`, sentence: `${refused}: ${holder} listens there already. Stop it, or choose another path.`, remedies: [RETRY, EDIT] };
  const lines = ['AllowStreamLocalForwarding yes', '# Removes a socket that was left behind before it listens anew:', 'StreamLocalBindUnlink yes'].join('\n');
  return {
    summary: 'server refuses to listen',
    sentence: `${refused}. Either something has that path, such as a socket that an earlier connection left behind, or you may not write to its folder, or its sshd_config forbids it: AllowStreamLocalForwarding decides.`,
    remedies: [RETRY, { kind: 'copy', title: 'Copy sshd_config Lines', text: lines }, EDIT],
  };
}

const FIRST_UNPRIVILEGED = 1024;

/** For whoever runs the server. A PermitListen of our own would forbid what others may do now, so it stays a comment. */
function sshdLines(address: string): string {
  return [
    'AllowTcpForwarding yes',
    `# PermitListen, where it is set, has to name ${address === '' ? 'the address' : address}`,
    '# To listen on other addresses than the loopback:',
    '# GatewayPorts clientspecified',
    '# The line of your key in authorized_keys may forbid it too: restrict, permitlisten',
  ].join('\n');
}

function explainHostKeyMismatch(facts: Facts): Explanation {
  const keygen = facts.text('keygen', '');
  const keys = ` Expected ${facts.text('expected', 'another key')}, got ${facts.hostKey()}.`;
  if (!facts.has('file')) {
    return {
      summary: 'host key changed on the way',
      sentence: `${capitalised(facts.server())} showed another host key in the middle of the connection, as only someone does who has taken it over. It was ended.${keys}`,
      remedies: [SHOW_LOG],
    };
  }
  return {
    summary: 'host key has changed',
    sentence: `The host key of ${facts.server()} is not the one in ${facts.place()}. Someone may be listening in, or the server was set up anew. Nothing was sent to it.${keys}`,
    remedies: [...knownHostsFile(facts), ...(keygen === '' ? [] : [{ kind: 'copy', title: 'Copy ssh-keygen -R', text: keygen } as const])],
  };
}

function knownHostsFile(facts: Facts): Remedy[] {
  const path = facts.text('file', '');
  const line = facts.number('line');
  if (path === '') return [];
  return [{ kind: 'open-file', title: line === undefined ? 'Open known_hosts' : `Open known_hosts at Line ${String(line)}`, path, ...(line === undefined ? {} : { line }) }];
}

function configFile(facts: Facts): Remedy[] {
  const path = facts.text('file', '');
  const line = facts.number('line');
  return path === '' ? [] : [{ kind: 'open-file', title: 'Open ssh_config', path, ...(line === undefined ? {} : { line }) }];
}

function listenOn(port: number, portCount = 1): Remedy {
  return { kind: 'listen-on', port, ...(portCount === 1 ? {} : { portCount }) };
}
