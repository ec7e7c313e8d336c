import type { SshDestination } from '../core/forwardSpec.ts';
import { ForwardError, untrustedText } from '../core/failure.ts';

/** The longest name that getaddrinfo(3) could resolve is 255 (RFC 1035 section 2.3.4). */
const MAX_LENGTH = 255;

/** Control characters, bidirectional and other invisible marks, private and unassigned characters. */
const INVISIBLE = /\p{C}/u;

/**
 * Why no program may see this host name, or undefined when it may. As `ssh_valid_hostname` of OpenSSH's readconf.c, and
 * stricter where a name would change its meaning (`user@host`, `ssh://`) or hide something.
 */
export function hostComplaint(host: string): string | undefined {
  if (host === '') return 'it is empty';
  if (host.length > MAX_LENGTH) return `it is longer than ${MAX_LENGTH} characters`;
  if (host.startsWith('-')) return 'it begins with "-"';
  if (INVISIBLE.test(host)) return 'it has control or invisible characters';
  if (/\s/u.test(host)) return 'it has a space';
  if (host.includes('@')) return 'it has an "@"';
  if (/^ssh:\/\//i.test(host)) return 'it is a URI';
  const found = /['`"$\\;&<>|(){},]/.exec(host);
  return found === null ? undefined : `it has the character ${found[0]}`;
}

/** Why no program may see this user name, or undefined when it may; as `ssh_valid_ruser` of OpenSSH's readconf.c. */
export function userComplaint(user: string): string | undefined {
  if (user === '') return 'it is empty';
  if (user.length > MAX_LENGTH) return `it is longer than ${MAX_LENGTH} characters`;
  if (user.startsWith('-')) return 'it begins with "-"';
  if (INVISIBLE.test(user)) return 'it has control or invisible characters';
  if (/\s-/u.test(user)) return 'it has a space before a "-"';
  if (user.endsWith('\\')) return 'it ends with "\\"';
  const found = /['`";&<>|(){}$]/.exec(user);
  return found === null ? undefined : `it has the character ${found[0]}`;
}

/** Refuses with `config-invalid` what must never reach a program's arguments. */
export function assertDestination({ host, user, port }: SshDestination): void {
  const inHost = hostComplaint(host);
  if (inHost !== undefined) throw refusal('host', host, inHost);
  const inUser = user === undefined ? undefined : userComplaint(user);
  if (user !== undefined && inUser !== undefined) throw refusal('user', user, inUser);
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65535)) {
    throw refusal('port', String(port), 'it is not between 1 and 65535');
  }
}

/** What would not stay one harmless word of a shell's command line. */
const NOT_IN_COMMANDS = /[\s\p{C}'`"$\\;&<>|(){}]/u;

/**
 * Refuses with `config-invalid` a name that ssh_config gives a host or user and that would become more than a name in the
 * command line of its ProxyCommand, where ssh puts it as it is. ssh refuses such names only where they were typed.
 */
export function assertShellSafe(command: string, tokens: Readonly<Record<string, string>>): void {
  for (const [, letter = ''] of command.replaceAll('%%', '').matchAll(/%([hnkr])/g)) {
    const value = tokens[letter] ?? '';
    const isName = letter === 'r' ? userComplaint(value) === undefined : !value.startsWith('-') && !NOT_IN_COMMANDS.test(value);
    if (isName) continue;
    const shown = untrustedText(value, 60);
    throw new ForwardError('config-invalid', `The ProxyCommand would get "${shown}" for %${letter}, and a shell would read more than a name in it.`, {
      context: { option: 'ProxyCommand', value: shown },
    });
  }
}

function refusal(what: 'host' | 'user' | 'port', value: string, reason: string): ForwardError {
  const shown = untrustedText(value, 60);
  return new ForwardError('config-invalid', `The SSH ${what} "${shown}" is refused: ${reason}.`, {
    context: { what, value: shown, reason },
  });
}
