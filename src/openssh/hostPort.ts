import type { SshDestination } from '../core/forwardSpec.ts';

/** `[user@]host[:port]` with brackets for IPv6, as parse_user_host_port of OpenSSH's misc.c; undefined when it is none. */
export function splitUserHostPort(text: string): SshDestination | undefined {
  const at = text.lastIndexOf('@');
  const user = at < 0 ? undefined : text.slice(0, at);
  if (user === '') return undefined;
  const found = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text.slice(at + 1));
  const host = found?.[1] ?? found?.[2];
  if (host === undefined || host === '') return undefined;
  const port = found?.[3] === undefined || found[3] === '' ? undefined : Number(found[3]);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) return undefined;
  return { host, ...(user === undefined ? {} : { user }), ...(port === undefined ? {} : { port }) };
}

/**
 * The host as ssh uses it: an address in its shortest form (getnameinfo with NI_NUMERICHOST), a name in small letters.
 */
export function canonicalHost(host: string): string {
  if (host.includes('%')) return host;
  if (host.includes(':')) return parseUrlHost(`[${host}]`)?.slice(1, -1) ?? host;
  // inet_aton(3), and the URL standard after it, read `127.1` and `2130706433` as addresses.
  if (/^[0-9.]+$/.test(host)) return parseUrlHost(host) ?? host;
  return host.toLowerCase();
}

function parseUrlHost(host: string): string | undefined {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : undefined;
}
