import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const SETTING = '/proc/sys/net/ipv4/tcp_congestion_control';

/** The loopback of a new network namespace is down, and cubic may be one of those that only the machine's own may have. */
const PREPARE = `ip link set lo up && for name in cubic reno; do { echo "$name" > ${SETTING}; } 2>/dev/null && break; done; exec "$@"`;

/**
 * A command, in a network namespace of its own where the kernel's default for TCP is BBR and the user is root. BBR judges a path
 * by ten of its round trips, which on the loopback is less than a millisecond: a process that was not scheduled in time is a path
 * of 30 MB/s to it, and it is the scheduler that is measured. What is in the namespace has cubic, or else reno.
 * @param {string} program
 * @param {readonly string[]} words
 * @returns {[program: string, words: readonly string[]]}
 */
export function onSteadyLoopback(program, words) {
  const isPossible = process.platform === 'linux' && readFileSync(SETTING, 'utf8').startsWith('bbr') && spawnSync('unshare', ['--net', 'true']).status === 0;
  return isPossible ? ['unshare', ['--net', 'sh', '-c', PREPARE, 'sh', program, ...words]] : [program, words];
}
