import { MAX_SOCKET_PATH_BYTES } from '../core/socketPathLimit.ts';
import { expandTokens } from './tokens.ts';
import type { SshEnvironment } from './sshEnvironment.ts';

export type ConfiguredForwardKind = 'local' | 'remote' | 'dynamic';

/** The keywords of ssh_config(5) that describe forwards. */
export const FORWARD_KEYWORDS: Readonly<Record<string, ConfiguredForwardKind>> = {
  localforward: 'local',
  remoteforward: 'remote',
  dynamicforward: 'dynamic',
};

/** NI_MAXHOST: parse_forward of OpenSSH's readconf.c refuses longer ones. */
const MAX_HOST_LENGTH = 1024;

/** A Unix socket's path, or a host with a port; without a host the address is left to ssh. */
export type ForwardPole = { readonly path: string } | { readonly host?: string; readonly port: number };

/** One forward as parse_forward of OpenSSH's readconf.c reads it. */
export interface ForwardLine {
  readonly listen: ForwardPole;
  /** Absent for SOCKS: where to connect is asked for each connection. */
  readonly connect?: ForwardPole;
}

export type ForwardLineResult = ForwardLine | { readonly reason: string };

interface Field {
  readonly text: string;
  readonly isPath: boolean;
}

/** Reads the arguments of LocalForward, RemoteForward or DynamicForward; `${NAME}` is replaced from `env`, and left alone without it. */
export function readForwardLine(kind: ConfiguredForwardKind, parts: readonly string[], env?: SshEnvironment['env']): ForwardLineResult {
  const [listen, connect, ...others] = parts;
  if (listen === undefined || listen === '') return { reason: 'its argument is missing' };
  if (kind === 'local' && (connect === undefined || connect === '')) return { reason: 'its destination is missing' };
  const isTwofold = kind !== 'dynamic' && connect !== undefined && connect !== '';
  if (others.length > 0 || (connect !== undefined && kind === 'dynamic')) return { reason: 'it has more arguments than it takes' };
  const text = isTwofold ? `${listen}:${connect}` : listen;
  const expanded = env === undefined ? text : expandVariables(text, env);
  const fields = expanded === undefined ? undefined : splitFields(expanded.replace(/^\s+/, ''));
  const line = fields === undefined ? undefined : readFields(fields, isTwofold);
  if (line === undefined || !isUsable(line, kind)) return { reason: `"${text}" is no forward` };
  return line;
}

function expandVariables(text: string, env: SshEnvironment['env']): string | undefined {
  try {
    // ssh expands variables before it looks for paths, and tokens in paths only afterwards.
    return expandTokens('', text.replaceAll('%', '%%'), {}, env);
  } catch {
    return undefined;
  }
}

/** parse_fwd_field of OpenSSH's readconf.c: colons separate, brackets and backslashes protect. */
function splitFields(text: string): Field[] | undefined {
  const fields: Field[] = [];
  let rest = text;
  while (rest !== '') {
    const found = /^(?:\[(?<literal>[^\]]*)\](?::|$)|(?<plain>(?:\\.|[^:\\])*)(?::|$))/s.exec(rest);
    if (found === null || (rest.startsWith('[') && found.groups?.literal === undefined)) return undefined;
    const field = found.groups?.literal ?? (found.groups?.plain ?? '').replace(/\\(.)/gs, '$1');
    fields.push({ text: field, isPath: field.includes('/') });
    rest = rest.slice(found[0].length);
  }
  return fields;
}

function readFields(fields: readonly Field[], isTwofold: boolean): ForwardLine | undefined {
  const listen = readPole(fields, 0, isTwofold ? fields.length - poleLength(fields) : fields.length);
  if (listen === undefined) return undefined;
  if (!isTwofold) return { listen };
  const connect = readPole(fields, fields.length - poleLength(fields), fields.length);
  return connect === undefined || isHostless(connect) ? undefined : { listen, connect };
}

/** A destination is one field when it is a path, else two: a host and its port. */
function poleLength(fields: readonly Field[]): number {
  return fields.at(-1)?.isPath === true ? 1 : 2;
}

function isHostless(pole: ForwardPole): boolean {
  return 'port' in pole && pole.host === undefined;
}

function readPole(fields: readonly Field[], from: number, to: number): ForwardPole | undefined {
  const [first, second, ...others] = fields.slice(Math.max(from, 0), to);
  if (first === undefined || others.length > 0) return undefined;
  if (second === undefined) return first.isPath ? { path: first.text } : portOf(first.text);
  const port = portOf(second.text);
  return port === undefined ? undefined : { host: first.text, ...port };
}

function portOf(text: string): { port: number } | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) <= 65535 ? { port: Number(text) } : undefined;
}

function isUsable({ listen, connect }: ForwardLine, kind: ConfiguredForwardKind): boolean {
  if ('port' in listen && listen.port === 0 && kind !== 'remote') return false;
  if (connect !== undefined && 'port' in connect && connect.port === 0) return false;
  return [listen, ...(connect === undefined ? [] : [connect])].every(isShort);
}

function isShort(pole: ForwardPole): boolean {
  return 'path' in pole ? Buffer.byteLength(pole.path) <= MAX_SOCKET_PATH_BYTES : (pole.host ?? '').length < MAX_HOST_LENGTH;
}

/** What follows `-L`, `-R` or `-D` to mean the same (ssh(1)). */
export function formatForwardLine({ listen, connect }: ForwardLine): string {
  // An empty bind address means every interface, as `*` does.
  const shown = 'port' in listen && listen.host === '' ? { ...listen, host: '*' } : listen;
  return connect === undefined ? formatPole(shown) : `${formatPole(shown)}:${formatPole(connect)}`;
}

function formatPole(pole: ForwardPole): string {
  if ('path' in pole) return /[:\\]/.test(pole.path) ? `[${pole.path}]` : pole.path;
  const { host, port } = pole;
  if (host === undefined) return String(port);
  return /[:\\]/.test(host) ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
