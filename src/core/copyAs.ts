import { isSocketPath, type Endpoint } from './address.ts';
import { formatNftables, formatNetsh, formatPf } from './firewallRules.ts';
import { isThroughSsh, listensOnServer, type ForwardSpec } from './forwardSpec.ts';
import { formatSshCommand } from './forwardText.ts';
import { formatSocat } from './socatCommand.ts';
import { formatSshConfig } from './sshConfigLines.ts';

/** The other programs whose words there are. */
export type CopyFormId = 'ssh' | 'ssh-config' | 'socat' | 'nftables' | 'pf' | 'netsh';

/** A forward in the words of another program that does the same. */
export interface CopyForm {
  readonly id: CopyFormId;
  readonly title: string;
  /** In one line, what it needs. */
  readonly detail: string;
  readonly text: string;
}

interface Kind extends Omit<CopyForm, 'text'> {
  /** Nothing where that program cannot do the same. */
  readonly format: (spec: ForwardSpec) => string | undefined;
}

const KINDS: readonly Kind[] = [
  { id: 'ssh', title: 'ssh Command', detail: 'OpenSSH; runs in a terminal that stays open', format: (spec) => (isThroughSsh(spec) && canSsh(spec) ? formatSshCommand(spec) : undefined) },
  { id: 'ssh-config', title: 'ssh_config Lines', detail: 'OpenSSH; forwards whenever ssh connects to that server', format: (spec) => (isThroughSsh(spec) && canSsh(spec) ? formatSshConfig(spec) : undefined) },
  { id: 'socat', title: 'socat Command', detail: 'Linux, BSD or macOS, with socat; as long as it runs', format: formatSocat },
  { id: 'nftables', title: 'nftables Rules', detail: 'Linux, as root; without a process, until the next boot', format: formatNftables },
  { id: 'pf', title: 'pf Rules', detail: 'BSD or macOS, as root; without a process, until the next boot', format: formatPf },
  { id: 'netsh', title: 'netsh Commands', detail: 'Windows, as administrator; by a service of the system, until they are deleted', format: formatNetsh },
];

/** Everything that a forward can be copied as; `homeFolder` is what `~` means on this machine. */
export function copyForms(spec: ForwardSpec, homeFolder: string): readonly CopyForm[] {
  const expanded = expandHome(spec, homeFolder);
  return KINDS.flatMap(({ format, ...form }) => {
    const text = format(expanded);
    return text === undefined ? [] : [{ ...form, text }];
  });
}

/** ssh(1) lets only a server choose a port, takes one port at a time on its command line, and has no named pipes. */
function canSsh(spec: ForwardSpec): boolean {
  const poles = 'connect' in spec ? [spec.listen, spec.connect] : [spec.listen];
  if (poles.some((pole) => isSocketPath(pole) && !canSshPath(pole.path))) return false;
  return listensOnServer(spec) || isSocketPath(spec.listen) || spec.listen.port > 0;
}

/** ssh replaces `${…}` in paths, with no way to say that it should not (ssh_config(5), ENVIRONMENT VARIABLES). */
function canSshPath(path: string): boolean {
  return path.startsWith('/') && !path.includes('${') && !/\p{Cc}/u.test(path);
}

/** Other programs have no `~`; on a server's side there is none. */
function expandHome(spec: ForwardSpec, homeFolder: string): ForwardSpec {
  const here = (endpoint: Endpoint): Endpoint => (
    isSocketPath(endpoint) && endpoint.path.startsWith('~/') ? { path: `${homeFolder}${endpoint.path.slice(1)}` } : endpoint);
  switch (spec.kind) {
    case 'local':
      return { ...spec, listen: here(spec.listen) };
    case 'remote':
      return { ...spec, connect: here(spec.connect) };
    case 'relay':
      return { ...spec, listen: here(spec.listen), connect: here(spec.connect) };
    case 'dynamic':
    case 'remote-dynamic':
    case 'udp':
      return spec;
  }
}
