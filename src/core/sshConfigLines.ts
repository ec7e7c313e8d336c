import { bracketed, formatHostPort, isSocketPath, LOOPBACK_HOST, type Endpoint } from './address.ts';
import { isProxy, portCountOf, type SshSpec } from './forwardSpec.ts';
import { nthEndpoint } from './portRange.ts';

const KEYWORDS = { local: 'LocalForward', remote: 'RemoteForward', dynamic: 'DynamicForward', 'remote-dynamic': 'RemoteForward' } as const;

/** The block of ssh_config(5) that makes this forward for its server. */
export function formatSshConfig(spec: SshSpec): string {
  const { host, user, port } = spec.target;
  return [
    `# For ~/.ssh/config. Then "ssh -N ${host}" runs it, as does every other ssh to ${host}.`,
    `Host ${quoted(host)}`,
    ...(user === undefined ? [] : [`  User ${quoted(user)}`]),
    ...(port === undefined ? [] : [`  Port ${String(port)}`]),
    ...forwardsOf(spec).map((line) => `  ${KEYWORDS[spec.kind]} ${line}`),
  ].join('\n');
}

/** One for each port: ssh_config has no ranges. */
function forwardsOf(spec: SshSpec): string[] {
  if (isProxy(spec)) return [listenText(spec.listen)];
  return Array.from({ length: portCountOf(spec) }, (_, index) => `${listenText(nthEndpoint(spec.listen, index))} ${connectText(nthEndpoint(spec.connect, index))}`);
}

function listenText(listen: Endpoint): string {
  if (isSocketPath(listen)) return pathText(listen.path);
  return listen.host === LOOPBACK_HOST ? String(listen.port) : quoted(`${bracketed(listen.host)}:${String(listen.port)}`);
}

function connectText(connect: Endpoint): string {
  return isSocketPath(connect) ? pathText(connect.path) : quoted(formatHostPort(connect));
}

/** In paths a percent sign begins a token (ssh_config(5), TOKENS), a colon ends the field, and a backslash saves it (readconf.c, parse_fwd_field). */
function pathText(path: string): string {
  return quoted(path.replaceAll('%', '%%').replaceAll(/[:\\]/g, String.raw`\$&`));
}

/** ssh_config(5): an argument with spaces stands in double quotes, where a backslash takes their meaning from both. */
function quoted(word: string): string {
  return /^[\w@%+=:,./[\]*-]+$/.test(word) ? word : `"${word.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
