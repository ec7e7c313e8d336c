import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { eventually } from './eventually.ts';
import { run } from './processes.ts';

/** A user of the system with a password of its own: what a real sshd needs for password logins. */
export interface TestUser {
  readonly name: string;
  readonly password: string;
  readonly home: string;
  /** Ends what the user runs, and removes the user and the home folder. */
  remove(): Promise<void>;
}

/** True when users can be added: as root on a system that has useradd. */
export function canCreateTestUser(): boolean {
  return process.getuid?.() === 0 && existsSync('/usr/sbin/useradd');
}

export async function createTestUser(): Promise<TestUser> {
  const name = `culvert${randomBytes(4).toString('hex')}`;
  const password = `pw-${randomBytes(6).toString('hex')}`;
  const home = `/tmp/${name}`;
  await run('/usr/sbin/useradd', ['--create-home', '--home-dir', home, '--shell', '/bin/bash', name]);
  await run('/usr/sbin/chpasswd', [], `${name}:${password}\n`);
  return { name, password, home, remove: () => removeUser(name, home) };
}

async function removeUser(name: string, home: string): Promise<void> {
  // userdel refuses while a session of the user is still ending.
  await eventually(async () => {
    await run('/usr/sbin/userdel', ['--force', name]);
    return true;
  });
  await rm(home, { recursive: true, force: true });
}
