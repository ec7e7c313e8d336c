/** What is known about a port that the system did not give. */
export interface PermissionFacts {
  readonly port: number;
  /** The first port that needs no right. */
  readonly first: number;
  /** `process.platform`, or empty. */
  readonly system: string;
  /** The ports around it that Windows keeps for itself, `50000 to 50059`, or empty. */
  readonly excluded: string;
  /** What is offered in its place. */
  readonly instead: number | undefined;
}

/** In words, why the system did not give a port, and what it needs. */
export function describePortDenied({ port, first, system, excluded, instead }: PermissionFacts): { readonly summary: string; readonly sentence: string } {
  const other = instead === undefined ? 'Listen on another port' : `Listen on ${String(instead)}`;
  if (excluded !== '') {
    return {
      summary: 'Windows keeps this port',
      sentence: `Windows keeps the ports ${excluded} for itself, as Hyper-V, WSL and containers make it do, so Culvert may not listen on ${String(port)}. ${other} instead.`,
    };
  }
  if (port >= first) return { summary: 'not permitted', sentence: `This system does not let Culvert listen on port ${String(port)}.` };
  const reserved = `ports below ${String(first)} for administrators`;
  return {
    summary: `ports below ${String(first)} are reserved`,
    sentence: system === 'darwin'
      ? `macOS reserves ${reserved} on every address but the wildcard, so Culvert may not listen on ${String(port)}. ${other} instead, or on *:${String(port)}, which other machines reach too.`
      : `This system reserves ${reserved}, so Culvert may not listen on ${String(port)}. ${other} instead, or ${permissionOf(system)}.`,
  };
}

/** capabilities(7): setcap on a program gives the right to everything that runs in it, and the loader no longer trusts its libraries' paths. */
function permissionOf(system: string): string {
  return system === 'linux' ? 'lower net.ipv4.ip_unprivileged_port_start (setcap on the editor would give the right to every extension)' : "give the system's permission";
}
