/** A host (name or address, IPv6 without brackets) and a TCP port. */
export interface HostPort {
  readonly host: string;
  /** 0 to 65535; 0 only where a port is asked for and the system may choose. */
  readonly port: number;
}

/** A Unix socket by its absolute path, or a named pipe of Windows (`\\\\.\\pipe\\name`). A path here may begin with `~/`. */
export interface SocketPath {
  readonly path: string;
}

/** Either pole of a forward, and either end of a connection. */
export type Endpoint = HostPort | SocketPath;

/** Whether it is a path, of a Unix socket or a named pipe, and not a host with a port. */
export function isSocketPath(endpoint: Endpoint): endpoint is SocketPath {
  return 'path' in endpoint;
}

/** True for two spellings of one path; the names of pipes know no case. */
export function isSamePath(a: string, b: string): boolean {
  return comparablePath(a) === comparablePath(b);
}

function comparablePath(path: string): string {
  return path.startsWith('\\') ? path.toLowerCase() : path.replace(/\/+(?:\.\/+)*/g, '/');
}

/** Listening "everywhere": what ssh(1) writes as `*` or an empty bind address. */
export const WILDCARD_HOST = '*';

/** Listening on both loopbacks, 127.0.0.1 and ::1: what ssh(1) does when no bind address is given. */
export const LOOPBACK_HOST = 'localhost';

export const MAX_PORT = 65535;

/** `host:port`, with brackets around IPv6 as in RFC 3986 section 3.2.2. */
export function formatHostPort({ host, port }: HostPort): string {
  return `${bracketed(host)}:${String(port)}`;
}

/** `host:port`, or the path of a socket. */
export function formatEndpoint(endpoint: Endpoint): string {
  return isSocketPath(endpoint) ? endpoint.path : formatHostPort(endpoint);
}

/** Puts brackets around an IPv6 address and leaves everything else as it is. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

/** True for addresses and names that no other machine can reach. */
export function isLoopback(host: string): boolean {
  const lower = host.toLowerCase();
  return lower === LOOPBACK_HOST || lower.endsWith('.localhost') || /^[0:]*:0{0,3}1$/.test(lower) || isLoopbackV4(lower)
    || (lower.startsWith('::ffff:') && isLoopbackV4(lower.slice('::ffff:'.length)));
}

/** True for the bind addresses that mean every interface. */
export function isWildcard(host: string): boolean {
  return host === WILDCARD_HOST || host === '' || host === '0.0.0.0' || /^[0:]+$/.test(host);
}

/** The host as a client on this machine would dial a listener that is bound to `host`. */
export function dialableHost(host: string): string {
  return isWildcard(host) ? LOOPBACK_HOST : host;
}

function isLoopbackV4(host: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(host);
}
