import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { findProgram, runProgram, timed } from './commands.mjs';

/** What the integration and end-to-end tests need from the system: the program looked for, and Debian's package. */
const PACKAGES = [
  { program: 'sshd', name: 'openssh-server' },
  { program: 'ssh', name: 'openssh-client' },
  { program: 'dropbear', name: 'dropbear-bin' },
  { program: 'chromium', name: 'chromium' },
  { program: 'socat', name: 'socat' },
  { program: 'curl', name: 'curl' },
  { program: 'telnet', name: 'inetutils-telnet' },
  { program: 'telnetd', name: 'inetutils-telnetd' },
  { program: 'tcpdump', name: 'tcpdump' },
  { program: 'ip', name: 'iproute2' },
  { program: 'nft', name: 'nftables' },
  { program: 'setpriv', name: 'util-linux' },
  { program: 'python3', name: 'python3' },
  { program: 'puttygen', name: 'putty-tools' },
  { program: 'pg_ctlcluster', name: 'postgresql' },
  { program: 'git', name: 'git' },
  { program: 'dig', name: 'bind9-dnsutils' },
  { program: 'dnsmasq', name: 'dnsmasq-base' },
  { program: 'nginx', name: 'nginx-light' },
];

/**
 * Installs what is missing where that is possible without asking; elsewhere says what to run.
 * @param {readonly { readonly program: string, readonly name: string }[]} [more] What is needed beside what the tests need.
 */
export async function installSystemPackages(more = []) {
  const missing = [...PACKAGES, ...more].filter(({ program, name }) => !isPresent(program, name)).map(({ name }) => name);
  if (missing.length === 0) return;
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  if (process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    throw new Error(`This needs ${missing.join(', ')}. On Debian or Ubuntu, run:\n\n    ${manualCommand(install)}\n`);
  }
  await timed(`Installing ${missing.join(', ')} (apt-get, about 60 s)`, async () => {
    // Without a terminal no package may ask; and a package's service must not start beside the tests' own servers.
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
    for (const programArguments of [['update', '--quiet'], install]) {
      const code = await runProgram('apt-get', programArguments, { env, isQuiet: true });
      if (code !== 0) throw new Error(`apt-get ${programArguments[0]} failed (exit code ${code}). Its own message is above.`);
    }
  });
}

/**
 * @param {string} program
 * @param {string} name
 */
function isPresent(program, name) {
  const chosenBrowser = process.env['CHROMIUM'];
  if (name === 'chromium' && chosenBrowser !== undefined) return existsSync(chosenBrowser);
  return findProgram(program) !== undefined;
}

/** @param {readonly string[]} install */
function manualCommand(install) {
  return `sudo apt-get update && sudo apt-get ${install.join(' ')}`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await installSystemPackages();
