import { readdirSync, readFileSync } from 'node:fs';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { outputOf } from './commands.mjs';

const GRACE_MS = 5_000;
const POLL_MS = 50;

/**
 * Ends a child and all that it started: asked first, then made to. Resolves when all of them are gone.
 * @param {import('node:child_process').ChildProcess} child
 */
export async function stopTree(child) {
  const pid = child.pid;
  if (pid === undefined) return;
  // Collected first: whose parent is gone belongs to init and is no longer found.
  const below = descendantsOf(pid);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;
  if (!hasEnded()) {
    const exit = once(child, 'exit');
    send(pid, 'SIGTERM');
    const timer = setTimeout(() => send(pid, 'SIGKILL'), GRACE_MS);
    await exit;
    clearTimeout(timer);
  }
  await endAll(below);
}

/**
 * Ends the processes that have this text in their command line; it must be one that nobody else can have, such as the path
 * of a new temporary folder.
 * @param {string} text
 */
export async function stopWhoNames(text) {
  if (process.platform === 'win32') return;
  const lines = (outputOf('ps', ['-axww', '-o', 'pid=,args=']) ?? '').split('\n').filter((line) => line.includes(text));
  await endAll(lines.map((line) => Number(line.trim().split(' ')[0])).filter((pid) => pid !== process.pid));
}

/** @param {readonly number[]} pids */
async function endAll(pids) {
  for (const pid of pids) send(pid, 'SIGTERM');
  const end = performance.now() + GRACE_MS;
  while (pids.some(isAlive)) {
    if (performance.now() > end) for (const pid of pids) send(pid, 'SIGKILL');
    await pause(POLL_MS);
  }
}

/**
 * All processes below this one, as the process table says now.
 * @param {number} pid
 * @returns {number[]}
 */
export function descendantsOf(pid) {
  const table = parents();
  const found = [pid];
  // Grows while it is walked: each found process is asked for its children in turn.
  for (const parent of found) found.push(...table.filter((entry) => entry.parent === parent).map((entry) => entry.pid));
  return found.slice(1);
}

/** @returns {{ readonly pid: number, readonly parent: number }[]} */
function parents() {
  if (process.platform === 'win32') return [];
  if (process.platform !== 'linux') {
    const lines = (outputOf('ps', ['-axo', 'pid=,ppid=']) ?? '').split('\n');
    return lines.map((line) => line.trim().split(/\s+/).map(Number)).map(([pid = 0, parent = 0]) => ({ pid, parent }));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: Number(statFields(Number(name))[1] ?? 0) }));
}

/**
 * The fields of proc(5) stat after the name, which may itself hold spaces and brackets: state, parent, …
 * @param {number} pid
 */
function statFields(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
  } catch {
    return [];
  }
}

/** @param {number} pid */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    // A zombie only waits for its parent and runs no more.
    return process.platform !== 'linux' || statFields(pid)[0] !== 'Z';
  } catch {
    return false;
  }
}

/**
 * Sends a signal; a process that is already gone is no error.
 * @param {number} pid
 * @param {NodeJS.Signals} signal
 */
export function send(pid, signal) {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}
