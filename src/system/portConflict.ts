import { isWildcard, LOOPBACK_HOST, type HostPort } from '../core/address.ts';

/** Whether a listener keeps another from its address: the same one, or either of them everywhere. */
export function isInTheWay(listener: HostPort, wanted: HostPort): boolean {
  if (listener.port !== wanted.port) return false;
  if (isWildcard(wanted.host)) return true;
  const hosts = wanted.host.toLowerCase() === LOOPBACK_HOST ? ['127.0.0.1', '::1'] : [wanted.host.toLowerCase()];
  return hosts.some((host) => host === listener.host.toLowerCase() || isEverywhereFor(listener.host, host));
}

/** `::` takes IPv4 as well unless IPV6_V6ONLY is set (RFC 3493 section 5.3), which no table shows. */
function isEverywhereFor(listener: string, host: string): boolean {
  if (!isWildcard(listener)) return false;
  return listener === '::' || listener === '*' || !host.includes(':');
}
