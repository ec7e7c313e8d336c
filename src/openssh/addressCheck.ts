import { isLoopback } from '../core/address.ts';
import type { HostKeyEvidence, HostKeyVerdict } from './hostKeyCheck.ts';
import type { HostKeyPolicy } from './hostKeyPolicy.ts';
import { knownHostsName, lookUp, type KnownHostsLine } from './knownHosts.ts';

/**
 * The name under which known_hosts has the address that was reached; undefined where CheckHostIP is off or means nothing:
 * for this machine itself, behind a proxy, and where the host is that address (check_host_key of OpenSSH's sshconnect.c).
 */
export function checkedAddressName({ host, port, address }: HostKeyEvidence, policy: HostKeyPolicy): string | undefined {
  if (policy.checksAddress !== true || address === undefined || address === host || isLoopback(address)) return undefined;
  return knownHostsName({ host: address, port });
}

/**
 * Adds to a verdict what CheckHostIP finds out: a key that the address is not known by is a changed one, and a new address of
 * a host that is known or becomes so is to be written down. Stricter than ssh where it would ask: a changed key is never
 * accepted. With StrictHostKeyChecking no it warns, as ssh does.
 */
export function withAddressCheck(verdict: HostKeyVerdict, evidence: HostKeyEvidence, policy: HostKeyPolicy, lines: readonly KnownHostsLine[]): HostKeyVerdict {
  const name = checkedAddressName(evidence, policy);
  if (name === undefined || verdict.status === 'mismatch' || verdict.status === 'revoked') return verdict;
  const { host, port, key } = evidence;
  const { status, at, others } = lookUp(lines, { host, port, key, alias: name });
  if (status === 'unknown') return { ...verdict, newAddress: name };
  if (status === 'known') return verdict;
  if (status === 'mismatch' && policy.strictness === 'no') {
    return { ...verdict, warning: `the key differs from the one for the address ${name} in ${at?.file ?? ''} line ${String(at?.line ?? '')}` };
  }
  return { ...verdict, status, others, name, ...at };
}
