import { formatEndpoint, isSocketPath, type Endpoint } from './address.ts';

/** The endpoint of one port of a range, counted from 0; a socket has no others. */
export function nthEndpoint<T extends Endpoint>(first: T, index: number): T {
  return isSocketPath(first) ? first : { ...first, port: first.port + index };
}

/** `first-last`, or the port alone. */
export function formatPorts(first: number, portCount: number): string {
  return portCount < 2 ? String(first) : `${String(first)}-${String(first + portCount - 1)}`;
}

/** `host:port`, `host:first-last` for a range, or the path of a socket. */
export function formatEndpoints(first: Endpoint, portCount: number): string {
  if (isSocketPath(first) || portCount < 2) return formatEndpoint(first);
  return `${formatEndpoint(first)}-${String(first.port + portCount - 1)}`;
}
