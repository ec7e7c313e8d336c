import type { HostPort } from '../../core/address.ts';
import { canonicalHost } from './hostText.ts';

/**
 * Whether the `host:port` patterns of PermitRemoteOpen allow a destination: `any` and `none` alone, `*` for a host or a port,
 * and otherwise no patterns and no lookups (ssh_config(5)). What is no pattern allows nothing.
 */
export function isPermitted({ host, port }: HostPort, patterns: readonly string[] | undefined): boolean {
  if (patterns === undefined) return true;
  return patterns.some((pattern) => pattern === 'any' || matches(pattern, host, port));
}

function matches(pattern: string, host: string, port: number): boolean {
  const [, v6, name, digits] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):(\*|\d{1,5})$/.exec(pattern) ?? [];
  const allowed = v6 ?? name;
  if (allowed === undefined || digits === undefined) return false;
  return (allowed === '*' || canonicalHost(allowed) === host) && (digits === '*' || Number(digits) === port);
}
