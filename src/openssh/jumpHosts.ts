import type { SshDestination } from '../core/forwardSpec.ts';
import { splitUserHostPort } from './hostPort.ts';

/** Reads the value of ProxyJump, `[user@]host[:port]` or `ssh://…`, separated by commas; undefined when a part is wrong. */
export function parseJumpHosts(value: string): SshDestination[] | undefined {
  const hosts: SshDestination[] = [];
  for (const part of value.split(',')) {
    const host = part.startsWith('ssh://') ? parseUri(part.slice('ssh://'.length)) : splitUserHostPort(part);
    if (host === undefined) return undefined;
    hosts.push(host);
  }
  return hosts;
}

/** `[user[;parameters]@]host[:port][/]` as parse_uri of OpenSSH's misc.c reads it; a path is not allowed. */
function parseUri(text: string): SshDestination | undefined {
  const at = text.indexOf('@');
  const address = splitUserHostPort(text.slice(at + 1).replace(/\/$/, ''));
  if (address === undefined || address.host.includes('/')) return undefined;
  if (at < 0) return address;
  const user = decodeUser(text.slice(0, at).replace(/;.*$/s, ''));
  return user === undefined || user === '' ? undefined : { ...address, user };
}

function decodeUser(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
